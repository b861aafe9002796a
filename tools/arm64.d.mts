export function missing(): string[];
export function arm64Command(name: "node" | "bun"): string[];
export function setupArm64(): Promise<void>;
