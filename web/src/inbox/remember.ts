// What the page keeps of how it is used, in this browser alone.  Losing it
// costs no more than a click.

export function recall(name: string): string {
  try {
    return localStorage.getItem(`sealchat-${name}`) ?? "";
  } catch {
    return "";
  }
}

/** "missing" from the moment at which an account is made until its kit was
 * kept: whoever closes the page in between is told. */
export const KIT = "kit";

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`sealchat-${name}`, value);
  } catch {
    // Storage is full or denied: it is asked again next time.
  }
}
