export function driftOf(zig: string, model: string): string[];
