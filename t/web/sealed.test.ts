// The composition: envelopes, wrap records, passwords and kits, and what
// happens when anything of them is changed.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";

import {
  checkAccountSet, type AccountSet,
} from "../../web/src/client/account-set.ts";
import { Keyring } from "../../web/src/client/keyring.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import {
  byPassword, byRecovery, keyOf, unwrapAll,
} from "../../web/src/client/owner.ts";
import { succeeds } from "../../web/src/client/roster.ts";
import type { Stream } from "../../web/src/client/stream.ts";
import { generate } from "../../web/src/crypto/ed25519.ts";
import * as kem from "../../web/src/crypto/kem.ts";
import { readSecret, writeSecret } from "../../web/src/crypto/kit.ts";
import { openMessage, sealMessage } from "../../web/src/crypto/message.ts";
import { accountName, signkeyIdOf } from "../../web/src/crypto/names.ts";
import { passwordKeys, recoveryKeys } from "../../web/src/crypto/password.ts";
import { idOf, signThing, verifyThing } from "../../web/src/crypto/signed.ts";
import { openKey, sealKey, unwrapKey, wrapKey } from "../../web/src/crypto/vault.ts";
import type { Account } from "../../web/src/wire/account.ts";
import {
  copy, equal, fromHex, fromUtf8, toHex, toUtf8, uint, type Bytes,
} from "../../web/src/wire/bytes.ts";
import { decodeEnvelope, type Envelope } from "../../web/src/wire/envelope.ts";
import * as f from "../../web/src/wire/frames.gen.ts";
import type { Suite } from "../../web/src/wire/suite.ts";
import { decodeWrap, WrapKind } from "../../web/src/wire/wrap.ts";
import { repository } from "./service.ts";

fc.configureGlobal({ endOnFailure: true });

const filled = (n: number) => new Uint8Array(32).fill(n);

async function conversation(customer: Suite, session: Suite) {
  const sign = await generate();
  return {
    sign,
    roster: await kem.generate(customer),
    session: await kem.generate(session),
    head: {
      type: 1, direction: 1, cid: filled(1), sid: filled(2),
      signkeyId: await signkeyIdOf(sign.pk), seq: 2, time: 1_700_000_000_000,
      prev: filled(3), rosterId: filled(4),
    } as const,
  };
}

type Talk = Awaited<ReturnType<typeof conversation>>;

async function sealText(talk: Talk, content: Bytes, heads: Bytes[] = []) {
  const { head, roster, session, sign } = talk;
  const body = { kind: 1, heads, content };
  const sealed = await sealMessage(head, [roster, session], body, sign.privateKey);
  return { ...sealed, decoded: decodeEnvelope(sealed.envelope)! };
}

/** The same envelope with other bytes in one place, signed again by its own
 * sender: what a signature alone would let through. */
async function changed(
  talk: Talk,
  envelope: Bytes,
  at: number,
  bytes: Uint8Array,
): Promise<Envelope | undefined> {
  const unsigned = envelope.slice(0, -64);
  unsigned.set(bytes, at);
  const signed = await signThing("envelope", unsigned, talk.sign.privateKey);
  return decodeEnvelope(signed);
}

