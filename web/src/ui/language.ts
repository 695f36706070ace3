// The language of this page's SealChat: its words, and how it writes times.

import type { SharedWords } from "./words.ts";

/** Chosen before anything is drawn. */
export let shared: SharedWords;

let locale: string | undefined;

const formats = new Map<object, Intl.DateTimeFormat>();

/** Without a tag times are written as the browser itself writes them. */
export function speak(words: SharedWords, tag?: string): void {
  shared = words;
  locale = tag;
  formats.clear();
}

// Made when first asked for: it takes the browser some milliseconds.
function format(options: Intl.DateTimeFormatOptions, time: number): string {
  let made = formats.get(options);
  if (made === undefined) {
    made = new Intl.DateTimeFormat(locale, options);
    formats.set(options, made);
  }
  return made.format(time);
}

const CLOCK = { timeStyle: "short" } as const;
const MOMENT = { dateStyle: "medium", timeStyle: "short" } as const;
const DATE = { day: "numeric", month: "long", year: "numeric" } as const;
const WEEKDAY = { weekday: "long", day: "numeric", month: "long" } as const;

export function startOfDay(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

export function dayName(time: number, now = Date.now()): string {
  const days = Math.round((startOfDay(time) - startOfDay(now)) / 86_400_000);

  if (days === 0 || days === -1) {
    const name = new Intl.RelativeTimeFormat(locale, {
      numeric: "auto",
    }).format(days, "day");

    return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
  }

  const sameYear = new Date(now).getFullYear() === new Date(time).getFullYear();

  return format(sameYear ? WEEKDAY : DATE, time);
}

export const timeOfDay = (time: number) => format(CLOCK, time);

export const moment = (time: number) => format(MOMENT, time);

export const count = (number: number) => number.toLocaleString(locale);
