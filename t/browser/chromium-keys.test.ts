import { tellOfKeys } from "./keys.ts";

tellOfKeys("chromium");