for (const [a, b] of [[2, 2], [1, 1], [1, 2], [2, 1]] as const) {
  describe(`envelope, suites ${a} and ${b}`, async () => {
    const talk = await conversation(a, b);
    const opens = async (e: Envelope) => [
      await openMessage(e, 0, talk.roster),
      await openMessage(e, 1, talk.session),
    ];

    test("16 KiB of text round-trip to both recipients", async () => {
      const content = toUtf8("æ".repeat(8192));
      const heads = [filled(1), filled(7)];
      const { decoded, envelope, id } = await sealText(talk, content, heads);
      for (const body of await opens(decoded)) {
        assert.deepEqual(body, { kind: 1, heads, content });
      }
      assert.ok(await verifyThing("envelope", envelope, talk.sign.pk));
      assert.deepEqual(await idOf(envelope), id);
      assert.ok(envelope.length <= 18542);
    });

    test("every field that is said in the clear is bound", async () => {
      const { envelope, decoded } = await sealText(talk, toUtf8("hello"));
      assert.ok((await opens(decoded)).every((body) => body));
      const sealedAt = (i: 0 | 1) =>
        220 + 33 + (i ? decoded.keys[0].sealed.length + 33 : 0);
      const fields: [string, number, Uint8Array][] = [
        ["direction", 5, uint(2, 1)],
        ["cid", 8, filled(9)],
        ["sid", 40, filled(9)],
        ["signkey_id", 72, filled(9)],
        ["seq", 104, uint(3, 8)],
        ["time", 112, uint(1, 8)],
        ["prev", 120, filled(9)],
        ["roster_id", 152, filled(9)],
        ["commitment", 184, filled(9)],
        ["kem_id of the customer", 221, filled(9)],
        ["kem_id of the session", sealedAt(1) - 32, filled(9)],
        ["ct", envelope.length - 64 - 20, uint(9, 4)],
        ["tag", envelope.length - 64 - 1, uint(envelope.at(-65)! ^ 1, 1)],
      ];
      for (const [name, at, bytes] of fields) {
        const e = await changed(talk, envelope, at, bytes);
        assert.ok(e, `${name} is still an envelope`);
        assert.deepEqual(await opens(e), [undefined, undefined], name);
      }
      for (const i of [0, 1] as const) {
        const at = sealedAt(i);
        const e = await changed(talk, envelope, at, uint(envelope[at]! ^ 1, 1));
        const bodies = await opens(e!);
        assert.equal(bodies[i], undefined, "a bit of the sealed key");
        assert.ok(bodies[1 - i], "the other recipient's is its own");
      }
    });

    test("a sealed key from another message does not open", async () => {
      const one = await sealText(talk, toUtf8("one"));
      const two = await sealText(talk, toUtf8("two"));
      const grafted = await changed(
        talk, one.envelope, 220 + 33, two.decoded.keys[0].sealed);
      assert.equal(await openMessage(grafted!, 0, talk.roster), undefined);
    });

    test("the commitment allows one content key alone", async () => {
      // A sender who seals another content key to the second recipient, bound
      // to the very same context: the second side sees that it is not the
      // committed one.
      const mine = await sealText(talk, toUtf8("for the customer"));
      const other = await sealText(talk, toUtf8("for the visitor"));
      const withOther = await changed(
        talk, mine.envelope,
        220 + 33 + mine.decoded.keys[0].sealed.length + 33,
        other.decoded.keys[1].sealed,
      );
      assert.ok(await openMessage(withOther!, 0, talk.roster));
      assert.equal(await openMessage(withOther!, 1, talk.session), undefined);
    });

    test("nobody else's key opens it", async () => {
      const { decoded } = await sealText(talk, toUtf8("hello"));
      const strangers = await conversation(a, b);
      assert.equal(await openMessage(decoded, 0, strangers.roster), undefined);
      assert.equal(await openMessage(decoded, 1, strangers.session), undefined);
    });

    test("no key can be exported", async () => {
      for (const { pair } of [talk.roster, talk.session]) {
        assert.equal(pair.privateKey.extractable, false);
        await assert.rejects(crypto.subtle.exportKey("pkcs8", pair.privateKey));
      }
      assert.equal(talk.sign.privateKey.extractable, false);
    });
  });
}

test("any text comes back as it was, in one of few sizes", async () => {
  const talk = await conversation(2, 2);
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
      async (text) => {
        const content = toUtf8(text);
        const { envelope, decoded } = await sealText(talk, content);
        const body = await openMessage(decoded, 1, talk.session);
        assert.deepEqual(body?.content, content);
        if (content.length <= 250) assert.equal(envelope.length, 782);
      },
    ),
    { numRuns: 40 },
  );
});

test("two messages never share a key: the same text seals differently", async () => {
  const talk = await conversation(2, 2);
  const [one, two] = [
    await sealText(talk, toUtf8("same")), await sealText(talk, toUtf8("same")),
  ];
  assert.ok(!equal(one.decoded.ct, two.decoded.ct));
  assert.ok(!equal(one.decoded.commitment, two.decoded.commitment));
});

