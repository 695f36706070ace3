// Each named defence of the client, and how a test build is made without it:
// one passage of the source is put in the place of another.  The product is
// built from the source as it is and knows nothing of this table; a passage
// that is not there exactly once fails the build.

export interface Edit {
  /** Under web/src. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Defence {
  /** What a client without it lacks, for the report. */
  readonly what: string;
  /** None where the defence stands in the page's snippet. */
  readonly edits: readonly Edit[];
  /** It is the service's own, or the service has to go along: see
   * t/hostile/without.c. */
  readonly sidecar?: true;
  /** The inbox is built without the policy in its head, too. */
  readonly anyScript?: true;
}

/** Whether there is a test build of the pages without it. */
export const hasBuild = ({ edits, sidecar }: Defence): boolean =>
  edits.length > 0 || !sidecar;

function sidecar(what: string): Defence {
  return { what, edits: [], sidecar: true };
}

function without(what: string, file: string, from: string, to: string): Defence {
  return { what, edits: [{ file, from, to }] };
}

export const defences = {
  fingerprint: without(
    "the identity key has to have the fingerprint of the snippet",
    "client/roster.ts",
    "!equal(roster.cid, cid) || !equal(await cidOf(roster.ikPk), cid)",
    "!equal(roster.cid, cid)"),
  "session-fingerprint": without(
    "the session's keys have to have the fingerprint that is its name",
    "client/judge.ts",
    "if (!equal(own, sid)) return undefined;",
    ""),
  "envelope-signature": without(
    "every message has to be signed",
    "client/judge.ts",
    `(await verifyThing("envelope", envelope.bytes, pk)) &&`,
    ""),
  "content-key": without(
    "each message has a key of its own, and only that is sealed",
    "crypto/message.ts",
    "const ck = crypto.getRandomValues(new Uint8Array(32));",
    "const ck = body.content;"),
  "fixed-kdf": without(
    "the password's stretching is compiled in",
    "client/owner.ts",
    "if (kdfId !== KDF_ID) {",
    "if (false as boolean) {"),
  "login-by-signature": {
    what: "a login proves a key without showing it",
    edits: [
      { file: "crypto/password.ts",
        from: `const raw = await derive("wrap");`,
        to: `const raw = await derive("wrap");
  (globalThis as any).proof = raw.slice();` },
      { file: "client/ask.ts",
        from: "new Uint8Array(proof.release ?? ZERO_ID)",
        to: "new Uint8Array((globalThis as any).proof ?? ZERO_ID)" },
    ],
  },
  "secret-key": without(
    "the Secret Key goes into what the password opens",
    "crypto/password.ts",
    "hkdf(mk, secretKey, concat(",
    "hkdf(mk, new Uint8Array(16), concat("),
  "signed-account": without(
    "the account record has to be signed by the identity key",
    "client/account-set.ts",
    `!(await verifyThing("record", account.bytes, account.ikPk))`,
    "false"),
  "bound-wraps": without(
    "the account record fixes every wrapped key",
    "client/account-set.ts",
    "equal(account.wraps, await wrapsHash(records))",
    "true"),
  "least-generation": without(
    "the snippet names the least generation of keys",
    "client/roster.ts",
    "if (roster.generation < this.#minGeneration) {",
    "if (false as boolean) {"),
  "pinned-roster": {
    what: "a client stays with the highest roster that it has seen",
    edits: [
      { file: "client/roster.ts",
        from: "if (pinned && roster.version < pinned.version) {",
        to: "if (false as boolean) {" },
      { file: "client/roster.ts",
        from: "const steps = pinned ? await this.#walk(pinned, roster, source) : [roster];",
        to: "const steps = [roster];" },
    ],
  },
  "hash-graph": without(
    "a message counts once everything that it rests on is there",
    "client/transcript.ts",
    "return record.prev ? [record.prev, ...record.heads] : [...record.heads];",
    "return [];"),
  heads: without(
    "each message names what its sender had seen of others",
    "client/transcript.ts",
    "return record.prev ? [record.prev, ...record.heads] : [...record.heads];",
    "return record.prev ? [record.prev] : [];"),
  "graph-order": without(
    "nothing is shown before what it rests on",
    "client/view.ts",
    "for (const id of [...top.heads, top.prev]) {",
    "for (const id of [] as string[]) {"),
  "proof-of-delivery": without(
    "only what the other side signed makes a message delivered",
    "client/transcript.ts",
    `delivery: record.delivery === "sending" ? "stored" : record.delivery!,`,
    `delivery: "delivered",`),
  context: without(
    "what is sealed is bound to its place and its sender",
    "crypto/message.ts",
    `return hash(domain("ctx"), head, ...recipients.flatMap(recipientBytes));`,
    `return hash(domain("ctx"));`),
  "two-recipients": without(
    "a message has exactly the two recipients that are expected",
    "client/judge.ts",
    "(await isFor(toCustomer, roster.messageKey)) &&",
    ""),
  commitment: without(
    "a message is committed to one key",
    "crypto/message.ts",
    "if (!equal(await commitmentOf(ck, ctx), commitment)) return undefined;",
    ""),
  "small-order": without(
    "keys of small order are refused before the engine is asked",
    "crypto/ed25519.ts",
    "return y < P && !SMALL_ORDER.has(y);",
    "return true;"),
  "text-stays-text": without(
    "text reaches the page as text alone",
    "ui/thread.tsx",
    `<span class="said" dir="auto">
            {linked(inert(message.text))}
          </span>`,
    // The widget's Preact knows refs that are objects alone.
    `<span class="said" ref={{ set current(e) { if (e) e.innerHTML = message.text; } }} />`),
  "inbox-text": {
    what: "what visitors write reaches the inbox as text alone, and the page's own policy lets nothing else run",
    edits: [
      { file: "ui/thread.tsx",
        from: `<span class="said" dir="auto">
            {linked(inert(message.text))}
          </span>`,
        to: `<span class="said" ref={(e) => void (e && (e.innerHTML = message.text))} />` },
    ],
    anyScript: true,
  },
  "no-overrides": without(
    "controls that turn the order of letters are taken out",
    "ui/text.tsx",
    `return text.replace(BIDI_CONTROLS, "");`,
    "return text;"),
  "strict-utf8": without(
    "text has to be UTF-8",
    "wire/bytes.ts",
    "{ fatal: true, ignoreBOM: true }",
    "{ ignoreBOM: true }"),
  "content-limit": without(
    "a message has 16 KiB at most",
    "wire/body.ts",
    "content.length <= CONTENT_MAX &&",
    ""),
  "zero-padding": without(
    "padding is zeros and nothing else",
    "wire/body.ts",
    " || !isZero(padding)",
    ""),
  "one-writer": without(
    "one tab at a time reads, numbers and keeps a message",
    "client/browser.ts",
    "navigator.locks.request(name, work) as ReturnType<typeof work>,",
    "work(),"),
  validity: without(
    "nothing is sent under a roster that is over for 48 hours",
    "client/roster.ts",
    `if (late > CLOCK_TOLERANCE_MS || early > CLOCK_TOLERANCE_MS) return "expired";`,
    ""),
  padding: without(
    "lengths are padded",
    "wire/padme.ts",
    "return padme(Math.max(BODY_MIN, used));",
    "return used;"),
  "safety-number": without(
    "the safety number is made of the keys in use",
    "crypto/names.ts",
    `hash(domain("safety"), cid, sid ?? new Uint8Array(32))`,
    `hash(domain("safety"))`),
  "unreadable-goes-on": without(
    "what cannot be opened is kept, marked and acknowledged",
    "crypto/message.ts",
    `  } catch {
    return undefined;
  }`,
    `  } finally {
  }`),
  "removed-devices": without(
    "what a removed device signs is marked",
    "client/transcript.ts",
    "if (!listed) {",
    "if (false as boolean) {"),
  "newest-keys": without(
    "a visitor seals to the newest keys that it was shown",
    "client/roster.ts",
    "if (pinned?.id === roster.id) return;",
    "if (pinned) return;"),
  confirmation: without(
    "a new device shows its owner the list that it is to trust",
    "client/account.ts",
    "if (!(await confirm(list))) {",
    "if (false as boolean) {"),
  "fresh-signals": without(
    "what was said in passing counts once, and soon",
    "client/signals.ts",
    "if (late > LATE_MOST || time <= (this.#last.get(sender) ?? 0)) return false;",
    ""),
  "lost-messages": without(
    "a service that lost what it had confirmed is not written to",
    "client/transcript.ts",
    `if (state && seq < state.stored.seq) return { verdict: "lost", confirmed };`,
    `if (state && seq < state.stored.seq) return { verdict: "agreed", confirmed };`),
  "looked-at-again": without(
    "what a service says after it was away is compared with what it said before",
    "client/exchange.ts",
    "if (seq < end.seq || !equal(roster, ready.roster)) stream.close();",
    "void seq, void roster, void end;"),
  "puzzle-limit": without(
    "a puzzle that is harder than agreed is not begun",
    "crypto/puzzle.ts",
    `if (bits > PUZZLE_BITS_MAX) throw new Error("puzzle");`,
    ""),
  "longest-wait": without(
    "a wait that the service asks for has an end that every browser can count to",
    "client/stream.ts",
    "new ServiceError(code, text, Math.min(retry, RETRY_MOST))",
    "new ServiceError(code, text, retry)"),
  "own-copies": without(
    "the word of the service is not enough to delete anything",
    "client/inbox.ts",
    "await core.write(keys.deleted(sid), true);",
    "await this.#transcript!.forget(sid, new Map());"),
  "one-of-a-number": without(
    "of two messages under one number, both are marked",
    "client/transcript.ts",
    "if (holder !== undefined && holder !== id) {",
    "if (false as boolean) {"),
  "no-names-for-hosts": without(
    "an address that passes a name for a host is no link",
    "ui/text.tsx",
    `return url.username === "" && url.password === "" ? url : undefined;`,
    "return url;"),
  "true-host": without(
    "a link shows the host that it leads to",
    "ui/text.tsx",
    "!spelled.startsWith(url.host) &&",
    "false &&"),
  "history-leads-on": without(
    "a page of history without messages ends it",
    "client/exchange.ts",
    "const leadsOn = page.messages.length && (!before || page.next < before);",
    "const leadsOn = !before || page.next < before;"),
  calendar: without(
    "a time is one that a calendar has",
    "client/exchange.ts",
    "return Math.min(time, 864e13);",
    "return time;"),
  "looked-at-once": without(
    "each letter at the end of an address is looked at once",
    "ui/text.tsx",
    `while (closing.includes(text.charAt(end - 1)) && end > 0) end--;
  return text.slice(0, end);`,
    `return end > 0 && closing.includes(text.charAt(end - 1))
      ? withoutTrailing(text.slice(0, -1)) : text;`),
  "pages-lead-on": without(
    "a page that leads nowhere ends the list",
    "client/inbox.ts",
    "if (!leadsOn && !isZero(next)) return;",
    ""),
  "message-ids": without(
    "a message is known by what it is, wherever it is handed out",
    "client/transcript.ts",
    "const id = toHex(await idOf(envelope.bytes));",
    `const id = toHex(await idOf(envelope.bytes)).slice(4) +
      (handed.position % 65536).toString(16).padStart(4, "0");`),
  "young-beginnings": without(
    "no beginning is missing that retention cannot have taken yet",
    "client/transcript.ts",
    "if (!hello || hello.time > oldest) return;",
    "if (!hello) return; oldest = Infinity;"),
  "tested-pairs": without(
    "a private key is tried on its public half before it is used",
    "crypto/kem.ts",
    `    const sealed = await seal(key, info, probe);
    if (!equal(await open({ ...key, pair }, info, sealed), probe)) {`,
    "    if (false as boolean) {"),
  "one-at-a-time": without(
    "what new conversations bring along is asked for one after the other",
    "client/inbox.ts",
    ".then(() => this.#look(stream, sid)).catch(() => undefined);",
    ".finally(() => void this.#look(stream, sid).catch(() => undefined));"),
  "searched-once": without(
    "what the history does not have is looked for once",
    "client/exchange.ts",
    "if (this.#searched.get(sid) === wanted) continue;",
    ""),
  domains: {
    what: "what is signed begins with the word for what it is",
    edits: [
      { file: "crypto/signed.ts",
        from: "return concat(unsigned, await sign(key, concat(domain(word), unsigned)));",
        to: `const message = concat(domain(word), unsigned);
  return concat(unsigned, await sign(
    key, word === "envelope" ? await hash(unsigned) : message));` },
      { file: "crypto/signed.ts",
        from: "return verify(pk, message, thing.subarray(at));",
        to: `if (word !== "envelope") return verify(pk, message, thing.subarray(at));
  return hash(thing.subarray(0, at)).then((h) => verify(pk, h, thing.subarray(at)));` },
      { file: "crypto/signed.ts",
        from: `return sign(key, concat(domain("auth"), encodeClaim(claim)));`,
        to: "return sign(key, claim.challenge);" },
    ],
    sidecar: true,
  },
  origin: sidecar("a proof names the service that it is for"),
  "registration-proof": sidecar("who registers proves the identity key"),
  "own-roster": sidecar("account record and roster are of one identity"),
  "single-use": sidecar("a challenge is answered once"),
  roles: sidecar("each role may do what is its own"),
  decoy: sidecar("a proof for nobody is checked like any other"),
  integrity: { what: "the snippet names the hash of the widget", edits: [] },
} satisfies Record<string, Defence>;

export type DefenceName = keyof typeof defences;

/** Puts the edits of one file into its text; throws if one has no place. */
export function switchedOff(
  text: string,
  file: string,
  edits: readonly Edit[],
): string {
  for (const edit of edits) {
    if (edit.file !== file) continue;
    if (text.split(edit.from).length !== 2) {
      throw new Error(`${file} has no single place for: ${edit.from}`);
    }
    text = text.replace(edit.from, () => edit.to);
  }
  return text;
}
