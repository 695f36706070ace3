// A new generation of an account: for a new password, a new kit, a device less,
// or an account that was recovered.  Everything is written in one frame, which
// the service applies whole or not at all; whoever loses the answer to it finds
// out which of the two it was.

import { generate } from "../crypto/ed25519.ts";
import { accountIdOf, signkeyIdOf } from "../crypto/names.ts";
import { recoveryKeys } from "../crypto/password.ts";
import { equal, toHex, type Bytes } from "../wire/bytes.ts";
import * as f from "../wire/frames.gen.ts";
import { WrapKind } from "../wire/wrap.ts";
import {
  confirmed, drawSecrets, expect, keysOf, kitOf, type Device, type RenewOptions,
  type Secrets, type SetUp,
} from "./account.ts";
import type { AccountSetBytes } from "./account-set.ts";
import * as ask from "./ask.ts";
import { ClientError } from "./errors.ts";
import { makeGeneration } from "./generation.ts";
import * as owner from "./owner.ts";
import type { KnownRoster } from "./roster.ts";
import type { Stream } from "./stream.ts";
import type { DeviceList, RecoveryKit } from "./types.ts";

/** Resolves when the owner holds the kit in hands: only then is anything
 * changed, so that no kit can be lost on its way to paper. */
export type Keep = (kit: RecoveryKit) => Promise<boolean>;

export interface ChangeOptions extends RenewOptions {
  readonly newPassword?: string | undefined;
  /** signkey_ids, hex. */
  readonly remove?: readonly string[] | undefined;
  /** Given, Secret Key and recovery code are drawn anew. */
  readonly keep?: Keep | undefined;
}

/** What the next generation has that the present one has not. */
interface Next {
  readonly credentials: owner.Credentials & { readonly wrap: CryptoKey };
  /** Left out: those of the present account record. */
  readonly recovery?: { readonly pk: Bytes; readonly kem: Bytes };
  readonly devices: (present: KnownRoster) => Promise<readonly Bytes[]>;
  readonly present?: RenewOptions["present"];
}

export async function change(options: ChangeOptions): Promise<SetUp> {
  const { device, password, newPassword, remove, pinned, progress } = options;
  const { accountId } = device;
  const expected = await expect({ ...options, ...device });
  progress?.("vault");
  await owner.asOwner(options, expected, async (stream) => {
    const { set } = await owner.openAccount(await ask.vault(stream), expected);
    await owner.checkLeadsOn(stream, pinned, set.roster);
  });

  const secrets = options.keep && (await drawn(options.keep, device));
  const secretKey = secrets?.secretKey ?? device.secretKey;
  progress?.("password");
  const credentials = await owner.byPassword({
    ...expected, password: newPassword ?? password, secretKey,
  });
  progress?.("generation");
  const made = await replace(options, expected, pinned, {
    credentials,
    ...(secrets ? { recovery: await recoveryOf(secrets, accountId) } : {}),
    devices: (present) => without(present, remove ?? [], device.pk),
    present: options.present,
  });
  return { device: { ...device, secretKey }, ...made };
}

export interface RecoverOptions extends owner.Service {
  readonly account: string;
  readonly cid: Bytes;
  readonly recoveryCode: Bytes;
  readonly newPassword: string;
  readonly confirm: (list: DeviceList) => Promise<boolean>;
  readonly keep: Keep;
}

/** The account, by its recovery code alone: a new password, a new kit, and a
 * roster of this device alone. */
export async function recover(options: RecoverOptions): Promise<SetUp> {
  const { account, cid, newPassword, progress } = options;
  const accountId = await accountIdOf(account);
  progress?.("password");
  const serverSalt = await owner.withStream(options, cid, (stream) =>
    owner.saltOf(stream, accountId),
  );
  const credentials = await owner.byRecovery(options.recoveryCode, accountId);
  const expected = { cid, accountId, serverSalt, credentials };
  const signing = await generate();

  progress?.("vault");
  const { set } = await owner.asOwner(options, expected, async (stream) =>
    owner.openAccount(await ask.vault(stream), expected),
  );
  await confirmed(options.confirm, set.roster, signing.pk);
  const secrets = await drawn(options.keep, { account, cid });
  const { secretKey } = secrets;
  const device: Device = {
    account, accountId, cid, secretKey, pk: signing.pk,
    signKey: signing.privateKey,
  };

  progress?.("generation");
  const made = await replace(options, expected, set.roster, {
    credentials: await owner.byPassword({
      password: newPassword, secretKey, accountId, serverSalt,
    }),
    recovery: await recoveryOf(secrets, accountId),
    devices: async () => [device.pk],
  });
  return { device, ...made };
}