describe("wrap records", async () => {
  const aes = (extractable: boolean) =>
    crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, extractable, [
      "wrapKey", "unwrapKey",
    ]);
  const under = await aes(false);
  const accountKey = await aes(true);
  const header = {
    kind: WrapKind.accountKey, cid: filled(1), accountId: filled(2),
    generation: 3, keyId: filled(4),
  };
  const bytes = await wrapKey(header, accountKey, under);
  const unwrap = (record: Bytes, key = under) =>
    unwrapKey(decodeWrap(record)!, key, "AES-GCM", ["wrapKey", "unwrapKey"]);

  test("opens where it belongs, and not to be exported", async () => {
    const key = await unwrap(bytes);
    assert.equal(key.extractable, false);
  });

  test("opens nowhere else", async () => {
    for (const [name, at, value] of [
      ["another kind", 4, uint(6, 1)],
      ["another customer", 5, filled(9)],
      ["another account", 37, filled(9)],
      ["another generation", 69, uint(4, 8)],
      ["another key id", 77, filled(9)],
      ["another iv", 109, new Uint8Array(12)],
      ["another ct", 123, uint(bytes[123]! ^ 1, 1)],
    ] as const) {
      const bad = copy(bytes);
      bad.set(value, at);
      await assert.rejects(unwrap(bad), name);
    }
    await assert.rejects(unwrap(bytes, await aes(false)));
  });

  for (const suite of [1, 2] as const) {
    test(`a message key of suite ${suite} against its public half`, async () => {
      const key = await kem.generate(suite, true);
      const other = await kem.generate(suite);
      const wrapped = await wrapKey(
        { ...header, kind: WrapKind.messageKey, keyId: key.kemId },
        key.pair.privateKey, accountKey);
      const { algorithm, usages } = kem.algorithmOf(suite).UNWRAP;
      const opened = await unwrapKey(
        decodeWrap(wrapped)!, accountKey, algorithm, usages);
      assert.equal(opened.extractable, false);
      assert.ok(await kem.join(key, opened));
      assert.equal(await kem.join(other, opened), undefined);
    });
  }

  test("what is sealed for recovery opens with the code, and in its place", async () => {
    const recovery = await recoveryKeys(filled(5), filled(2));
    const sealed = await sealKey(
      { ...header, kind: WrapKind.accountKeyRecovery }, accountKey, recovery.kemPk);
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", accountKey));
    assert.deepEqual(await openKey(decodeWrap(sealed)!, recovery.kem), raw);
    const other = await recoveryKeys(filled(6), filled(2));
    await assert.rejects(openKey(decodeWrap(sealed)!, other.kem));
    const moved = copy(sealed);
    moved.set(filled(9), 37);
    await assert.rejects(openKey(decodeWrap(moved)!, recovery.kem));
    await assert.rejects(crypto.subtle.exportKey("pkcs8", recovery.kem.privateKey));
  });
});

describe("password", () => {
  const secrets = {
    password: "Ångström", secretKey: new Uint8Array(16).fill(1),
    accountId: filled(2), serverSalt: new Uint8Array(16).fill(3),
  };

  test("the same keys for the same text in any form of Unicode", async () => {
    const one = await passwordKeys(secrets);
    const two = await passwordKeys({ ...secrets, password: "A\u030angstro\u0308m" });
    assert.deepEqual(one.login.pk, two.login.pk);
    assert.equal(one.wrap.extractable, false);
  });

  test("each secret counts", async () => {
    const { login } = await passwordKeys(secrets);
    for (const other of [
      { password: "ångström" },
      { secretKey: new Uint8Array(16) },
      { accountId: filled(3) },
      { serverSalt: new Uint8Array(16) },
    ]) {
      const keys = await passwordKeys({ ...secrets, ...other });
      assert.ok(!equal(keys.login.pk, login.pk), Object.keys(other)[0]);
    }
  });
});

