// The algorithms below the composition, against the documents that define them.

import assert from "node:assert/strict";
import * as node from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import * as ed25519 from "../../web/src/crypto/ed25519.ts";
import { hkdf } from "../../web/src/crypto/hkdf.ts";
import * as hpke from "../../web/src/crypto/hpke.ts";
import { pbkdf2 } from "../../web/src/crypto/pbkdf2.ts";
import { concat, fromHex, toHex, toUtf8, uint, type Bytes } from "../../web/src/wire/bytes.ts";
import { repository } from "./service.ts";

const rfc = JSON.parse(
  readFileSync(join(repository(), "t/vectors/crypto-rfc.json"), "utf8"),
);

const X25519_PKCS8 = fromHex("302e020100300506032b656e04220420");
const X25519_SPKI = fromHex("302a300506032b656e032100");

describe("Ed25519", () => {
  for (const [i, c] of rfc.ed25519.cases.entries()) {
    test(`${rfc.ed25519.source}: ${i + 1}`, async () => {
      const key = await ed25519.fromSeed(fromHex(c.seed));
      assert.equal(toHex(key.pk), c.pk);
      const sig = await ed25519.sign(key.privateKey, fromHex(c.message));
      assert.equal(toHex(sig), c.sig);
      assert.ok(await ed25519.verify(key.pk, fromHex(c.message), sig));
    });
  }

  test("a key from a seed cannot be exported", async () => {
    const key = await ed25519.fromSeed(fromHex(rfc.ed25519.cases[0].seed));
    assert.equal(key.privateKey.extractable, false);
    await assert.rejects(crypto.subtle.exportKey("pkcs8", key.privateKey));
  });

  const c = rfc.ed25519.cases[2];
  const pk = fromHex(c.pk);
  const message = fromHex(c.message);
  const sig = fromHex(c.sig);
  const P = 2n ** 255n - 19n;
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const le = (v: bigint) => {
    const out = new Uint8Array(32);
    for (let i = 0; i < 32; i++) out[i] = Number((v >> BigInt(8 * i)) & 255n);
    return out;
  };
  const leInt = (bytes: Uint8Array) =>
    bytes.reduceRight((v, byte) => (v << 8n) | BigInt(byte), 0n);

  // Every encoding of a point of small order: y and, where it is below p, the
  // same y as a number from p on; each with both signs.
  const order8 = [
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  ].map(fromHex);
  const small = [le(0n), le(1n), le(P - 1n), le(P), le(P + 1n), ...order8].flatMap(
    (point) => {
      const signed = point.slice();
      signed[31]! |= 0x80;
      return [point, signed];
    },
  );

  test("keys of small order and non-canonical keys are refused", async () => {
    for (const point of small) {
      assert.ok(!ed25519.isPointAllowed(point), toHex(point));
      // What a verifier without this check would take: R = the same point.
      const forged = concat(point, new Uint8Array(32));
      assert.equal(await ed25519.verify(point, message, forged), false);
    }
    for (let v = 0n; v < 19n; v++) assert.ok(!ed25519.isPointAllowed(le(P + v)));
    assert.ok(ed25519.isPointAllowed(pk));
  });

  test("the engine alone would take one of them", async () => {
    const identity = le(1n);
    const key = await crypto.subtle.importKey(
      "raw", identity, "Ed25519", true, ["verify"]);
    const forged = concat(identity, new Uint8Array(32));
    assert.equal(
      await crypto.subtle.verify("Ed25519", key, forged, message), true);
    assert.equal(await ed25519.verify(identity, message, forged), false);
  });

  test("R of small order and S from L on are refused", async () => {
    for (const point of small) {
      const bad = concat(point, sig.subarray(32));
      assert.equal(await ed25519.verify(pk, message, bad), false);
    }
    const s = leInt(sig.subarray(32));
    const bad = concat(sig.subarray(0, 32), le(s + L));
    assert.equal(await ed25519.verify(pk, message, bad), false);
  });

  test("any other length, key, message or bit is refused", async () => {
    assert.equal(await ed25519.verify(pk.slice(1), message, sig), false);
    assert.equal(await ed25519.verify(pk, message, sig.slice(1)), false);
    assert.equal(await ed25519.verify(pk, fromHex("af83"), sig), false);
    for (const at of [0, 31, 32, 63]) {
      const bad = sig.slice();
      bad[at]! ^= 1;
      assert.equal(await ed25519.verify(pk, message, bad), false);
    }
    // No point of the curve at all: y = 2.
    assert.equal(await ed25519.verify(le(2n), message, sig), false);
  });
});

