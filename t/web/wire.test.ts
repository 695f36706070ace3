// Layouts: what is written is read again, and nothing else is.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";

import { decodeAccount, encodeAccount } from "../../web/src/wire/account.ts";
import { decodeBody, encodeBody } from "../../web/src/wire/body.ts";
import * as b from "../../web/src/wire/bytes.ts";
import { decodeEnvelope, encodeEnvelope } from "../../web/src/wire/envelope.ts";
import { decodeHello, encodeHello } from "../../web/src/wire/hello.ts";
import { bodyBytes, isBodyBytes, padme } from "../../web/src/wire/padme.ts";
import { Reader } from "../../web/src/wire/reader.ts";
import { decodeRoster, encodeRoster } from "../../web/src/wire/roster.ts";
import { sealedBytes, type KemPublic, type Suite } from "../../web/src/wire/suite.ts";
import { decodeWrap, encodeWrapHeader, type WrapKind } from "../../web/src/wire/wrap.ts";
import { Writer } from "../../web/src/wire/writer.ts";

fc.configureGlobal({ endOnFailure: true });

/** Objects like those that the decoders make. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

const SIG = new Uint8Array(64).fill(7);

const bytes = (n: number) =>
  fc.uint8Array({ minLength: n, maxLength: n }).map((a) => b.copy(a));
const id = bytes(32).filter((a) => !b.isZero(a));
const number = fc.maxSafeNat();
const suite = fc.constantFrom<Suite>(1, 2);

function rsaPk(modulus: Uint8Array): b.Bytes {
  const m = b.copy(modulus);
  m[0]! |= 0x80;
  m[383]! |= 1;
  return b.concat(
    b.fromHex("308201a2300d06092a864886f70d01010105000382018f003082018a0282018100"),
    m,
    b.fromHex("0203010001"),
  );
}

const kemKey: fc.Arbitrary<KemPublic> = fc.oneof(
  bytes(32).map((pk) => ({ suite: 2 as const, pk })),
  bytes(384).map((m) => ({ suite: 1 as const, pk: rsaPk(m) })),
);

const roster = record({
    cid: id, ikPk: id, version: fc.integer({ min: 1, max: 2 ** 40 }),
    generation: fc.integer({ min: 1, max: 2 ** 40 }), prev: id,
    notBefore: fc.integer({ min: 0, max: 2 ** 45 }),
    days: fc.integer({ min: 1, max: 190 }), messageKey: kemKey,
    devices: fc.uniqueArray(id, { minLength: 1, maxLength: 64, selector: b.toHex }),
  })
  .map(({ days, ...r }) => ({
    ...r,
    prev: r.version === 1 ? b.ZERO_ID : r.prev,
    notAfter: r.notBefore + days * 86_400_000,
    devices: [...r.devices].sort(b.compare),
  }));

const account = record({
  cid: id, ikPk: id, accountId: id, generation: fc.integer({ min: 1, max: 2 ** 40 }),
  kdfId: fc.constant(1), serverSalt: bytes(16), loginPk: id, recoveryPk: id,
  recoveryKem: id, rosterId: id, wraps: id,
});

const hello = record({
  cid: id, signPk: id, sessionKey: kemKey, time: number, rosterId: id,
});

const sealedKey = suite.chain((s) =>
  record({
    suite: fc.constant(s), kemId: id, sealed: bytes(sealedBytes(s)),
  }),
);

const envelope = record({
    type: fc.constantFrom(1 as const, 2 as const),
    direction: fc.constantFrom(1 as const, 2 as const),
    cid: id, sid: id, signkeyId: id, seq: fc.integer({ min: 1, max: 2 ** 40 }),
    time: number, prev: id, rosterId: id, commitment: id,
    keys: fc.tuple(sealedKey, sealedKey),
    used: fc.integer({ min: 6, max: 4 + 2 + 256 + 16384 }),
  })
  .map(({ used, ...e }) => {
    const seq = e.type === 2 ? 0 : e.seq;
    const ct = new Uint8Array(bodyBytes(used) + 16).fill(used & 255);
    return { ...e, seq, prev: seq <= 1 ? b.ZERO_ID : e.prev, ct };
  });

const body = record({
    kind: fc.integer({ min: 0, max: 255 }),
    heads: fc.uniqueArray(id, { maxLength: 8, selector: b.toHex }),
    content: fc.uint8Array({ maxLength: 700 }).map((a) => b.copy(a)),
  })
  .map((x) => ({ ...x, heads: [...x.heads].sort(b.compare) }));

/** Every shorter and longer version, and any one byte beyond the layout. */
function refusesOtherLengths(
  whole: b.Bytes,
  decode: (bytes: b.Bytes) => unknown,
): void {
  for (const n of [0, 1, 4, whole.length >> 1, whole.length - 1]) {
    assert.equal(decode(whole.slice(0, n)), undefined, `${n} bytes`);
  }
  assert.equal(decode(b.concat(whole, new Uint8Array(1))), undefined);
}

