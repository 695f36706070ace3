// An account: making it, opening it on a further device, renewing its roster.
// Each has a connection of its own and ends with the keys of this device.

import { generate } from "../crypto/ed25519.ts";
import {
  RECOVERY_CODE_BYTES, SECRET_KEY_BYTES, writeSecret,
} from "../crypto/kit.ts";
import { accountIdOf, cidOf, signkeyIdOf } from "../crypto/names.ts";
import { recoveryKeys } from "../crypto/password.ts";
import { idOf, signThing } from "../crypto/signed.ts";
import { encodeAccount } from "../wire/account.ts";
import {
  compare, equal, toBase64Url, toHex, type Bytes,
} from "../wire/bytes.ts";
import * as f from "../wire/frames.gen.ts";
import { encodeRoster } from "../wire/roster.ts";
import { ROSTER_DEVICES_MAX } from "../wire/sizes.ts";
import type { Suite } from "../wire/suite.ts";
import { checkAccountSet, type AccountSetBytes } from "./account-set.ts";
import * as ask from "./ask.ts";
import { deviceListOf } from "./devices.ts";
import { ClientError } from "./errors.ts";
import { makeGeneration, ROSTER_MS } from "./generation.ts";
import * as owner from "./owner.ts";
import type { KnownRoster } from "./roster.ts";
import type { Stream } from "./stream.ts";
import type { DeviceList, RecoveryKit } from "./types.ts";

/** What a device keeps under "device". */
export interface Device {
  readonly account: string;
  readonly accountId: Bytes;
  readonly cid: Bytes;
  readonly secretKey: Bytes;
  readonly pk: Bytes;
  readonly signKey: CryptoKey;
}

export interface SetUp {
  readonly device: Device;
  readonly keys: owner.GenerationKeys;
  readonly roster: Bytes;
}

/** What a recovery kit holds, as bytes. */
export interface Secrets {
  readonly secretKey: Bytes;
  readonly recoveryCode: Bytes;
}

export function drawSecrets(): Secrets {
  return {
    secretKey: crypto.getRandomValues(new Uint8Array(SECRET_KEY_BYTES)),
    recoveryCode: crypto.getRandomValues(new Uint8Array(RECOVERY_CODE_BYTES)),
  };
}

export async function kitOf(
  account: string,
  cid: Bytes,
  { secretKey, recoveryCode }: Secrets,
): Promise<RecoveryKit> {
  return {
    account,
    cid: toBase64Url(cid),
    secretKey: await writeSecret(secretKey),
    recoveryCode: await writeSecret(recoveryCode),
  };
}

// --- registration ----------------------------------------------------------

export interface RegisterOptions extends owner.Service {
  /** A name that accountName returned. */
  readonly account: string;
  readonly password: string;
  readonly suite: Suite;
  readonly invitation?: Uint8Array | undefined;
}

export async function register(
  options: RegisterOptions,
): Promise<{ setUp: SetUp; kit: RecoveryKit }> {
  const { account, password, suite, platform, progress } = options;
  const accountId = await accountIdOf(account);
  const secrets = drawSecrets();
  const { secretKey } = secrets;

  progress?.("keys");
  const identity = await generate(true);
  const cid = await cidOf(identity.pk);
  const serverSalt = await owner.withStream(options, cid, (stream) =>
    owner.saltOf(stream, accountId),
  ).catch(noRegistrations);
  progress?.("password");
  const credentials = await owner.byPassword({
    password, secretKey, accountId, serverSalt,
  });
  const recovery = await recoveryKeys(secrets.recoveryCode, accountId);

  progress?.("account");
  const device = await generate();
  const set = await makeGeneration({
    cid, accountId, serverSalt, suite, identity, devices: [device.pk],
    loginPk: credentials.login.pk, under: credentials.wrap,
    recoveryPk: recovery.login.pk, recoveryKem: recovery.kemPk,
    now: platform.now(),
  });
  const keys = await keysOf(set, credentials);
  await owner.withStream(options, cid, (stream) =>
    put(stream, options, set, accountId, identity.privateKey),
  );

  return {
    setUp: {
      device: {
        account, accountId, cid, secretKey, pk: device.pk,
        signKey: device.privateKey,
      },
      keys,
      roster: set.roster,
    },
    kit: await kitOf(account, cid, secrets),
  };
}

/** What a device keeps of a generation made here is what any other would get:
 * unwrapped, and not to be exported. */
export async function keysOf(
  set: AccountSetBytes,
  credentials: owner.Credentials,
): Promise<owner.GenerationKeys> {
  const checked = await checkAccountSet(set);
  if (typeof checked === "string") {
    throw owner.notGenuine(`What was made: ${checked}.`);
  }
  return (await owner.unwrapAll(checked, credentials)).keys;
}

/** A service that takes none does not even answer for a customer that it does
 * not have. */
function noRegistrations(error: unknown): never {
  if (error instanceof ClientError && error.code === "not-here") {
    throw new ClientError(
      "registration-closed", "This service takes no registrations.");
  }
  throw error;
}

async function put(
  stream: Stream,
  options: RegisterOptions,
  set: AccountSetBytes,
  accountId: Bytes,
  identityKey: CryptoKey,
): Promise<void> {
  const invitation = new Uint8Array(options.invitation ?? new Uint8Array(16));
  await ask.signing(async () => {
    const sig = await owner.claimOf(
      stream, options.address.origin, accountId, invitation, identityKey);
    await stream.request((tag) =>
      f.encodeRegister(tag, { sig, invitation, ...owner.framed(set) }),
    );
  });
}

// --- login on a further device ---------------------------------------------

