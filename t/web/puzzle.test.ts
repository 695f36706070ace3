// How a puzzle takes its turns: a page that is seen goes on between few hashes,
// a tab that nobody sees gets a timer a second and is not held up by them.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { solve } from "../../web/src/crypto/puzzle.ts";

const SUBJECT = new Uint8Array(32);
const BITS = 11;
const { setTimeout: realTimeout } = globalThis;

afterEach(() => {
  globalThis.setTimeout = realTimeout;
  Reflect.deleteProperty(globalThis, "document");
});

/** The solution of that challenge, and how many timers it waited for. */
async function solved(challenge: number, document?: { hidden: boolean }) {
  let timers = 0;
  globalThis.setTimeout = ((done: () => void) => {
    timers++;
    return realTimeout(done);
  }) as typeof setTimeout;
  if (document) Object.defineProperty(globalThis, "document", {
    value: document, configurable: true,
  });
  const n = await solve(new Uint8Array(32).fill(challenge), SUBJECT, BITS);
  globalThis.setTimeout = realTimeout;
  Reflect.deleteProperty(globalThis, "document");
  return { n, timers };
}

/** One that a few times 256 hashes do not solve. */
async function farSolution() {
  for (let challenge = 1; ; challenge++) {
    const { n, timers } = await solved(challenge);
    if (n >= 512) return { challenge, n, timers };
  }
}

test("seen, it waits for a timer every 256 hashes; hidden, for none of these", async () => {
  const { challenge, n, timers } = await farSolution();
  assert.ok(n < 32_768);
  assert.equal(timers, Math.floor(n / 256));
  assert.deepEqual(await solved(challenge, { hidden: false }), { n, timers });
  assert.deepEqual(await solved(challenge, { hidden: true }), { n, timers: 0 });
});

test("hidden on the way, it stops waiting", async () => {
  const document = { hidden: false };
  const { challenge, n } = await farSolution();
  const work = solved(challenge, document);
  document.hidden = true;
  assert.deepEqual(await work, { n, timers: 1 });
});
