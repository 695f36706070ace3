import type { Alarm } from "./types.ts";

/** Thrown where going on would be unsafe; the page shows the alarm. */
export class AlarmError extends Error {
  readonly alarm: Alarm;

  constructor(code: Alarm["code"], detail: string) {
    super(detail);
    this.name = "AlarmError";
    this.alarm = { code, detail };
  }
}