function roundTrip<T extends object>(
  arbitrary: fc.Arbitrary<T>,
  encode: (fields: T) => b.Bytes,
  decode: (bytes: b.Bytes) => object | undefined,
): void {
  fc.assert(
    fc.property(arbitrary, (fields) => {
      const whole = b.concat(encode(fields), SIG);
      const { bytes: kept, ...read } = decode(whole) as T & { bytes: b.Bytes };
      assert.deepEqual(read, fields);
      assert.deepEqual(kept, whole);
      refusesOtherLengths(whole, decode);
      const magic = b.copy(whole);
      magic[3]! ^= 1;
      assert.equal(decode(magic), undefined);
    }),
    { numRuns: 60 },
  );
}

describe("layouts", () => {
  test("roster", () => roundTrip(roster, encodeRoster, decodeRoster));
  test("account record", () => roundTrip(account, encodeAccount, decodeAccount));
  test("hello", () => roundTrip(hello, encodeHello, decodeHello));
  test("envelope", () => roundTrip(envelope, encodeEnvelope, decodeEnvelope));

  test("body", () => {
    fc.assert(
      fc.property(body, (fields) => {
        const padded = encodeBody(fields);
        assert.ok(isBodyBytes(padded.length));
        assert.deepEqual(decodeBody(padded), fields);
        refusesOtherLengths(padded, decodeBody);
        const dirty = b.copy(padded);
        dirty[dirty.length - 1] = 1;
        const used = 6 + 32 * fields.heads.length + fields.content.length;
        if (used < padded.length) assert.equal(decodeBody(dirty), undefined);
      }),
    );
  });

  test("wrap record, each kind with its lengths", () => {
    const cid = new Uint8Array(32).fill(1);
    const lengths = { 1: 48, 2: 80, 3: 64, 4: 96, 5: 64, 6: 48 };
    for (const [kind, n] of Object.entries(lengths)) {
      const header = {
        kind: Number(kind) as WrapKind, cid,
        accountId: new Uint8Array(32).fill(2), generation: 2,
        keyId: kind === "3" || kind === "4" ? cid : new Uint8Array(32).fill(3),
        iv: new Uint8Array(12).fill(kind === "2" || kind === "4" ? 0 : 4),
      };
      const whole = b.concat(encodeWrapHeader(header, n), new Uint8Array(n));
      const wrap = decodeWrap(whole)!;
      assert.equal(wrap.kind, header.kind);
      assert.equal(wrap.aad.length, 123);
      refusesOtherLengths(whole, decodeWrap);
      for (const other of [n - 1, n + 1]) {
        const record = b.concat(
          encodeWrapHeader(header, other), new Uint8Array(other));
        assert.equal(decodeWrap(record), undefined, `kind ${kind}, ${other}`);
      }
      for (const wrong of [0, 7]) {
        const record = b.copy(whole);
        record[4] = wrong;
        assert.equal(decodeWrap(record), undefined);
      }
    }
  });

  test("sizes of the smallest and largest envelope", () => {
    const [sample] = fc.sample(envelope, { numRuns: 1, seed: 1 });
    const of = (a: Suite, c: Suite, used: number) => {
      const key = (s: Suite) => ({
        suite: s, kemId: sample!.cid, sealed: new Uint8Array(sealedBytes(s)),
      });
      const ct = new Uint8Array(bodyBytes(used) + 16);
      const fields = { ...sample!, keys: [key(a), key(c)] as const, ct };
      return encodeEnvelope(fields).length + 64;
    };
    assert.equal(of(2, 2, 7), 782);
    assert.equal(of(1, 1, 7), 1390);
    assert.equal(of(1, 2, 7), 1086);
    assert.equal(of(1, 1, 4 + 2 + 256 + 16384), 18542);
  });
});

