import { tellEveryDay } from "./every-day.ts";

tellEveryDay("chromium");
