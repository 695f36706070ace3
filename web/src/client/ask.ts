// The requests of the protocol, typed.

import { signClaim } from "../crypto/signed.ts";
import { hash } from "../crypto/hash.ts";
import { solve } from "../crypto/puzzle.ts";
import { equal, toUtf8, ZERO_ID, type Bytes } from "../wire/bytes.ts";
import type { Role } from "../wire/auth.ts";
import * as f from "../wire/frames.gen.ts";
import { ServiceError, type Stream } from "./stream.ts";

const SIGNINGS = 8;

export interface Proof {
  readonly role: Role;
  readonly subject: Bytes;
  readonly key: CryptoKey;
  /** Of a visitor. */
  readonly hello?: Bytes;
  /** Hash of the widget or inbox in use. */
  readonly release?: Uint8Array | undefined;
}

/** Proves who one is, now and whenever the service forgets it. */
export function auth(
  stream: Stream,
  origin: string,
  proof: Proof,
): Promise<f.ReadyFrame> {
  const { role, subject } = proof;
  const prove = () =>
    signing(async () => {
      const { challenge, puzzleBits } = await stream.challenge();
      const originHash = await hash(toUtf8(origin));
      const claim = { role, originHash, challenge, subject };
      const puzzle = await solve(challenge, subject, puzzleBits);
      const sig = await signClaim(claim, proof.key);
      const body = await stream.request((tag) =>
        f.encodeAuth(tag, {
          role,
          subject,
          sig,
          puzzle,
          release: new Uint8Array(proof.release ?? ZERO_ID),
          hello: proof.hello ?? new Uint8Array(0),
        }),
      );
      return f.decodeReady(body);
    });
  stream.renew = async () => stream.again?.(await prove());
  return prove();
}

/** Work that signs a challenge: one that got too old, was of a service that is
 * gone, or had no puzzle when one was wanted, is taken anew. */
export async function signing<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const again = isCode(error, f.E_CHALLENGE_EXPIRED, f.E_PUZZLE);
      if (!again || attempt === SIGNINGS) throw error;
    }
  }
}

export async function loginStart(
  stream: Stream,
  accountId: Bytes,
): Promise<f.SaltFrame> {
  return f.decodeSalt(
    await stream.request((tag) =>
      f.encodeLoginStart(tag, { accountId }),
    ),
  );
}

/** One by id, or (zeros) a page of versions; version 0 is the present one. */
export async function rosters(
  stream: Stream,
  ask: { id: Bytes } | { version: number },
): Promise<f.RostersFrame> {
  const fields = { id: ZERO_ID, version: 0, ...ask };
  return f.decodeRosters(
    await stream.request((tag) => f.encodeRosterGet(tag, fields)),
  );
}

export async function send(
  stream: Stream,
  envelope: Bytes,
): Promise<f.StoredFrame> {
  return f.decodeStored(
    await stream.request((tag) => f.encodeSend(tag, { envelope })),
  );
}

export function signal(stream: Stream, envelope: Bytes): void {
  stream.notify(f.encodeSignal(0, { envelope }));
}

/** Deletes a session for good; that it was deleted before is as well. */
export async function remove(stream: Stream, sid: Bytes): Promise<void> {
  await stream
    .request((tag) => f.encodeDelete(tag, { sid }))
    .catch(ignoring(
      f.E_SESSION_DELETED, f.E_UNKNOWN_SESSION));
}

export async function check(
  stream: Stream,
  fields: f.CheckFrame,
): Promise<void> {
  await stream.request((tag) => f.encodeCheck(tag, fields));
}

/** Leaves the session's spare keys with the service. */
export async function sparePut(
  stream: Stream,
  fields: f.SparePutFrame,
): Promise<void> {
  await stream.request((tag) => f.encodeSparePut(tag, fields));
}

/** The spare keys that the token finds. */
export async function spare(stream: Stream, token: Bytes): Promise<Bytes> {
  const body = await stream.request((tag) => f.encodeSpareGet(tag, { token }));
  return f.decodeSpare(body).sealed;
}

/** What a service's refusal with one of these codes is no failure for. */
export function ignoring(...codes: number[]): (error: unknown) => void {
  return (error) => {
    if (!isCode(error, ...codes)) throw error;
  };
}

export function isCode(error: unknown, ...codes: number[]): boolean {
  return error instanceof ServiceError && codes.includes(error.code);
}

export function ack(stream: Stream, position: number): void {
  stream.notify(f.encodeAck(0, { position }));
}

/** Blocks a session, or lets it in again. */
export async function block(
  stream: Stream,
  sid: Bytes,
  blocked: boolean,
): Promise<void> {
  await stream.request((tag) =>
    f.encodeBlock(tag, { sid, blocked: Number(blocked) }));
}

export async function history(
  stream: Stream,
  sid: Bytes,
  before: number,
): Promise<f.MessagesFrame> {
  return f.decodeMessages(
    await stream.request((tag) =>
      f.encodeHistory(tag, { sid, before, count: f.PAGE_MESSAGES }),
    ),
  );
}

/** The session of that sid, as the service has it. */
export async function session(
  stream: Stream,
  sid: Bytes,
): Promise<f.SessionItem | undefined> {
  const item = (await sessions(stream, sid, 1)).sessions[0];
  return item && equal(item.sid, sid) ? item : undefined;
}

export async function sessions(
  stream: Stream,
  from: Bytes,
  count: number = f.PAGE_SESSIONS,
): Promise<f.SessionPageFrame> {
  return f.decodeSessionPage(
    await stream.request((tag) =>
      f.encodeSessions(tag, { from, count }),
    ),
  );
}

/** generation 0: the present one. */
export async function vault(
  stream: Stream,
  generation = 0,
): Promise<f.VaultFrame> {
  return f.decodeVault(
    await stream.request((tag) =>
      f.encodeVaultGet(tag, { generation }),
    ),
  );
}
