// The language that the widget speaks: the page's, or else the visitor's.

import { speak } from "../../ui/language.ts";
import { ar } from "./ar.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { es } from "./es.ts";
import { fr } from "./fr.ts";
import type { Words } from "./words.ts";

const languages: Record<string, Words> = { en, de, fr, es, ar };

export let words: Words = en;

/** "en" of "en-GB". */
const primary = (tag: string) => tag.split("-")[0]!.toLowerCase();

/** Of the tags that somebody would like, in their order, the first known. */
export function chooseLanguage(wanted: readonly string[]): void {
  const known = wanted.filter((tag) => Object.hasOwn(languages, primary(tag)));
  const tag = primary(known[0] ?? "en");
  // The visitor's own variety of it knows how times are written there.
  const variety =
    [...known, ...navigator.languages].find(
      (other) => primary(other) === tag && other.includes("-"),
    ) ?? tag;

  language = tag;
  words = languages[tag]!;
  speak(words, variety);
}

export let language = "en";

/** With a name in its place, which may run the other way than the text. */
export function named(text: string, name: string): string {
  return text.replaceAll("{}", () =>
    language === "ar" ? `\u2068${name}\u2069` : name,
  );
}
