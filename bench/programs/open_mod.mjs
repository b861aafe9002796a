import { SharedMemory } from "../../dist/mod.js";

SharedMemory.anonymous(4096).close();
