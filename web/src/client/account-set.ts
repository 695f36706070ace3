// Account record, roster and wrap records of one generation: valid only
// together.  The counterpart of sc_account_set_check in the sidecar.

import { cidOf, kemIdOf } from "../crypto/names.ts";
import { idOf, verifyThing } from "../crypto/signed.ts";
import { wrapsHash } from "../crypto/vault.ts";
import { decodeAccount, type Account } from "../wire/account.ts";
import { equal, toHex, type Bytes } from "../wire/bytes.ts";
import { decodeRoster } from "../wire/roster.ts";
import { decodeWrap, WrapKind, type Wrap } from "../wire/wrap.ts";
import type { KnownRoster } from "./roster.ts";

export interface AccountSetBytes {
  readonly account: Bytes;
  readonly roster: Bytes;
  /** Ascending by kind. */
  readonly wraps: readonly Bytes[];
}

export interface AccountSet {
  readonly account: Account;
  readonly roster: KnownRoster;
  /** Of kinds 1 to 5, and 6 from generation 2 on. */
  readonly wraps: readonly Wrap[];
}

export type AccountSetFault = "bad-account" | "bad-roster" | "bad-wraps";

/** The set, or which part of it does not hold. */
export async function checkAccountSet(
  bytes: AccountSetBytes,
): Promise<AccountSet | AccountSetFault> {
  const account = decodeAccount(bytes.account);
  if (
    !account ||
    !equal(account.cid, await cidOf(account.ikPk)) ||
    !(await verifyThing("record", account.bytes, account.ikPk))
  ) {
    return "bad-account";
  }
  const roster = decodeRoster(bytes.roster);
  if (
    !roster ||
    !equal(roster.cid, account.cid) ||
    !equal(roster.ikPk, account.ikPk) ||
    roster.generation !== account.generation ||
    !(await verifyThing("roster", roster.bytes, roster.ikPk))
  ) {
    return "bad-roster";
  }
  const rosterId = await idOf(roster.bytes);
  if (!equal(rosterId, account.rosterId)) return "bad-account";
  const known = { ...roster, id: toHex(rosterId) };
  const wraps = await checkWraps(bytes.wraps, account, known);
  return wraps ? { account, roster: known, wraps } : "bad-wraps";
}

async function checkWraps(
  records: readonly Bytes[],
  account: Account,
  roster: KnownRoster,
): Promise<Wrap[] | undefined> {
  if (records.length !== (account.generation === 1 ? 5 : 6)) return undefined;
  const wraps: Wrap[] = [];
  for (const [i, bytes] of records.entries()) {
    const wrap = decodeWrap(bytes);
    const holds =
      wrap &&
      wrap.kind === i + 1 &&
      equal(wrap.cid, account.cid) &&
      equal(wrap.accountId, account.accountId) &&
      wrap.generation === account.generation;
    if (!holds) return undefined;
    wraps.push(wrap);
  }
  const of = (kind: WrapKind) => wraps[kind - 1]!;
  const messageKey = of(WrapKind.messageKey);
  const ak = of(WrapKind.accountKey);
  const isX25519 = messageKey.ct.length === 64;
  const holds =
    equal(ak.keyId, of(WrapKind.accountKeyRecovery).keyId) &&
    equal(messageKey.keyId, await kemIdOf(roster.messageKey)) &&
    isX25519 === (roster.messageKey.suite === 2) &&
    equal(account.wraps, await wrapsHash(records));
  return holds ? wraps : undefined;
}
