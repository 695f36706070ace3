// The generated codec: every frame of the tables.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { concat, type Bytes } from "../../web/src/wire/bytes.ts";
import * as f from "../../web/src/wire/frames.gen.ts";

const codec = f as unknown as Record<string, any>;
const capital = (name: string) => name[0]!.toUpperCase() + name.slice(1);

/** One frame with its fields, small but not empty. */
const id = (n: number) => new Uint8Array(32).fill(n) as Bytes;
const some = (n: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => (n * 31 + i) & 255) as Bytes;

const samples: Record<f.FrameName, object> = {
  auth: {
    role: 1, subject: id(1), sig: some(2, 64), puzzle: 3, release: id(4),
    hello: some(5, 207),
  },
  loginStart: { accountId: id(1) },
  rosterGet: { id: id(1), version: Number.MAX_SAFE_INTEGER },
  register: {
    sig: some(1, 64), invitation: some(2, 16), account: some(3, 349),
    roster: some(4, 264), wraps: [{ bytes: some(5, 171) }, { bytes: some(6, 203) }],
  },
  send: { envelope: some(1, 782) },
  ack: { position: 7 },
  signal: { envelope: some(1, 782) },
  history: { sid: id(1), before: 9, count: 128 },
  sessions: { from: id(1), count: 64 },
  vaultGet: { generation: 2 },
  accountPut: {
    account: some(3, 349), roster: some(4, 264), wraps: [{ bytes: some(5, 171) }],
  },
  delete: { sid: id(1) },
  check: { code: some(1, 16), release: id(2), minGeneration: 3 },
  challenge: { challenge: id(1), puzzleBits: 0 },
  ready: {
    role: 2, time: 1, roster: some(1, 264), cursor: 2, head: 3, earliest: 4,
    seq: 5, id: id(6), window: 64, requests: 64,
  },
  salt: { kdfId: 1, serverSalt: some(1, 16) },
  rosters: { next: 0, rosters: [{ bytes: some(1, 264) }, { bytes: some(2, 264) }] },
  done: {},
  stored: { position: 1, time: 2 },
  deliver: {
    position: 1, time: 2, hello: some(3, 207), envelope: some(4, 782),
  },
  signalled: { envelope: some(1, 782) },
  messages: {
    sid: id(1), next: 5,
    messages: [
      { position: 9, time: 1, envelope: some(1, 782) },
      { position: 8, time: 2, envelope: some(2, 783) },
    ],
  },
  sessionPage: {
    next: id(0),
    sessions: [{
      sid: id(1), head: 2, time: 3, seq: 4, id: id(5), release: id(7),
      blocked: 1, hello: some(6, 207),
    }],
  },
  vault: {
    generation: 1, account: some(1, 349), roster: some(2, 264),
    wraps: [{ bytes: some(3, 171) }],
  },
  block: { sid: some(7, 32), blocked: 1 },
  blocked: { sid: some(7, 32), blocked: 0 },
  sparePut: { name: some(7, 32), sealed: some(8, 40) },
  spareGet: { token: some(7, 32) },
  spare: { sealed: some(8, 40) },
  error: { code: 16, retry: 1500, sentence: some(1, 20) },
  deleted: { sid: id(1) },
  checked: { code: some(1, 16), release: id(2), minGeneration: 3 },
  resume: { mark: 9 },
  resumed: { role: 2, mark: 9 },
};

describe("every frame", () => {
  for (const name of Object.keys(f.frameTypes) as f.FrameName[]) {
    const encode = codec[`encode${capital(name)}`];
    const decode = codec[`decode${capital(name)}`];

    test(name, () => {
      const fields = samples[name];
      const frame: Bytes = encode(0x0102, fields);
      const opened = f.openFrame(frame);
      assert.equal(opened.name, name);
      assert.equal(opened.tag, 0x0102);
      assert.deepEqual(
        [...frame.subarray(0, 4)], [f.frameTypes[name], 0, 1, 2]);
      assert.deepEqual(decode(opened.body), fields);
      assert.ok(f.frames[f.frameTypes[name]]![1] >= opened.body.length);

      // Rest fields take any length; every other layout is exact.
      const open = ["send", "signal", "signalled", "deliver", "sparePut", "spare"].includes(name);
      if (!open) {
        const longer = concat(opened.body, new Uint8Array(1));
        assert.throws(() => decode(longer), f.FrameError);
        if (opened.body.length) {
          assert.throws(() => decode(opened.body.slice(0, -1)), f.FrameError);
        }
      }
      const flagged = Uint8Array.from(frame);
      flagged[1] = 1;
      assert.throws(() => f.openFrame(flagged), f.FrameError);
    });
  }

  test("the answers that requests name exist", () => {
    for (const [, , answer] of Object.values(f.frames)) {
      if (answer) assert.ok(answer in f.frameTypes);
    }
  });

  test("what clients send has a rule for repeating it", () => {
    for (const [type, { repeat, roles }] of Object.entries(f.rules)) {
      assert.ok(Number(type) in f.frames);
      assert.ok(repeat && roles.length);
    }
  });
});

describe("refused", () => {
  const reason = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      return (error as f.FrameError).reason;
    }
    return undefined;
  };

  test("unknown types, short and large frames", () => {
    const large = concat(new Uint8Array([6, 0, 0, 1]), new Uint8Array(9));
    const none = new Uint8Array([0, 0, 0, 0]);
    assert.equal(reason(() => f.openFrame(new Uint8Array(3))), "bad-frame");
    assert.equal(reason(() => f.openFrame(none)), "unknown-frame");
    assert.equal(reason(() => f.openFrame(large)), "too-large");
  });

  test("numbers above 2^53 - 1", () => {
    const body = new Uint8Array(8);
    body[1] = 0x20;
    assert.throws(() => f.decodeAck(body), f.FrameError);
    assert.throws(() => f.encodeAck(0, { position: 2 ** 53 }));
    assert.throws(() => f.encodeAck(0, { position: -1 }));
  });

  test("fields of another length", () => {
    const accountId = new Uint8Array(31);
    assert.throws(() => f.encodeLoginStart(1, { accountId }));
  });

  test("random bytes are decoded or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const name of Object.keys(f.frameTypes)) {
          try {
            codec[`decode${capital(name)}`](Uint8Array.from(bytes));
          } catch (error) {
            assert.ok(error instanceof f.FrameError, String(error));
          }
        }
      }),
    );
  });
});