describe("refused", () => {
  const [good] = fc.sample(roster, { numRuns: 1, seed: 4 });
  const write = (change: object) => () => encodeRoster({ ...good!, ...change });

  test("rosters that break a rule", () => {
    const { notBefore, devices } = good!;
    const key = new Uint8Array(32).fill(9);
    for (const change of [
      { version: 0 },
      { generation: 0 },
      { version: 1, prev: key },
      { version: 2, prev: b.ZERO_ID },
      { notAfter: notBefore },
      { notAfter: notBefore + 190 * 86_400_000 + 1 },
      { devices: [] },
      { devices: [key, key] },
      { devices: [devices[0], b.ZERO_ID] },
      { devices: Array.from({ length: 65 }, (_, i) => b.uint(i + 1, 32)) },
    ]) {
      assert.throws(write(change), RangeError, JSON.stringify(Object.keys(change)));
    }
  });

  test("a roster with devices out of order, as bytes", () => {
    const two = [b.uint(1, 32), b.uint(2, 32)];
    const whole = b.concat(encodeRoster({ ...good!, devices: two }), SIG);
    assert.ok(decodeRoster(whole));
    const at = whole.length - 64 - 64;
    const swapped = b.concat(
      whole.subarray(0, at), two[1]!, two[0]!, whole.subarray(at + 64));
    assert.equal(decodeRoster(swapped), undefined);
  });

  test("RSA keys that are not exactly 3072 bits with exponent 65537", () => {
    const pk = rsaPk(new Uint8Array(384).fill(0xab));
    const read = (change: (copy: b.Bytes) => void) => {
      const copy = b.copy(pk);
      change(copy);
      const r = { ...good!, messageKey: { suite: 1 as const, pk: copy } };
      return decodeRoster(b.concat(encodeRoster(r), SIG));
    };
    assert.ok(read(() => undefined));
    assert.equal(read((c) => (c[33] = 0x7f)), undefined);
    assert.equal(read((c) => (c[416] = 0xaa)), undefined);
    assert.equal(read((c) => (c[421] = 3)), undefined);
    assert.equal(read((c) => (c[1] = 0x83)), undefined);
  });

  test("numbers above 2^53 - 1", () => {
    const r = new Reader(b.fromHex("0020000000000000"));
    r.u64();
    assert.ok(r.bad);
    const most = new Reader(b.fromHex("001fffffffffffff"));
    assert.equal(most.u64(), Number.MAX_SAFE_INTEGER);
    assert.ok(most.done);
  });

  test("what does not fit is not written", () => {
    assert.throws(() => new Writer().u8(256).finish());
    assert.throws(() => new Writer().u16(-1).finish());
    assert.throws(() => new Writer().u64(2 ** 53).finish());
    assert.throws(() => new Writer().u32(1.5).finish());
    assert.throws(() => new Writer().bytes(new Uint8Array(3), 4).finish());
    assert.throws(() => new Writer().v16(new Uint8Array(65536)).finish());
  });

  test("a reader stays bad", () => {
    const r = new Reader(new Uint8Array(3));
    assert.equal(r.u32(), 0);
    assert.equal(r.u8(), 0);
    assert.equal(r.rest().length, 0);
    assert.ok(r.bad && !r.done);
  });

  test("envelopes that break a rule, one field at a time", () => {
    const [e] = fc.sample(envelope, { numRuns: 1, seed: 2 });
    const first = { ...e!, type: 1 as const, seq: 1, prev: b.ZERO_ID };
    const whole = b.concat(encodeEnvelope(first), SIG);
    assert.ok(decodeEnvelope(whole));
    const put = (at: number, ...values: number[]) => {
      const copy = b.copy(whole);
      copy.set(values, at);
      return decodeEnvelope(copy);
    };
    assert.equal(put(4, 0), undefined, "type");
    assert.equal(put(4, 2), undefined, "a signal with a number");
    assert.equal(put(5, 3), undefined, "direction");
    assert.equal(put(6, 1), undefined, "zero");
    assert.equal(put(7, 1), undefined, "zero");
    assert.equal(put(111, 0), undefined, "a stored one without a number");
    assert.equal(put(111, 2), undefined, "a second without prev");
    assert.equal(put(120, 1), undefined, "a first with prev");
    assert.equal(put(104, 0xff), undefined, "a number above 2^53 - 1");
    assert.equal(put(219, whole[219]! ^ 1), undefined, "length of ct");
    assert.equal(put(220, 3), undefined, "suite");
  });

  test("ct of a length that is no PADME length", () => {
    const [e] = fc.sample(envelope, { numRuns: 1, seed: 3 });
    for (const n of [0, 15, 16, 255 + 16, 257 + 16, 16384 + 1024 + 17]) {
      const whole = b.concat(
        encodeEnvelope({ ...e!, ct: new Uint8Array(n) }), SIG);
      assert.equal(decodeEnvelope(whole), undefined, `${n}`);
    }
  });
});

