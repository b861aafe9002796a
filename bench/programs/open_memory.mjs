import { SharedMemory } from "../../dist/lib/memory/mod.js";

SharedMemory.anonymous(4096).close();
