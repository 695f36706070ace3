// A KEM key of either suite.

import { equal, type Bytes } from "../wire/bytes.ts";
import { isKemPublic, type KemPublic, type Suite } from "../wire/suite.ts";
import { domain } from "./hash.ts";
import * as hpke from "./hpke.ts";
import { kemIdOf } from "./names.ts";
import * as rsa from "./rsa.ts";

/** Both halves of a KEM key. */
export interface KemKey extends KemPublic {
  readonly kemId: Bytes;
  readonly pair: CryptoKeyPair;
}

export function algorithmOf(suite: Suite): typeof hpke | typeof rsa {
  return suite === 1 ? rsa : hpke;
}

/** extractable: only for a message key, which has to be wrapped. */
export async function generate(
  suite: Suite,
  extractable = false,
): Promise<KemKey> {
  const algorithm = algorithmOf(suite);
  const pair = await algorithm.generate(extractable);
  const pk = await algorithm.exportPublic(pair.publicKey);
  const key = { suite, pk };
  if (!isKemPublic(key)) throw new Error("unusual key");
  return { ...key, kemId: await kemIdOf(key), pair };
}

/** A private half beside the public half that it claims; undefined when they
 * do not belong together. */
export async function join(
  key: KemPublic,
  privateKey: CryptoKey,
): Promise<KemKey | undefined> {
  const publicKey = await algorithmOf(key.suite).importPublic(key.pk);
  const pair = { publicKey, privateKey };
  const probe = crypto.getRandomValues(new Uint8Array(32));
  const info = domain("probe");
  try {
    const sealed = await seal(key, info, probe);
    if (!equal(await open({ ...key, pair }, info, sealed), probe)) {
      return undefined;
    }
  } catch {
    return undefined;
  }
  return { suite: key.suite, pk: key.pk, kemId: await kemIdOf(key), pair };
}

export function seal(
  key: KemPublic,
  info: Bytes,
  secret: Bytes,
): Promise<Bytes> {
  return algorithmOf(key.suite).seal(key.pk, info, secret);
}

/** Rejects when it does not open. */
export function open(
  key: Pick<KemKey, "suite" | "pair">,
  info: Bytes,
  sealed: Bytes,
): Promise<Bytes> {
  return algorithmOf(key.suite).open(key.pair, info, sealed);
}
