// An account: making it, and opening it on a further device.  Each of the two
// has a connection of its own and ends with the keys of this device.

import { generate, sign, verify, type SigningKey } from "../crypto/ed25519.ts";
import * as kem from "../crypto/kem.ts";
import { RECOVERY_CODE_BYTES, SECRET_KEY_BYTES, writeSecret } from "../crypto/kit.ts";
import { accountIdOf, cidOf, signkeyIdOf } from "../crypto/names.ts";
import {
  passwordKeys, recoveryKeys, type PasswordKeys, type RecoveryKeys,
} from "../crypto/password.ts";
import { idOf, signClaim, signThing } from "../crypto/signed.ts";
import { hash } from "../crypto/hash.ts";
import { sealKey, unwrapKey, wrapKey, wrapsHash } from "../crypto/vault.ts";
import { encodeAccount } from "../wire/account.ts";
import { Role } from "../wire/auth.ts";
import {
  compare, copy, equal, toBase64Url, toHex, toUtf8, ZERO_ID, type Bytes,
} from "../wire/bytes.ts";
import * as f from "../wire/frames.gen.ts";
import { encodeRoster } from "../wire/roster.ts";
import { KDF_ID, ROSTER_DEVICES_MAX } from "../wire/sizes.ts";
import type { Suite } from "../wire/suite.ts";
import { WrapKind } from "../wire/wrap.ts";
import {
  checkAccountSet, type AccountSet, type AccountSetBytes,
} from "./account-set.ts";
import * as ask from "./ask.ts";
import { deviceListOf } from "./devices.ts";
import { ClientError } from "./errors.ts";
import type { Platform } from "./platform.ts";
import { succeeds, verifyRoster, type KnownRoster } from "./roster.ts";
import { AlarmError } from "./alarm.ts";
import { Disconnected, ServiceError, Stream } from "./stream.ts";
import type { DeviceList, RecoveryKit, ServiceAddress } from "./types.ts";

const ROSTER_MS = 180 * 86_400_000;
const ATTEMPTS = 4;

/** What a device keeps under "device". */
export interface Device {
  readonly account: string;
  readonly accountId: Bytes;
  readonly cid: Bytes;
  readonly secretKey: Bytes;
  readonly pk: Bytes;
  readonly signKey: CryptoKey;
}

/** What a device keeps of each generation; nothing of it can be exported. */
export interface GenerationKeys {
  readonly generation: number;
  readonly accountKey: CryptoKey;
  readonly messageKey: kem.KemKey;
}

export interface SetUp {
  readonly device: Device;
  readonly keys: GenerationKeys;
  readonly roster: Bytes;
}

export interface Service {
  readonly platform: Platform;
  readonly address: ServiceAddress;
  readonly progress?: ((step: string) => void) | undefined;
}

// --- registration ----------------------------------------------------------

export interface RegisterOptions extends Service {
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
  const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
  const accountId = await accountIdOf(account);
  const secretKey = random(SECRET_KEY_BYTES);
  const recoveryCode = random(RECOVERY_CODE_BYTES);

  progress?.("keys");
  const identity = await generate(true);
  const cid = await cidOf(identity.pk);
  const serverSalt = await withStream(options, cid, (stream) =>
    saltOf(stream, accountId),
  ).catch(noRegistrations);
  progress?.("password");
  const byPassword = await passwordKeys({
    password, secretKey, accountId, serverSalt,
  });
  const recovery = await recoveryKeys(recoveryCode, accountId);

  progress?.("account");
  const device = await generate();
  const set = await firstSet({
    cid, accountId, serverSalt, suite, identity, device: device.pk,
    loginPk: byPassword.login.pk, under: byPassword.wrap, recovery,
    now: platform.now(),
  });
  // What this device keeps is what any other would get: unwrapped, and not to
  // be exported.
  const checked = await checkAccountSet(set);
  if (typeof checked === "string") throw notGenuine(`What was made: ${checked}.`);
  const { keys } = await unwrapAll(checked, byPassword.wrap);

