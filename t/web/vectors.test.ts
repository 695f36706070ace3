// The shared vectors: the same verdict here as in C, on every one of them.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { checkAccountSet } from "../../web/src/client/account-set.ts";
import { succeeds, type KnownRoster } from "../../web/src/client/roster.ts";
import { verify } from "../../web/src/crypto/ed25519.ts";
import { hash } from "../../web/src/crypto/hash.ts";
import * as names from "../../web/src/crypto/names.ts";
import { solve } from "../../web/src/crypto/puzzle.ts";
import { idOf, verifyClaim, verifyThing } from "../../web/src/crypto/signed.ts";
import { decodeBody, encodeBody } from "../../web/src/wire/body.ts";
import { decodeAccount, encodeAccount } from "../../web/src/wire/account.ts";
import { encodeClaim, type Role } from "../../web/src/wire/auth.ts";
import {
  concat, ZERO_ID, equal, fromBase64Url, fromHex, toBase64Url, toHex, toUtf8, type Bytes,
} from "../../web/src/wire/bytes.ts";
import { decodeEnvelope, encodeEnvelope } from "../../web/src/wire/envelope.ts";
import * as frames from "../../web/src/wire/frames.gen.ts";
import { decodeHello, encodeHello } from "../../web/src/wire/hello.ts";
import { padme } from "../../web/src/wire/padme.ts";
import { decodeRoster, encodeRoster } from "../../web/src/wire/roster.ts";
import type { Suite } from "../../web/src/wire/suite.ts";
import { decodeWrap, encodeWrapHeader } from "../../web/src/wire/wrap.ts";
import { repository } from "./service.ts";

const folder = join(repository(), "t/vectors");

type Vector = Record<string, any> & { name: string; valid: boolean };

function vectorsOf(name: string): Vector[] {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")).vectors;
}

const title = (v: Vector) => (v.reason ? `${v.name}: ${v.reason}` : v.name);
const camel = (name: string) =>
  name.replace(/_(.)/g, (_, c: string) => c.toUpperCase());

/** What is read, in the words of the vectors. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => [
      key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), plain(v),
    ]),
  );
}

interface Layout {
  decode(bytes: Bytes): { bytes: Bytes } | undefined;
  /** Without the signature. */
  encode(read: any): Bytes;
  /** In the words of the vectors. */
  fields(read: any): object;
  verify?(read: any, vector: Vector): Promise<boolean>;
}

const layouts: Record<string, Layout> = {
  roster: {
    decode: decodeRoster,
    encode: encodeRoster,
    fields: ({ bytes: _, messageKey, ...r }) => ({
      ...r, suite: messageKey.suite, kemPk: messageKey.pk,
    }),
    verify: async (r) =>
      equal(r.cid, await names.cidOf(r.ikPk)) &&
      verifyThing("roster", r.bytes, r.ikPk),
  },
  account: {
    decode: decodeAccount,
    encode: encodeAccount,
    fields: ({ bytes: _, ...a }) => a,
    verify: async (a) =>
      equal(a.cid, await names.cidOf(a.ikPk)) &&
      verifyThing("record", a.bytes, a.ikPk),
  },
  hello: {
    decode: decodeHello,
    encode: encodeHello,
    fields: ({ bytes: _, sessionKey, ...h }) => ({
      ...h, suite: sessionKey.suite, kemPk: sessionKey.pk,
    }),
    verify: (h) => verifyThing("hello", h.bytes, h.signPk),
  },
  envelope: {
    decode: decodeEnvelope,
    encode: encodeEnvelope,
    fields: ({ bytes: _, keys, ...e }) => ({
      ...e,
      customerSuite: keys[0].suite, customerKemId: keys[0].kemId,
      customerSealed: keys[0].sealed,
      sessionSuite: keys[1].suite, sessionKemId: keys[1].kemId,
      sessionSealed: keys[1].sealed,
    }),
    verify: async (e, v) => {
      const pk = fromHex(v.pk);
      return (
        equal(e.signkeyId, await names.signkeyIdOf(pk)) &&
        verifyThing("envelope", e.bytes, pk)
      );
    },
  },
  wrap: {
    decode: decodeWrap,
    encode: (w) => concat(encodeWrapHeader(w, w.ct.length), w.ct),
    fields: ({ bytes: _, aad: __, ...w }) => w,
  },
  body: {
    decode: (bytes) => {
      const body = decodeBody(bytes);
      return body && { bytes, ...body };
    },
    encode: encodeBody,
    fields: ({ bytes: _, ...b }) => b,
  },
};

for (const [name, layout] of Object.entries(layouts)) {
  describe(name, () => {
    for (const v of vectorsOf(name)) {
      test(title(v), async () => {
        const bytes = fromHex(v.hex);
        const read = layout.decode(bytes);
        if (v.fails === "parse") return assert.equal(read, undefined);
        assert.ok(read, "it is refused");
        const signed = (await layout.verify?.(read, v)) ?? true;
        assert.equal(signed, v.valid);
        if (!v.valid) return;
        assert.deepEqual(plain(layout.fields(read)), v.fields);
        const written = layout.encode(read);
        assert.equal(toHex(written), v.hex.slice(0, 2 * written.length));
        assert.ok(written.length + (layout.verify ? 64 : 0) === bytes.length);
        if (v.id) assert.equal(toHex(await idOf(bytes)), v.id);
        if (v.sid) {
          const h = decodeHello(bytes)!;
          const sid = await names.sidOf(h.cid, h.signPk, h.sessionKey);
          assert.equal(toHex(sid), v.sid);
        }
      });
    }
  });
}

