import { tellTwelveSteps } from "./twelve-steps.ts";

tellTwelveSteps("chromium");
