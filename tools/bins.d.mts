export type Lane = "deno" | "bun" | "node26" | "node20";
export const root: string;
export const lanes: Lane[];
export function bin(name: "zig" | Lane): string;