async function drawn(
  keep: Keep,
  { account, cid }: Pick<Device, "account" | "cid">,
): Promise<Secrets> {
  const secrets = drawSecrets();
  if (!(await keep(await kitOf(account, cid, secrets)))) {
    throw new ClientError("declined", "The kit was not kept.");
  }
  return secrets;
}

async function recoveryOf(
  { recoveryCode }: Secrets,
  accountId: Bytes,
): Promise<NonNullable<Next["recovery"]>> {
  const { login, kemPk } = await recoveryKeys(recoveryCode, accountId);
  return { pk: login.pk, kem: kemPk };
}

async function without(
  { devices }: KnownRoster,
  remove: readonly string[],
  own: Bytes,
): Promise<readonly Bytes[]> {
  const left = [];
  for (const pk of devices) {
    const goes = remove.includes(toHex(await signkeyIdOf(pk)));
    if (!goes || equal(pk, own)) left.push(pk);
  }
  return left.some((pk) => equal(pk, own)) ? left : [...left, own];
}

/** Puts the next generation in the place of the present one. */
async function replace(
  service: owner.Service,
  expected: owner.Expected,
  known: KnownRoster,
  next: Next,
): Promise<Pick<SetUp, "keys" | "roster">> {
  const sent: AccountSetBytes[] = [];
  const stored = (shown: f.VaultFrame) =>
    sent.find(({ account }) => equal(account, shown.account));
  const finish = async (stream: Stream, done: AccountSetBytes) => {
    await next.present?.(done.roster, stream);
    return done;
  };
  let done: AccountSetBytes | undefined;
  try {
    done = await owner.asOwner(service, expected, async (stream) =>
      finish(stream, await put(
        stream, service, expected, known, next, sent, stored)));
  } catch (error) {
    // If the answer was lost, the new login is what the service knows.
    const refused =
      error instanceof ClientError && error.code === "wrong-credentials";
    if (!refused || !sent.length) throw error;
    const now = { ...expected, credentials: next.credentials };
    done = await owner.asOwner(service, now, async (stream) => {
      const found = stored(await ask.vault(stream));
      return found && finish(stream, found);
    });
    if (!done) throw error;
  }
  return {
    keys: await keysOf(done, next.credentials),
    roster: done.roster,
  };
}

/** On conflict, whatever came between is what the next attempt follows. */
async function put(
  stream: Stream,
  service: owner.Service,
  expected: owner.Expected,
  known: KnownRoster,
  next: Next,
  sent: AccountSetBytes[],
  stored: (shown: f.VaultFrame) => AccountSetBytes | undefined,
): Promise<AccountSetBytes> {
  for (let attempt = 1; ; attempt++) {
    const shown = await ask.vault(stream);
    const done = stored(shown);
    if (done) return done;
    const present = await owner.openAccount(shown, expected, true);
    await owner.checkLeadsOn(stream, known, present.set.roster);
    const set = await follow(present, next, service.platform.now());
    sent.push(set);
    try {
      await stream.request((tag) =>
        f.encodeAccountPut(tag, owner.framed(set)),
      );
      return set;
    } catch (error) {
      const again = ask.isCode(error, f.E_CONFLICT);
      if (!again || attempt === owner.ATTEMPTS) throw error;
    }
  }
}

async function follow(
  { set, identityKey, keys }: owner.OpenedAccount,
  { credentials, recovery, devices }: Next,
  now: number,
): Promise<AccountSetBytes> {
  const { account, roster, wraps } = set;
  return makeGeneration({
    ...account,
    suite: roster.messageKey.suite,
    identity: { pk: roster.ikPk, privateKey: identityKey },
    devices: await devices(roster),
    loginPk: credentials.login.pk,
    under: credentials.wrap,
    recoveryPk: recovery?.pk ?? account.recoveryPk,
    recoveryKem: recovery?.kem ?? account.recoveryKem,
    now,
    after: {
      roster,
      accountKey: keys.accountKey,
      accountKeyName: wraps[WrapKind.accountKey - 1]!.keyId,
    },
  });
}