export interface LoginOptions extends owner.Service {
  readonly account: string;
  readonly password: string;
  readonly secretKey: Bytes;
  readonly cid: Bytes;
  readonly confirm: (list: DeviceList) => Promise<boolean>;
}

export async function login(options: LoginOptions): Promise<SetUp> {
  const { account, secretKey, cid, platform, progress } = options;
  const accountId = await accountIdOf(account);
  const expected = await expect({ ...options, accountId });
  const device = await generate();

  progress?.("vault");
  const seen = await owner.asOwner(options, expected, async (stream) =>
    owner.openAccount(await ask.vault(stream), expected),
  );
  await confirmed(options.confirm, seen.set.roster, device.pk);

  // The customer may have taken time to confirm: the connection is a new one,
  // and whatever changed meanwhile has to lead on from what was confirmed.
  progress?.("device");
  const { keys, roster } = await owner.asOwner(options, expected, (stream) =>
    publish(stream, expected, seen.set.roster, {
      pk: device.pk,
      now: platform.now(),
      isDone: ({ devices }) => devices.some((pk) => equal(pk, device.pk)),
    }),
  );
  return {
    device: {
      account, accountId, cid, secretKey, pk: device.pk,
      signKey: device.privateKey,
    },
    keys,
    roster,
  };
}

/** A device that has pinned nothing has but its owner to tell an old list from
 * the present one. */
export async function confirmed(
  confirm: LoginOptions["confirm"],
  roster: KnownRoster,
  pk: Bytes,
): Promise<void> {
  const list = await deviceListOf(roster, toHex(await signkeyIdOf(pk)));
  if (!(await confirm(list))) {
    throw new ClientError("declined", "Not confirmed.");
  }
}

/** The account that password and Secret Key have to open. */
export async function expect(
  options: owner.Service & {
    readonly cid: Bytes;
    readonly accountId: Bytes;
    readonly password: string;
    readonly secretKey: Bytes;
  },
): Promise<owner.Expected & { readonly credentials: { readonly wrap: CryptoKey } }> {
  const { cid, accountId, password, secretKey, progress } = options;
  progress?.("password");
  const serverSalt = await owner.withStream(options, cid, (stream) =>
    owner.saltOf(stream, accountId),
  );
  const credentials = await owner.byPassword({
    password, secretKey, accountId, serverSalt,
  });
  return { cid, accountId, serverSalt, credentials };
}

// --- renewing the roster ----------------------------------------------------

export interface RenewOptions extends owner.Service {
  readonly device: Device;
  readonly password: string;
  /** The highest roster that this device holds. */
  readonly pinned: KnownRoster;
  /** Pins what leads on from it. */
  readonly present: (roster: Bytes, stream: Stream) => Promise<void>;
}

/** A new roster of the same devices, this one among them, valid from now on.
 * It brings the keys of a generation that another device began. */
export async function renew(options: RenewOptions): Promise<SetUp> {
  const { device, pinned, platform, progress } = options;
  const expected = await expect({ ...options, ...device });
  progress?.("roster");
  const now = platform.now();
  return owner.asOwner(options, expected, async (stream) => {
    const published = await publish(stream, expected, pinned, {
      pk: device.pk, now, isDone: ({ notBefore }) => notBefore === now,
    });
    await options.present(published.roster, stream);
    return { device, ...published };
  });
}

interface Publishing {
  /** The device that is to be listed. */
  readonly pk: Bytes;
  readonly now: number;
  /** A repetition after a lost answer finds its own work done. */
  readonly isDone: (roster: KnownRoster) => boolean;
}

/** Lists a device in the next roster; on conflict, in the one after. */
async function publish(
  stream: Stream,
  expected: owner.Expected,
  known: KnownRoster,
  { pk, now, isDone }: Publishing,
): Promise<Pick<SetUp, "keys" | "roster">> {
  for (let attempt = 1; ; attempt++) {
    const present = await owner.openAccount(await ask.vault(stream), expected);
    const { keys, set } = present;
    await owner.checkLeadsOn(stream, known, set.roster);
    if (isDone(set.roster)) return { keys, roster: set.roster.bytes };
    const next = await withDevice(present, pk, now);
    try {
      await stream.request((tag) =>
        f.encodeAccountPut(tag, owner.framed(next)),
      );
      return { keys, roster: next.roster };
    } catch (error) {
      const again = ask.isCode(error, f.E_CONFLICT);
      if (!again || attempt === owner.ATTEMPTS) throw error;
    }
  }
}

async function withDevice(
  { set: { account, roster, wraps }, identityKey }: owner.OpenedAccount,
  pk: Bytes,
  now: number,
): Promise<AccountSetBytes> {
  const isListed = roster.devices.some((listed) => equal(listed, pk));
  if (!isListed && roster.devices.length >= ROSTER_DEVICES_MAX) {
    throw new ClientError("too-many-devices", "64 devices are listed already.");
  }
  const { bytes: _, ...fields } = roster;
  const nextRoster = await signThing(
    "roster",
    encodeRoster({
      ...fields,
      version: roster.version + 1,
      prev: await idOf(roster.bytes),
      notBefore: now,
      notAfter: now + ROSTER_MS,
      devices: isListed
        ? roster.devices
        : [...roster.devices, pk].sort(compare),
    }),
    identityKey,
  );
  const nextAccount = await signThing(
    "record",
    encodeAccount({ ...account, rosterId: await idOf(nextRoster) }),
    identityKey,
  );
  return {
    account: nextAccount,
    roster: nextRoster,
    wraps: wraps.map(({ bytes }) => bytes),
  };
}
