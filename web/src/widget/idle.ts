// Work that nobody waits for, in a task of its own when the page has nothing
// better to do.

const PATIENCE_MS = 1000;

export function whenIdle(work: () => void): void {
  if ("requestIdleCallback" in window) {
    requestIdleCallback(work, { timeout: PATIENCE_MS });
  } else setTimeout(work, 100);
}
