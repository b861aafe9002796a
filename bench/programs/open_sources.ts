// As a program does that imports hawser by its URL: nothing is bundled then.
import { SharedMemory } from "../../lib/memory/mod.ts";

SharedMemory.anonymous(4096).close();
