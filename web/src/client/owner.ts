// The owner of an account, for the moment at which password or recovery code
// is at hand: what is derived from them, the connection that they open, and the
// account as the service shows it, verified and unwrapped.

import { sign, verify, type SigningKey } from "../crypto/ed25519.ts";
import { hash } from "../crypto/hash.ts";
import * as kem from "../crypto/kem.ts";
import { passwordKeys, recoveryKeys } from "../crypto/password.ts";
import { signClaim } from "../crypto/signed.ts";
import { openKey, unwrapKey } from "../crypto/vault.ts";
import { Role } from "../wire/auth.ts";
import type { Account } from "../wire/account.ts";
import { copy, equal, toUtf8, wipe, type Bytes } from "../wire/bytes.ts";
import * as f from "../wire/frames.gen.ts";
import { KDF_ID } from "../wire/sizes.ts";
import { WrapKind, type Wrap } from "../wire/wrap.ts";
import {
  checkAccountSet, type AccountSet, type AccountSetBytes,
} from "./account-set.ts";
import { AlarmError } from "./alarm.ts";
import * as ask from "./ask.ts";
import { ClientError } from "./errors.ts";
import type { Platform } from "./platform.ts";
import { succeeds, verifyRoster, type KnownRoster } from "./roster.ts";
import { Disconnected, ServiceError, Stream } from "./stream.ts";
import type { ServiceAddress } from "./types.ts";

export const ATTEMPTS = 4;

/** What a device keeps of each generation; nothing of it can be exported. */
export interface GenerationKeys {
  readonly generation: number;
  readonly accountKey: CryptoKey;
  readonly messageKey: kem.KemKey;
}

/** Where a device keeps them. */
export const keyOf = (generation: number) => `key/${generation}`;

export interface Service {
  readonly platform: Platform;
  readonly address: ServiceAddress;
  readonly progress?: ((step: string) => void) | undefined;
}

type Opened = "accountKey" | "identityKey";

/** What opens an account: password and Secret Key, or the recovery code. */
export interface Credentials {
  readonly role: typeof Role.password | typeof Role.recovery;
  readonly login: SigningKey;
  /** Of password and Secret Key: what wraps. */
  readonly wrap?: CryptoKey;
  /** Whether an account record names what was derived. */
  belongsTo(account: Account): boolean;
  /** Rejects when it does not open. */
  open(wraps: readonly Wrap[], key: Opened, extractable: boolean): Promise<CryptoKey>;
}

const IMPORT = {
  accountKey: ["raw", "AES-GCM", ["wrapKey", "unwrapKey"]],
  identityKey: ["pkcs8", "Ed25519", ["sign"]],
} as const;

export async function byPassword(secrets: {
  readonly password: string;
  readonly secretKey: Bytes;
  readonly accountId: Bytes;
  readonly serverSalt: Bytes;
}): Promise<Credentials & { readonly wrap: CryptoKey }> {
  const { login, wrap } = await passwordKeys(secrets);
  return {
    role: Role.password,
    login,
    wrap,
    belongsTo: ({ loginPk }) => equal(loginPk, login.pk),
    open(wraps, key, extractable) {
      const [, algorithm, usages] = IMPORT[key];
      const record = wraps[WrapKind[key] - 1]!;
      return unwrapKey(record, wrap, algorithm, usages, extractable);
    },
  };
}

export async function byRecovery(
  code: Bytes,
  accountId: Bytes,
): Promise<Credentials> {
  const { login, kem: pair, kemPk } = await recoveryKeys(code, accountId);
  return {
    role: Role.recovery,
    login,
    belongsTo: ({ recoveryPk, recoveryKem }) =>
      equal(recoveryPk, login.pk) && equal(recoveryKem, kemPk),
    async open(wraps, key, extractable) {
      const [format, algorithm, usages] = IMPORT[key];
      const record = wraps[WrapKind[`${key}Recovery`] - 1]!;
      const secret = await openKey(record, pair);
      const opened = await crypto.subtle.importKey(
        format, secret, algorithm, extractable, [...usages]);
      wipe(secret);
      return opened;
    },
  };
}

/** What the account has to be, to be this owner's. */
export interface Expected {
  readonly cid: Bytes;
  readonly accountId: Bytes;
  readonly serverSalt: Bytes;
  readonly credentials: Credentials;
}

export interface OpenedAccount {
  readonly set: AccountSet;
  readonly identityKey: CryptoKey;
  readonly keys: GenerationKeys;
}

/** The account as the service shows it, verified and unwrapped. */
export async function openAccount(
  shown: f.VaultFrame,
  { cid, accountId, serverSalt, credentials }: Expected,
  extractable = false,
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
    credentials.belongsTo(account);
  if (!ours) throw notGenuine("The account is another one.");
  return { set, ...(await unwrapAll(set, credentials, extractable)) };
}

/** Unwraps what a device needs of a generation, and tests each private half
 * against its public half. */
export async function unwrapAll(
  { roster, wraps }: AccountSet,
  credentials: Credentials,
  extractable = false,
): Promise<{ identityKey: CryptoKey; keys: GenerationKeys }> {
  const { generation, messageKey } = roster;
  const { algorithm, usages } = kem.algorithmOf(messageKey.suite).UNWRAP;
  let identityKey, accountKey, privateKey;
  try {
    identityKey = await credentials.open(wraps, "identityKey", extractable);
    accountKey = await credentials.open(wraps, "accountKey", extractable);
    privateKey = await unwrapKey(
      wraps[WrapKind.messageKey - 1]!, accountKey, algorithm, usages);
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

/** Rejects unless the present roster is the confirmed one or follows it. */
export async function checkLeadsOn(
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
      // What follows came after the account was shown.
      if (last.id === present.id) return;
    }
  }
}

/** Refuses any other key derivation before a signature is made. */
export async function saltOf(stream: Stream, accountId: Bytes): Promise<Bytes> {
  const { kdfId, serverSalt } = await ask.loginStart(stream, accountId);
  if (kdfId !== KDF_ID) {
    throw new ClientError(
      "bad-kdf", `The service asks for key derivation ${kdfId}.`);
  }
  return copy(serverSalt);
}

/** Signs a registration's claim. */
export async function claimOf(
  stream: Stream,
  origin: string,
  subject: Bytes,
  invitation: Bytes,
  key: CryptoKey,
): Promise<Bytes> {
  const claim = {
    role: Role.registration,
    originHash: await hash(toUtf8(origin)),
    challenge: (await stream.challenge()).challenge,
    subject,
    invitation,
  };
  return signClaim(claim, key);
}

/** Logged in, on a connection for this work alone. */
export function asOwner<T>(
  service: Service,
  { cid, accountId, credentials }: Expected,
  work: (stream: Stream) => Promise<T>,
): Promise<T> {
  return withStream(service, cid, async (stream) => {
    await ask.auth(stream, service.address.origin, {
      role: credentials.role,
      subject: accountId,
      key: credentials.login.privateKey,
    });
    return work(stream);
  });
}

/** A connection for this work alone; tried again if it breaks, which all of
 * what is done in one allows. */
export async function withStream<T>(
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
    case f.E_SLOW_DOWN:
      return new ClientError("too-many", error.message, error.retry);
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

export function framed(
  { account, roster, wraps }: AccountSetBytes,
): f.AccountPutFrame {
  return { account, roster, wraps: wraps.map((bytes) => ({ bytes })) };
}

export function notGenuine(detail: string): ClientError {
  return new ClientError("not-genuine", detail);
}
