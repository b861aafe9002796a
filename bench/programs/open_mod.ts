import { SharedMemory } from "../../mod.ts";

SharedMemory.anonymous(4096).close();
