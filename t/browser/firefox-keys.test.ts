import { tellOfKeys } from "./keys.ts";

tellOfKeys("firefox");
