// One generation of an account: its keys, wrapped, and what signs for them.

import type { SigningKey } from "../crypto/ed25519.ts";
import * as kem from "../crypto/kem.ts";
import { idOf, signThing } from "../crypto/signed.ts";
import { sealKey, wrapKey, wrapsHash } from "../crypto/vault.ts";
import { encodeAccount } from "../wire/account.ts";
import { compare, fromHex, ZERO_ID, type Bytes } from "../wire/bytes.ts";
import { encodeRoster } from "../wire/roster.ts";
import { KDF_ID } from "../wire/sizes.ts";
import type { Suite } from "../wire/suite.ts";
import { WrapKind } from "../wire/wrap.ts";
import type { AccountSetBytes } from "./account-set.ts";
import type { KnownRoster } from "./roster.ts";

export const ROSTER_MS = 180 * 86_400_000;

export interface Generation {
  readonly cid: Bytes;
  readonly accountId: Bytes;
  readonly serverSalt: Bytes;
  readonly suite: Suite;
  /** Extractable. */
  readonly identity: SigningKey;
  readonly devices: readonly Bytes[];
  readonly loginPk: Bytes;
  /** What password and Secret Key wrap with. */
  readonly under: CryptoKey;
  readonly recoveryPk: Bytes;
  readonly recoveryKem: Bytes;
  readonly now: number;
  /** What it follows; left out, it is the first. */
  readonly after?: Before;
}

export interface Before {
  readonly roster: KnownRoster;
  /** Extractable, and its name. */
  readonly accountKey: CryptoKey;
  readonly accountKeyName: Bytes;
}

export async function makeGeneration(o: Generation): Promise<AccountSetBytes> {
  const { cid, accountId, identity, after, now } = o;
  const generation = (after?.roster.generation ?? 0) + 1;
  const messageKey = await kem.generate(o.suite, true);
  const wraps = await wrapAll(o, generation, messageKey);
  const roster = await signThing(
    "roster",
    encodeRoster({
      cid, ikPk: identity.pk, version: (after?.roster.version ?? 0) + 1,
      generation, prev: after ? fromHex(after.roster.id) : ZERO_ID,
      notBefore: now, notAfter: now + ROSTER_MS,
      messageKey: { suite: o.suite, pk: messageKey.pk },
      devices: [...o.devices].sort(compare),
    }),
    identity.privateKey,
  );
  const account = await signThing(
    "record",
    encodeAccount({
      cid, ikPk: identity.pk, accountId, generation, kdfId: KDF_ID,
      serverSalt: o.serverSalt, loginPk: o.loginPk,
      recoveryPk: o.recoveryPk, recoveryKem: o.recoveryKem,
      rosterId: await idOf(roster), wraps: await wrapsHash(wraps),
    }),
    identity.privateKey,
  );
  return { account, roster, wraps };
}

/** All wrap records of a generation, ascending by kind. */
async function wrapAll(
  o: Generation,
  generation: number,
  messageKey: kem.KemKey,
): Promise<Bytes[]> {
  const { cid, accountId, under, recoveryKem, after } = o;
  const identity = o.identity.privateKey;
  const accountKey = await crypto.subtle.generateKey(
    { name: "AES-GCM", length: 256 }, true, ["wrapKey", "unwrapKey"],
  );
  const akName = crypto.getRandomValues(new Uint8Array(32));
  const header = (kind: WrapKind, keyId: Bytes) => ({
    kind, cid, accountId, generation, keyId,
  });
  const wraps = [
    await wrapKey(header(WrapKind.accountKey, akName), accountKey, under),
    await sealKey(
      header(WrapKind.accountKeyRecovery, akName), accountKey, recoveryKem),
    await wrapKey(header(WrapKind.identityKey, cid), identity, under),
    await sealKey(
      header(WrapKind.identityKeyRecovery, cid), identity, recoveryKem),
    await wrapKey(
      header(WrapKind.messageKey, messageKey.kemId),
      messageKey.pair.privateKey, accountKey),
  ];
  if (after) {
    wraps.push(await wrapKey(
      header(WrapKind.previousAccountKey, after.accountKeyName),
      after.accountKey, accountKey));
  }
  return wraps;
}
