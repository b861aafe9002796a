import "../../dist/lib/memory/mod.js";