describe("key derivation", () => {
  for (const [i, c] of rfc.hkdf.cases.entries()) {
    test(`${rfc.hkdf.source}: ${i + 1}`, async () => {
      const okm = await hkdf(fromHex(c.ikm), fromHex(c.salt), fromHex(c.info));
      assert.equal(toHex(okm), c.okm);
    });
  }
  for (const [i, c] of rfc.pbkdf2.cases.entries()) {
    test(`${rfc.pbkdf2.source}: ${i + 1}`, async () => {
      const key = await pbkdf2(c.password, fromHex(c.salt), c.iterations);
      assert.equal(toHex(key), c.key);
    });
  }
});

function x25519(privateKey: Uint8Array, publicKey: Uint8Array): Bytes {
  const shared = node.diffieHellman({
    privateKey: node.createPrivateKey({
      key: Buffer.from(concat(X25519_PKCS8, privateKey)),
      format: "der", type: "pkcs8",
    }),
    publicKey: node.createPublicKey({
      key: Buffer.from(concat(X25519_SPKI, publicKey)),
      format: "der", type: "spki",
    }),
  });
  return new Uint8Array(shared);
}

test(rfc.x25519.source, async () => {
  const { privateKey, publicKey, peer, shared } = rfc.x25519;
  const ours = await crypto.subtle.importKey(
    "pkcs8", concat(X25519_PKCS8, fromHex(privateKey)), "X25519", false,
    ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(
    { name: "X25519", public: await hpke.importPublic(fromHex(peer)) }, ours, 256);
  assert.equal(toHex(new Uint8Array(bits)), shared);
  assert.equal(toHex(x25519(fromHex(privateKey), fromHex(peer))), shared);
  const nine = new Uint8Array(32);
  nine[0] = 9;
  assert.equal(toHex(x25519(fromHex(privateKey), nine)), publicKey);
});

/** RFC 9180, sections 4 and 5, base mode, on another library than the one that
 * is tested. */
class Hpke {
  readonly #kemId = concat(toUtf8("KEM"), uint(0x20, 2));
  readonly #suiteId: Bytes;
  readonly #keyBytes: number;

  constructor(aead: number, keyBytes: number) {
    this.#suiteId = concat(toUtf8("HPKE"), uint(0x20, 2), uint(1, 2), uint(aead, 2));
    this.#keyBytes = keyBytes;
  }

  sharedSecret(sk: Bytes, pk: Bytes, enc: Bytes, pkR: Bytes): Bytes {
    const eae = this.#extract(
      this.#kemId, new Uint8Array(0), "eae_prk", x25519(sk, pk));
    return this.#expand(this.#kemId, eae, "shared_secret", concat(enc, pkR), 32);
  }

  #schedule(shared: Bytes, info: Bytes) {
    const none = new Uint8Array(0);
    const id = this.#suiteId;
    const context = concat(
      uint(0, 1),
      this.#extract(id, none, "psk_id_hash", none),
      this.#extract(id, none, "info_hash", info),
    );
    const secret = this.#extract(id, shared, "secret", none);
    return {
      key: this.#expand(id, secret, "key", context, this.#keyBytes),
      nonce: this.#expand(id, secret, "base_nonce", context, 12),
    };
  }

  seal(shared: Bytes, info: Bytes, aad: Bytes, plaintext: Bytes): Bytes {
    const { key, nonce } = this.#schedule(shared, info);
    const cipher = node.createCipheriv(this.#cipher(), key, nonce);
    cipher.setAAD(aad);
    const ct = concat(cipher.update(plaintext), cipher.final());
    return concat(ct, cipher.getAuthTag());
  }

  open(shared: Bytes, info: Bytes, aad: Bytes, sealed: Bytes): Bytes {
    const { key, nonce } = this.#schedule(shared, info);
    const cipher = node.createDecipheriv(this.#cipher(), key, nonce);
    cipher.setAAD(aad);
    cipher.setAuthTag(sealed.subarray(-16));
    return concat(cipher.update(sealed.subarray(0, -16)), cipher.final());
  }

  #cipher(): "aes-128-gcm" | "aes-256-gcm" {
    return this.#keyBytes === 16 ? "aes-128-gcm" : "aes-256-gcm";
  }

  #extract(id: Bytes, salt: Bytes, label: string, ikm: Bytes): Bytes {
    const labeled = concat(toUtf8("HPKE-v1"), id, toUtf8(label), ikm);
    const key = salt.length ? salt : new Uint8Array(32);
    return new Uint8Array(node.createHmac("sha256", key).update(labeled).digest());
  }

  #expand(id: Bytes, prk: Bytes, label: string, info: Bytes, n: number): Bytes {
    const labeled = concat(
      uint(n, 2), toUtf8("HPKE-v1"), id, toUtf8(label), info);
    const block = node
      .createHmac("sha256", prk).update(labeled).update(uint(1, 1)).digest();
    return new Uint8Array(block).slice(0, n);
  }
}

