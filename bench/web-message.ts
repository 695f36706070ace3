// Runs in a page (web.ts): sealing one text of 200 characters as a visitor
// does, and verifying and opening it as a device of the customer does.

import { generate } from "../web/src/crypto/ed25519.ts";
import * as kem from "../web/src/crypto/kem.ts";
import { openMessage, sealMessage } from "../web/src/crypto/message.ts";
import { signkeyIdOf } from "../web/src/crypto/names.ts";
import { verifyThing } from "../web/src/crypto/signed.ts";
import { toUtf8 } from "../web/src/wire/bytes.ts";
import { BodyKind } from "../web/src/wire/body.ts";
import { decodeEnvelope } from "../web/src/wire/envelope.ts";
import type { Suite } from "../web/src/wire/suite.ts";

const WARM_UP = 20;
const ROUNDS = 200;

/** Mean ms of one round; clocks of browsers are too coarse for a single one. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  for (let round = 0; round < WARM_UP; round++) await work();

  const began = performance.now();
  for (let round = 0; round < ROUNDS; round++) await work();
  return (performance.now() - began) / ROUNDS;
}

async function benchMessage(suite: Suite) {
  const sign = await generate();
  const roster = await kem.generate(suite);
  const session = await kem.generate(suite);
  const filled = (n: number) => new Uint8Array(32).fill(n);
  const head = {
    type: 1,
    direction: 1,
    cid: filled(1),
    sid: filled(2),
    signkeyId: await signkeyIdOf(sign.pk),
    seq: 1,
    time: Date.now(),
    prev: filled(0),
    rosterId: filled(3),
  } as const;
  const content = toUtf8("Is the oven hot? ".repeat(12).slice(0, 200));
  const body = { kind: BodyKind.text, heads: [filled(4)], content };

  const sealOne = () =>
    sealMessage(head, [roster, session], body, sign.privateKey);
  const { envelope } = await sealOne();

  const openOne = async () => {
    const decoded = decodeEnvelope(envelope);
    const genuine = await verifyThing("envelope", envelope, sign.pk);
    const opened = decoded && (await openMessage(decoded, 0, roster));
    if (!genuine || !opened) throw new Error("the message did not open");
  };

  return { seal: await timed(sealOne), open: await timed(openOne) };
}

Object.assign(globalThis, { benchMessage });