  await withStream(options, cid, (stream) =>
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
    kit: {
      account,
      cid: toBase64Url(cid),
      secretKey: await writeSecret(secretKey),
      recoveryCode: await writeSecret(recoveryCode),
    },
  };
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

/** The first generation of an account: its keys, wrapped, and what signs for
 * them. */
async function firstSet(o: {
  cid: Bytes;
  accountId: Bytes;
  serverSalt: Bytes;
  suite: Suite;
  identity: SigningKey;
  device: Bytes;
  loginPk: Bytes;
  under: CryptoKey;
  recovery: RecoveryKeys;
  now: number;
}): Promise<AccountSetBytes> {
  const { cid, accountId, identity, recovery, now } = o;
  const messageKey = await kem.generate(o.suite, true);
  const wraps = await wrapAll({
    cid, accountId, identity: identity.privateKey, messageKey,
    under: o.under, recoveryKem: recovery.kemPk,
  });
  const roster = await signThing(
    "roster",
    encodeRoster({
      cid, ikPk: identity.pk, version: 1, generation: 1, prev: ZERO_ID,
      notBefore: now, notAfter: now + ROSTER_MS,
      messageKey: { suite: o.suite, pk: messageKey.pk }, devices: [o.device],
    }),
    identity.privateKey,
  );
  const account = await signThing(
    "record",
    encodeAccount({
      cid, ikPk: identity.pk, accountId, generation: 1, kdfId: KDF_ID,
      serverSalt: o.serverSalt, loginPk: o.loginPk,
      recoveryPk: recovery.login.pk, recoveryKem: recovery.kemPk,
      rosterId: await idOf(roster), wraps: await wrapsHash(wraps),
    }),
    identity.privateKey,
  );
  return { account, roster, wraps };
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
    const sig = await signClaim(
      {
        role: Role.registration,
        originHash: await hash(toUtf8(options.address.origin)),
        challenge: await stream.challenge(),
        subject: accountId,
        invitation,
      },
      identityKey,
    );
    await stream.request((tag) =>
      f.encodeRegister(tag, { sig, invitation, ...framed(set) }),
    );
  });
}

/** All wrap records of the first generation, ascending by kind. */
async function wrapAll(o: {
  cid: Bytes;
  accountId: Bytes;
  identity: CryptoKey;
  messageKey: kem.KemKey;
  under: CryptoKey;
  recoveryKem: Bytes;
}): Promise<Bytes[]> {
  const { cid, accountId } = o;
  const accountKey = await crypto.subtle.generateKey(
    { name: "AES-GCM", length: 256 }, true, ["wrapKey", "unwrapKey"],
  );
  const akName = crypto.getRandomValues(new Uint8Array(32));
  const header = (kind: WrapKind, keyId: Bytes) => ({
    kind, cid, accountId, generation: 1, keyId,
  });
  return [
    await wrapKey(header(WrapKind.accountKey, akName), accountKey, o.under),
    await sealKey(
      header(WrapKind.accountKeyRecovery, akName), accountKey, o.recoveryKem),
    await wrapKey(header(WrapKind.identityKey, cid), o.identity, o.under),
    await sealKey(
      header(WrapKind.identityKeyRecovery, cid), o.identity, o.recoveryKem),
    await wrapKey(
      header(WrapKind.messageKey, o.messageKey.kemId),
      o.messageKey.pair.privateKey, accountKey),
  ];
}

// --- login on a further device ---------------------------------------------

export interface LoginOptions extends Service {
  readonly account: string;
  readonly password: string;
  readonly secretKey: Bytes;
  readonly cid: Bytes;
  readonly confirm: (list: DeviceList) => Promise<boolean>;
}

