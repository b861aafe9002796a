import "../../dist/mod.js";
