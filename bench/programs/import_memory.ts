import "../../lib/memory/mod.ts";
