// What the visitor chose, for all conversations of this site.

const SOUND = "sealchat-sound";

export function remembersSound(): boolean {
  try {
    return localStorage.getItem(SOUND) !== "off";
  } catch {
    return true;
  }
}

export function rememberSound(on: boolean): void {
  try {
    localStorage.setItem(SOUND, on ? "on" : "off");
  } catch {
    // Storage is denied: the choice does not outlive this page, nor begin.
  }
}
