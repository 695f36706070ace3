// A widget is named by the hash that its snippet carries: the first 32 bytes
// of the SHA-384 of its file.  The widget reads it from its own element; the
// inbox knows the one that it was built with.

import { toHex } from "../wire/bytes.ts";

export const RELEASE_BYTES = 32;

const INTEGRITY = /^sha384-([A-Za-z0-9+/]{64})$/;

/** Undefined for anything but one SHA-384. */
export function releaseOf(integrity: string): Uint8Array | undefined {
  const found = INTEGRITY.exec(integrity.trim())?.[1];
  if (found === undefined) return undefined;

  const bytes = Uint8Array.from(atob(found), (char) => char.charCodeAt(0));
  return bytes.slice(0, RELEASE_BYTES);
}

/** As the client names releases: hex. */
export function releaseName(integrity: string): string {
  const release = releaseOf(integrity);

  return release === undefined ? "" : toHex(new Uint8Array(release));
}
