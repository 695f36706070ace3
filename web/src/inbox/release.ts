// The release of the widget that this inbox was built with.

import type { Conversation } from "../client/types.ts";
import { releaseName } from "../ui/release.ts";

declare const SEALCHAT_WIDGET_SRI: string;

export const WIDGET_SRI = SEALCHAT_WIDGET_SRI;
export const OWN_RELEASE = releaseName(WIDGET_SRI);

/** Another release than this inbox's own; unknown ones say nothing. */
export function isOther(release: string): boolean {
  return !/^0*$/.test(release) && release !== OWN_RELEASE;
}

/**
 * The release that visitors come with, if it is another one.  The newest
 * visitor decides: earlier ones may have come before the snippet was renewed.
 */
export function otherRelease(
  conversations: readonly Conversation[],
): string | undefined {
  const newest = conversations.find(({ release }) => !/^0*$/.test(release));

  return newest && isOther(newest.release) ? newest.release : undefined;
}