describe("account set", () => {
  for (const v of vectorsOf("account-set")) {
    test(title(v), async () => {
      const set = await checkAccountSet({
        account: fromHex(v.account),
        roster: fromHex(v.roster),
        wraps: v.wraps.map(fromHex),
      });
      if (v.valid) assert.notEqual(typeof set, "string", String(set));
      else assert.equal(set, v.fails);
    });
  }
});

describe("successors", () => {
  const known = async (hex: string): Promise<KnownRoster> => {
    const roster = decodeRoster(fromHex(hex));
    assert.ok(roster);
    return { ...roster, id: toHex(await idOf(roster.bytes)) };
  };
  for (const v of vectorsOf("successors")) {
    test(title(v), async () => {
      assert.equal(succeeds(await known(v.last), await known(v.next)), v.valid);
    });
  }
});

describe("auth", () => {
  for (const v of vectorsOf("auth")) {
    test(title(v), async () => {
      const claim = {
        role: v.role as Role,
        originHash: await hash(toUtf8(v.origin)),
        challenge: fromHex(v.challenge),
        subject: fromHex(v.subject),
        ...(v.invitation ? { invitation: fromHex(v.invitation) } : {}),
      };
      if (v.message) {
        const domain = toUtf8("SealChat/1 auth\0");
        assert.equal(toHex(concat(domain, encodeClaim(claim))), v.message);
      }
      const holds = await verifyClaim(claim, fromHex(v.pk), fromHex(v.sig));
      assert.equal(holds, v.valid);
    });
  }
});

describe("puzzles", () => {
  for (const v of vectorsOf("puzzle")) {
    test(title(v), async () => {
      const n = await solve(fromHex(v.challenge), fromHex(v.subject), v.bits);
      assert.equal(n === v.n, v.valid);
    });
  }

  test("a harder one is refused", async () => {
    await assert.rejects(solve(ZERO_ID, ZERO_ID, 21));
    await assert.rejects(solve(ZERO_ID, ZERO_ID, 255));
  });
});

describe("Ed25519", () => {
  for (const v of vectorsOf("ed25519")) {
    test(title(v), async () => {
      const holds = await verify(
        fromHex(v.pk), fromHex(v.message), fromHex(v.sig));
      assert.equal(holds, v.valid);
    });
  }
});

describe("frames", () => {
  const codec = frames as unknown as Record<string, any>;
  for (const v of vectorsOf("frames")) {
    test(title(v), () => {
      const bytes = fromHex(v.hex);
      const read = () => {
        const frame = frames.openFrame(bytes);
        const name = frame.name[0]!.toUpperCase() + frame.name.slice(1);
        return { frame, name, fields: codec[`decode${name}`](frame.body) };
      };
      if (!v.valid) {
        assert.throws(read, (error) => {
          assert.ok(error instanceof frames.FrameError, String(error));
          assert.equal(error.reason, v.fails);
          return true;
        });
        return;
      }
      const { frame, name, fields } = read();
      assert.equal(frame.name, camel(v.frame));
      assert.equal(frame.tag, v.tag);
      assert.deepEqual(plain(fields), v.fields);
      assert.equal(toHex(codec[`encode${name}`](v.tag, fields)), v.hex);
    });
  }
});

describe("ids", () => {
  const key = (v: Vector) => ({ suite: v.suite as Suite, pk: fromHex(v.kem_pk) });
  const checks: Record<string, (v: Vector) => unknown> = {
    cid: async (v) => {
      const cid = fromBase64Url(v.text);
      if (!v.valid) return assert.ok(cid?.length !== 32);
      assert.equal(toHex(await names.cidOf(fromHex(v.ik_pk))), v.cid);
      assert.equal(toBase64Url(fromHex(v.cid)), v.text);
      assert.equal(toHex(cid!), v.cid);
    },
    signkey_id: async (v) =>
      assert.equal(toHex(await names.signkeyIdOf(fromHex(v.pk))), v.signkey_id),
    kem_id: async (v) =>
      assert.equal(toHex(await names.kemIdOf(key(v))), v.kem_id),
    sid: async (v) =>
      assert.equal(
        toHex(await names.sidOf(fromHex(v.cid), fromHex(v.sign_pk), key(v))),
        v.sid),
    safety: async (v) =>
      assert.equal(
        await names.safetyNumber(fromHex(v.cid), v.sid && fromHex(v.sid)),
        v.number),
    account_id: async (v) => {
      const name = names.accountName(v.account);
      assert.equal(name, v.account);
      assert.equal(toHex(await names.accountIdOf(name!)), v.account_id);
    },
    padme: (v) => assert.equal(padme(v.n), v.padded),
    server_salt: async (v) => {
      const hmac = await crypto.subtle.importKey(
        "raw", fromHex(v.secret), { name: "HMAC", hash: "SHA-256" }, false,
        ["sign"]);
      const mac = await crypto.subtle.sign("HMAC", hmac, fromHex(v.account_id));
      assert.equal(toHex(new Uint8Array(mac).slice(0, 16)), v.server_salt);
    },
  };
  for (const v of vectorsOf("ids")) {
    test(title(v), async () => {
      const check = checks[v.name];
      assert.ok(check, "nothing checks it");
      await check(v);
    });
  }
});

test("every file of vectors is read by a test", () => {
  const read = new Set([
    ...Object.keys(layouts), "account-set", "auth", "ed25519", "frames", "ids",
    "puzzle", "successors", "crypto-rfc", "crypto-sealed", "generations",
    "spare",
  ]);
  for (const file of readdirSync(folder)) {
    assert.ok(read.has(file.replace(/\.json$/, "")), file);
  }
});
