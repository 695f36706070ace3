// What the widget says.  Each language has a file of its own; all of them are
// in the one bundle, so that a word more costs every visitor.

import type { VisitorAlarm } from "../../client/types.ts";
import type { AlarmWords, SharedWords } from "../../ui/words.ts";

/** "{}" stands for the name of the business, or of who answers for it. */
export interface Words extends SharedWords {
  readonly launcher: string;
  /** Before their count. */
  readonly unread: string;
  readonly close: string;
  readonly back: string;
  readonly menu: string;
  readonly lock: string;
  readonly greeting: string;
  readonly conversation: string;
  readonly placeholder: string;
  readonly you: string;
  readonly typing: string;
  readonly offline: string;
  /** After offline, when something waits. */
  readonly kept: string;
  readonly ending: string;
  readonly closed: string;
  readonly deleted: string;
  readonly blocked: string;
  /** After deleted. */
  readonly anew: string;
  readonly storageFailed: string;

  readonly safetyTitle: string;
  readonly safetyHow: string;
  readonly safetyCompare: string;

  /** Of a menu entry and its page: a code for going on elsewhere. */
  readonly goOn: string;
  readonly goOnText: string;
  readonly copyCode: string;
  readonly copied: string;
  readonly haveCode: string;
  readonly enter: string;
  readonly wrongCode: string;

  readonly sound: string;
  readonly copy: string;
  readonly end: string;
  readonly endText: string;

  /** What happened, as the title of an alarm. */
  readonly unverified: string;
  readonly unavailable: string;
  readonly conflict: string;
  /** What to do about it. */
  readonly checkCode: string;
  readonly reload: string;
}

/** Of those that are reason to worry. */
export function alarmWords(
  words: Words,
): Record<Exclude<VisitorAlarm, "blocked">, AlarmWords> {
  const { unverified, unavailable, conflict, checkCode, otherWay } = words;
  const code = { title: unverified, text: checkCode };

  return {
    "roster-other-identity": code,
    "roster-invalid": code,
    "roster-below-minimum": code,
    "roster-contradicts": { title: unverified, text: otherWay },
    "roster-expired": { title: unavailable, text: otherWay },
    "session-conflict": { title: conflict, text: otherWay },
    "not-here": { title: unavailable, text: checkCode },
    refused: { title: unavailable, text: words.reload },
  };
}
