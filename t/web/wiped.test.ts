// What is derived from password and codes, and what is wrapped, stays in the
// script's memory no longer than it is used.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { generate } from "../../web/src/crypto/ed25519.ts";
import { passwordKeys, recoveryKeys } from "../../web/src/crypto/password.ts";
import { sealKey, wrapKey } from "../../web/src/crypto/vault.ts";
import type { Bytes } from "../../web/src/wire/bytes.ts";
import { WrapKind } from "../../web/src/wire/wrap.ts";

const { subtle } = crypto;
const own = {
  importKey: subtle.importKey, exportKey: subtle.exportKey,
  deriveBits: subtle.deriveBits,
};
/** Secrets as the engine got or gave them, by what was done. */
let seen: [string, Uint8Array][] = [];

const random = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n));

beforeEach(() => {
  seen = [];
  const note = (what: string, bytes: unknown) => {
    if (bytes instanceof Uint8Array) seen.push([what, bytes]);
    if (bytes instanceof ArrayBuffer) seen.push([what, new Uint8Array(bytes)]);
  };
  const nameOf = (algorithm: any) => String(algorithm.name ?? algorithm);
  Object.assign(subtle, {
    async importKey(format: any, bytes: any, algorithm: any, ...rest: any[]) {
      const key = await (own.importKey as any).call(
        subtle, format, bytes, algorithm, ...rest);
      // What HKDF gets is the caller's; HMAC is HPKE's own.
      const others = ["HKDF", "HMAC"].includes(nameOf(algorithm));
      if (key.type !== "public" && !others) note(`import ${nameOf(algorithm)}`, bytes);
      return key;
    },
    async exportKey(format: any, key: any) {
      const bytes = await (own.exportKey as any).call(subtle, format, key);
      if (key.type !== "public") note(`export ${nameOf(key.algorithm)}`, bytes);
      return bytes;
    },
    async deriveBits(algorithm: any, ...rest: any[]) {
      const bits = await (own.deriveBits as any).call(subtle, algorithm, ...rest);
      if (["PBKDF2", "HKDF"].includes(nameOf(algorithm))) {
        note(`derive ${nameOf(algorithm)}`, bits);
      }
      return bits;
    },
  });
});

afterEach(() => Object.assign(subtle, own));

function allWiped(...wanted: string[]): void {
  for (const what of wanted) assert.ok(seen.some(([w]) => w === what), what);
  const left = seen.filter(([, bytes]) => bytes.some((byte) => byte));
  assert.deepEqual(left.map(([what]) => what), []);
}

test("of password and Secret Key nothing is left but keys", async () => {
  await passwordKeys({
    password: "salt glaze on a grey morning", secretKey: random(16),
    accountId: random(32), serverSalt: random(16),
  });
  allWiped("import PBKDF2", "derive PBKDF2", "derive HKDF", "import AES-GCM", "import Ed25519");
});

test("nor of a recovery code", async () => {
  await recoveryKeys(random(32), random(32));
  allWiped("derive HKDF", "import X25519", "import Ed25519");
});

test("nor of a key that is wrapped or sealed", async () => {
  const { privateKey } = await generate(true);
  const under = await subtle.generateKey(
    { name: "AES-GCM", length: 256 }, false, ["wrapKey", "unwrapKey"]);
  const cid = random(32);
  const header = {
    kind: WrapKind.identityKey, cid, accountId: random(32), generation: 1, keyId: cid,
  };
  const { kemPk } = await recoveryKeys(random(32), random(32));
  seen = [];
  await wrapKey(header, privateKey, under);
  await sealKey(
    { ...header, kind: WrapKind.identityKeyRecovery }, privateKey, kemPk);
  // What HPKE derives for itself is its library's.
  seen = seen.filter(([what]) => what.startsWith("export"));
  assert.equal(seen.length, 2);
  allWiped("export Ed25519");
});