export async function login(options: LoginOptions): Promise<SetUp> {
  const { account, password, secretKey, cid, platform, progress } = options;
  const accountId = await accountIdOf(account);
  progress?.("password");
  const serverSalt = await withStream(options, cid, (stream) =>
    saltOf(stream, accountId),
  );
  const byPassword = await passwordKeys({
    password, secretKey, accountId, serverSalt,
  });
  const device = await generate();
  const expected = { cid, accountId, serverSalt, byPassword };

  progress?.("vault");
  const seen = await asPassword(options, expected, async (stream) =>
    openAccount(await ask.vault(stream), expected),
  );
  const accepted = await options.confirm(
    await deviceListOf(seen.set.roster, toHex(await signkeyIdOf(device.pk))),
  );
  if (!accepted) throw new ClientError("declined", "Not confirmed.");

  // The customer may have taken time to confirm: the connection is a new one,
  // and whatever changed meanwhile has to lead on from what was confirmed.
  progress?.("device");
  const { keys, roster } = await asPassword(options, expected, (stream) =>
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

// --- renewing the roster ----------------------------------------------------

export interface RenewOptions extends Service {
  readonly device: Device;
  readonly password: string;
  /** The highest roster that this device holds. */
  readonly pinned: KnownRoster;
  /** Pins what leads on from it. */
  readonly present: (roster: Bytes, stream: Stream) => Promise<void>;
}

/** A new roster of the same devices, this one among them, valid from now on. */
export async function renew(options: RenewOptions): Promise<SetUp> {
  const { device, password, pinned, platform, progress } = options;
  const { cid, accountId, secretKey, pk } = device;
  progress?.("password");
  const serverSalt = await withStream(options, cid, (stream) =>
    saltOf(stream, accountId),
  );
  const byPassword = await passwordKeys({
    password, secretKey, accountId, serverSalt,
  });
  const expected = { cid, accountId, serverSalt, byPassword };
  progress?.("roster");
  const now = platform.now();
  return asPassword({ ...options, cid }, expected, async (stream) => {
    const published = await publish(stream, expected, pinned, {
      pk, now, isDone: ({ notBefore }) => notBefore === now,
    });
    await options.present(published.roster, stream);
    return { device, ...published };
  });
}

interface Expected {
  readonly cid: Bytes;
  readonly accountId: Bytes;
  readonly serverSalt: Bytes;
  readonly byPassword: PasswordKeys;
}

interface OpenedAccount {
  readonly set: AccountSet;
  readonly identityKey: CryptoKey;
  readonly keys: GenerationKeys;
}

function asPassword<T>(
  options: Service & { readonly cid: Bytes },
  { byPassword, accountId }: Expected,
  work: (stream: Stream) => Promise<T>,
): Promise<T> {
  return withStream(options, options.cid, async (stream) => {
    await ask.auth(stream, options.address.origin, {
      role: Role.password,
      subject: accountId,
      key: byPassword.login.privateKey,
    });
    return work(stream);
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
  expected: Expected,
  known: KnownRoster,
  { pk, now, isDone }: Publishing,
): Promise<Pick<SetUp, "keys" | "roster">> {
  for (let attempt = 1; ; attempt++) {
    const present = await openAccount(await ask.vault(stream), expected);
    const { keys, set } = present;
    await checkLeadsOn(stream, known, set.roster);
    if (isDone(set.roster)) return { keys, roster: set.roster.bytes };
    const next = await withDevice(present, pk, now);
    try {
      await stream.request((tag) =>
        f.encodeAccountPut(tag, framed(next)),
      );
      return { keys, roster: next.roster };
    } catch (error) {
      const again = ask.isCode(error, f.E_CONFLICT);
      if (!again || attempt === ATTEMPTS) throw error;
    }
  }
}

async function checkLeadsOn(
  stream: Stream,
  confirmed: KnownRoster,
  present: KnownRoster,
): Promise<void> {
  let last = confirmed;
  while (last.id !== present.id) {
    const { rosters } = await ask.rosters(stream, { version: last.version + 1 });
    if (!rosters.length) throw notGenuine("The rosters break off.");
    for (const { bytes } of rosters) {
      const next = await verifyRoster(copy(bytes), confirmed.cid);
      if (!succeeds(last, next)) throw notGenuine("The rosters break off.");
      last = next;
    }
  }
}

async function withDevice(
  { set: { account, roster, wraps }, identityKey }: OpenedAccount,
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

/** The account as the service shows it, verified and unwrapped. */
async function openAccount(
  shown: f.VaultFrame,
  { cid, accountId, serverSalt, byPassword }: Expected,
): Promise<OpenedAccount> {
  const set = await checkAccountSet({
    account: copy(shown.account),
    roster: copy(shown.roster),
    wraps: shown.wraps.map(({ bytes }) => copy(bytes)),
  });
  if (typeof set === "string") {
    throw notGenuine(`The account does not hold together: ${set}.`);
  }
  const { account } = set;
  const ours =
    equal(account.cid, cid) &&
    equal(account.accountId, accountId) &&
    equal(account.serverSalt, serverSalt) &&
    equal(account.loginPk, byPassword.login.pk);
  if (!ours) throw notGenuine("The account is another one.");
  return { set, ...(await unwrapAll(set, byPassword.wrap)) };
}

/** Unwraps what a device needs of a generation, and tests each private half
 * against its public half. */
async function unwrapAll(
  { roster, wraps }: AccountSet,
  under: CryptoKey,
): Promise<{ identityKey: CryptoKey; keys: GenerationKeys }> {
  const { generation, messageKey } = roster;
  const of = (kind: WrapKind) => wraps[kind - 1]!;
  const { algorithm, usages } = kem.algorithmOf(messageKey.suite).UNWRAP;
  let identityKey, accountKey, privateKey;
  try {
    identityKey = await unwrapKey(
      of(WrapKind.identityKey), under, "Ed25519", ["sign"]);
    accountKey = await unwrapKey(
      of(WrapKind.accountKey), under, "AES-GCM", ["wrapKey", "unwrapKey"]);
    privateKey = await unwrapKey(
      of(WrapKind.messageKey), accountKey, algorithm, usages);
  } catch {
    throw notGenuine("A wrapped key does not open.");
  }
  const joined = await kem.join(messageKey, privateKey);
  if (!joined || !(await isPair(identityKey, roster.ikPk))) {
    throw notGenuine("A wrapped key is another one.");
  }
  return { identityKey, keys: { generation, accountKey, messageKey: joined } };
}

async function isPair(privateKey: CryptoKey, pk: Bytes): Promise<boolean> {
  const probe = crypto.getRandomValues(new Uint8Array(32));
  return verify(pk, probe, await sign(privateKey, probe));
}

// --- both ------------------------------------------------------------------

/** Refuses any other key derivation before a signature is made. */
async function saltOf(stream: Stream, accountId: Bytes): Promise<Bytes> {
  const { kdfId, serverSalt } = await ask.loginStart(stream, accountId);
  if (kdfId !== KDF_ID) {
    throw new ClientError(
      "bad-kdf", `The service asks for key derivation ${kdfId}.`);
  }
  return copy(serverSalt);
}

/** A connection for this work alone; tried again if it breaks, which all of
 * what is done in one allows. */
async function withStream<T>(
  { platform, address }: Service,
  cid: Bytes,
  work: (stream: Stream) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const stream = new Stream(platform, address, cid);
    try {
      return await work(stream);
    } catch (error) {
      if (!(error instanceof Disconnected)) throw clientErrorOf(error);
      if (attempt === ATTEMPTS) {
        throw new ClientError("offline", "The service cannot be reached.");
      }
    } finally {
      stream.close();
    }
    await new Promise<void>((done) => platform.after(500 * attempt, done));
  }
}

function clientErrorOf(error: unknown): unknown {
  if (error instanceof AlarmError) {
    return new ClientError("not-genuine", error.message);
  }
  if (!(error instanceof ServiceError)) return error;
  switch (error.code) {
    case f.E_AUTH_FAILED:
      return new ClientError("wrong-credentials", error.message);
    case f.E_ACCOUNT_TAKEN:
      return new ClientError("account-taken", error.message);
    case f.E_REGISTRATION_CLOSED:
      return new ClientError("registration-closed", error.message);
    case f.E_NOT_HERE:
      return new ClientError("not-here", error.message);
    default:
      return new ClientError("refused", error.message);
  }
}

function framed({ account, roster, wraps }: AccountSetBytes): f.AccountPutFrame {
  return { account, roster, wraps: wraps.map((bytes) => ({ bytes })) };
}

function notGenuine(detail: string): ClientError {
  return new ClientError("not-genuine", detail);
}
