import { SharedMemory } from "../../lib/memory/mod.ts";

SharedMemory.anonymous(4096).close();