describe("HPKE", () => {
  const v = Object.fromEntries(
    Object.entries(rfc.hpke)
      .filter(([name]) => name !== "source")
      .map(([name, hex]) => [name, fromHex(hex as string)]),
  ) as Record<string, Bytes>;

  test(rfc.hpke.source, () => {
    const of128 = new Hpke(1, 16);
    const shared = of128.sharedSecret(
      v.ephemeralPrivate!, v.recipientPublic!, v.enc!, v.recipientPublic!);
    assert.deepEqual(shared, v.sharedSecret);
    assert.deepEqual(
      of128.sharedSecret(v.recipientPrivate!, v.enc!, v.enc!, v.recipientPublic!),
      v.sharedSecret);
    assert.deepEqual(
      of128.seal(shared, v.info!, v.aad!, v.plaintext!), v.ciphertext);
  });

  const none = new Uint8Array(0);

  async function recipient(): Promise<CryptoKeyPair> {
    const pkcs8 = concat(X25519_PKCS8, v.recipientPrivate!);
    return {
      privateKey: await crypto.subtle.importKey(
        "pkcs8", pkcs8, "X25519", false, ["deriveBits"]),
      publicKey: await hpke.importPublic(v.recipientPublic!),
    };
  }

  test("suite 2 seals what another implementation opens", async () => {
    const sealed = await hpke.seal(v.recipientPublic!, v.info!, v.plaintext!);
    assert.equal(sealed.length, v.plaintext!.length + 48);
    const enc = sealed.slice(0, 32);
    const of256 = new Hpke(2, 32);
    const shared = of256.sharedSecret(
      v.recipientPrivate!, enc, enc, v.recipientPublic!);
    assert.deepEqual(
      of256.open(shared, v.info!, none, sealed.slice(32)), v.plaintext);
  });

  test("suite 2 opens what another implementation seals", async () => {
    const of256 = new Hpke(2, 32);
    const ct = of256.seal(v.sharedSecret!, v.info!, none, v.plaintext!);
    const opened = await hpke.open(await recipient(), v.info!, concat(v.enc!, ct));
    assert.deepEqual(opened, v.plaintext);
  });

  test("another key, info or bit does not open", async () => {
    const sealed = await hpke.seal(v.recipientPublic!, v.info!, v.plaintext!);
    const pair = await recipient();
    await assert.rejects(hpke.open(await hpke.generate(false), v.info!, sealed));
    await assert.rejects(hpke.open(pair, concat(v.info!, uint(0, 1)), sealed));
    for (const at of [0, 31, 32, sealed.length - 1]) {
      const bad = sealed.slice();
      bad[at]! ^= 1;
      await assert.rejects(hpke.open(pair, v.info!, bad), `byte ${at}`);
    }
  });

  test("a public key of small order is refused", async () => {
    await assert.rejects(hpke.seal(new Uint8Array(32), v.info!, v.plaintext!));
  });
});