describe("recovery kit", () => {
  test("what is written is read, however it is typed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(16, 32), fc.infiniteStream(fc.nat(255)),
        async (n, stream) => {
          const secret = Uint8Array.from([...stream.take(n)]);
          const text = await writeSecret(secret);
          for (const typed of [
            text, text.toLowerCase(), text.replaceAll("-", " "),
            ` ${text.replaceAll("-", "")}\n`,
            text.replaceAll("0", "O").replaceAll("1", "l"),
          ]) {
            assert.deepEqual(await readSecret(typed, n), secret);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test("a slip is noticed", async () => {
    const secret = filled(7).slice(0, 16);
    const text = await writeSecret(secret);
    const wrong = [
      "", "-", text.slice(1), text + "0", text.replace(/.$/, "U"),
      text.slice(1, 2) + text.slice(0, 1) + text.slice(2),
    ].filter((t) => t !== text);
    for (const [at, char] of [...text].entries()) {
      if (char === "-") continue;
      wrong.push(text.slice(0, at) + (char === "7" ? "8" : "7") + text.slice(at + 1));
    }
    for (const t of wrong) assert.equal(await readSecret(t, 16), undefined, t);
    assert.equal(await readSecret(text, 32), undefined);
  });
});

test("account names", () => {
  assert.equal(accountName("Shop@Example.ORG"), "shop@example.org");
  assert.equal(accountName("ｓｈｏｐ"), "shop");
  for (const name of ["ab", "a".repeat(65), "a b c", "ÅSA", "a/b/c", "ſhop\u0131"]) {
    assert.equal(accountName(name), undefined, name);
  }
});

describe("frozen", () => {
  const frozen = JSON.parse(
    readFileSync(join(repository(), "t/vectors/crypto-sealed.json"), "utf8"),
  );

  async function privateKey(suite: Suite, key: { pk: string; pkcs8: string }) {
    const { algorithm, usages } = kem.algorithmOf(suite).UNWRAP;
    const imported = await crypto.subtle.importKey(
      "pkcs8", fromHex(key.pkcs8), algorithm, false, [...usages]);
    const joined = await kem.join({ suite, pk: fromHex(key.pk) }, imported);
    assert.ok(joined);
    return joined;
  }

  for (const v of frozen.envelopes) {
    test(`envelope, ${v.name}`, async () => {
      const e = decodeEnvelope(fromHex(v.envelope))!;
      assert.equal(toHex(await idOf(e.bytes)), v.id);
      assert.ok(await verifyThing("envelope", e.bytes, fromHex(v.signPk)));
      const expected = {
        kind: v.kind, heads: v.heads.map(fromHex), content: toUtf8(v.text),
      };
      const [customer, session] = e.keys;
      const roster = await privateKey(customer.suite, v.rosterKey);
      const visitor = await privateKey(session.suite, v.sessionKey);
      assert.deepEqual(customer.kemId, roster.kemId);
      assert.deepEqual(session.kemId, visitor.kemId);
      assert.deepEqual(await openMessage(e, 0, roster), expected);
      assert.deepEqual(await openMessage(e, 1, visitor), expected);
    });
  }

  test("keys from a password", async () => {
    const v = frozen.password;
    const keys = await passwordKeys({
      password: v.password,
      secretKey: (await readSecret(v.secretKey, 16))!,
      accountId: fromHex(v.accountId),
      serverSalt: fromHex(v.serverSalt),
    });
    assert.equal(toHex(keys.login.pk), v.loginPk);
    const wrap = decodeWrap(fromHex(v.wrap))!;
    const key = await unwrapKey(wrap, keys.wrap, "Ed25519", ["sign"]);
    const thing = await signThing("record", toUtf8("thing"), key);
    assert.ok(await verifyThing("record", thing, fromHex(v.identityPk)));
  });

  test("keys from a recovery code", async () => {
    const v = frozen.recovery;
    const code = (await readSecret(v.recoveryCode, 32))!;
    const keys = await recoveryKeys(code, fromHex(v.accountId));
    assert.equal(toHex(keys.login.pk), v.loginPk);
    assert.equal(toHex(keys.kemPk), v.kemPk);
    const opened = await openKey(decodeWrap(fromHex(v.wrap))!, keys.kem);
    assert.equal(toHex(opened), v.accountKey);
  });

  describe("an account through its generations", () => {
    const v = JSON.parse(
      readFileSync(join(repository(), "t/vectors/generations.json"), "utf8"));
    const sets = () => Promise.all(v.generations.map(async (g: any) => {
      const set = await checkAccountSet({
        account: fromHex(g.account), roster: fromHex(g.roster),
        wraps: g.wraps.map(fromHex),
      });
      assert.notEqual(typeof set, "string", String(set));
      return set as AccountSet;
    })) as Promise<AccountSet[]>;
    const owners = {
      password: async ({ accountId, serverSalt }: Account) => byPassword({
        password: v.password, accountId, serverSalt,
        secretKey: (await readSecret(v.secretKey, 16))!,
      }),
      "recovery code": async ({ accountId }: Account) =>
        byRecovery((await readSecret(v.recoveryCode, 32))!, accountId),
    };

    for (const [name, credentials] of Object.entries(owners)) {
      test(`opens by ${name}, down to the first message`, async () => {
        const [first, second, third] = await sets() as
          [AccountSet, AccountSet, AccountSet];
        const owner = await credentials(third.account);
        assert.ok(owner.belongsTo(third.account));
        assert.ok(succeeds(first.roster, second.roster));
        assert.ok(succeeds(second.roster, third.roster));
        const { keys } = await unwrapAll(third, owner);
        const storage = await nodePlatform().open("device");
        await storage.write(new Map([[keyOf(3), keys]]));
        const keyring = new Keyring(storage, third.account);
        const asked: number[] = [];
        const key = await keyring.messageKey(first.roster, vaultOf(
          [first, second, third], asked));
        assert.deepEqual(asked, [3, 2, 1]);
        const body = await openMessage(
          decodeEnvelope(fromHex(v.envelope))!, 0, key!);
        assert.equal(fromUtf8(body!.content), v.text);
      });
    }

    test("opens by no other's password", async () => {
      const [first] = await sets();
      const owner = await owners.password(first!.account);
      assert.equal(owner.belongsTo(first!.account), false);
      await assert.rejects(unwrapAll(first!, owner));
    });
  });
});

/** A stream that answers VAULT_GET as a device gets it. */
function vaultOf(sets: readonly AccountSet[], asked: number[]): Stream {
  return {
    async request(encode: (tag: number) => Bytes) {
      const { generation } = f.decodeVaultGet(encode(1).subarray(4) as Bytes);
      asked.push(generation);
      const wraps = sets[generation - 1]!.wraps
        .filter(({ kind }) => kind >= WrapKind.messageKey);
      const none = new Uint8Array(0);
      return f.encodeVault(1, {
        generation, account: none, roster: none, wraps,
      }).subarray(4);
    },
  } as unknown as Stream;
}