describe("bytes", () => {
  test("PADME", () => {
    for (const [n, padded] of [
      [9, 10], [257, 272], [1025, 1088], [5000, 5120], [16389, 17408],
    ] as const) {
      assert.equal(padme(n), padded);
      assert.equal(padme(padded), padded);
    }
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20000 }), (n) => {
        assert.ok(padme(n) >= n && padme(n) <= n * 1.12 + 1);
        assert.equal(padme(padme(n)), padme(n));
      }),
    );
  });

  test("a text up to 180 bytes with two heads has one size", () => {
    for (const heads of [0, 1, 2]) {
      for (const n of [1, 90, 180]) {
        const body = {
          kind: 1, content: new Uint8Array(n),
          heads: [b.uint(1, 32), b.uint(2, 32)].slice(0, heads),
        };
        assert.equal(encodeBody(body).length, 256);
      }
    }
  });

  test("base64url is canonical", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (a) => {
        const text = b.toBase64Url(a);
        assert.equal(text, Buffer.from(a).toString("base64url"));
        assert.deepEqual(b.fromBase64Url(text), b.copy(a));
      }),
    );
    for (const text of ["A", "AB", "AAB", "AA==", "A+A", "A/A", "AA A", "AAAAA", "é"]) {
      assert.equal(b.fromBase64Url(text), undefined, text);
    }
  });

  test("UTF-8 is strict, and keeps a byte order mark", () => {
    for (const hex of ["ff", "c080", "eda080", "f4908080", "e282"]) {
      assert.equal(b.fromUtf8(b.fromHex(hex)), undefined, hex);
    }
    assert.equal(b.fromUtf8(b.fromHex("efbbbf61")), "\ufeffa");
    assert.ok(!b.isWellFormed("a\ud800"));
    assert.ok(!b.isWellFormed("\udc00\ud800"));
    assert.ok(b.isWellFormed("\u{1f600} ok"));
  });

  test("hex and big-endian numbers", () => {
    fc.assert(
      fc.property(number, (n) => {
        const eight = b.uint(n, 8);
        assert.equal(new Reader(eight).u64(), n);
        assert.deepEqual(b.fromHex(b.toHex(eight)), eight);
      }),
    );
  });
});
