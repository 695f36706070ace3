// The message keys of all generations.  A device keeps what it has opened; an
// older one it opens by walking: each generation's account key opens the one
// before it (wrap records of kind 6), and that its message key (kind 5).

import * as kem from "../crypto/kem.ts";
import { kemIdOf } from "../crypto/names.ts";
import { unwrapKey } from "../crypto/vault.ts";
import { copy, equal, type Bytes } from "../wire/bytes.ts";
import { E_NOT_FOUND } from "../wire/frames.gen.ts";
import { decodeWrap, WrapKind, type Wrap } from "../wire/wrap.ts";
import * as ask from "./ask.ts";
import { keyOf, type GenerationKeys } from "./owner.ts";
import type { Storage } from "./platform.ts";
import type { KnownRoster } from "./roster.ts";
import type { Stream } from "./stream.ts";

interface Whose {
  readonly cid: Bytes;
  readonly accountId: Bytes;
}

export class Keyring {
  readonly #storage: Storage;
  readonly #whose: Whose;
  /** One that is here for certain. */
  #held = 0;
  /** Generations that did not open, and on which stream. */
  #failed = new Map<number, Stream>();

  constructor(storage: Storage, whose: Whose) {
    this.#storage = storage;
    this.#whose = whose;
  }

  /** What opens messages that were sealed under this roster; undefined while
   * that is not here, nor opens from what is. */
  async messageKey(
    roster: KnownRoster,
    stream: Stream | undefined,
  ): Promise<kem.KemKey | undefined> {
    const { generation } = roster;
    const kept = (await this.#storage.get(keyOf(generation))) as
      GenerationKeys | undefined;
    if (kept || !stream || this.#failed.get(generation) === stream) {
      return kept?.messageKey;
    }
    const opened = await this.#open(roster, stream);
    if (!opened) {
      this.#failed.set(generation, stream);
      return undefined;
    }
    await this.#storage.write(new Map([[keyOf(generation), opened]]));
    return opened.messageKey;
  }

  async has(generation: number): Promise<boolean> {
    if (generation !== this.#held) {
      const kept = await this.#storage.get(keyOf(generation));
      if (kept) this.#held = generation;
    }
    return generation === this.#held;
  }

  async #open(
    { generation, messageKey }: KnownRoster,
    stream: Stream,
  ): Promise<GenerationKeys | undefined> {
    const later = (await this.#storage.list("key/"))
      .map(([, keys]) => keys as GenerationKeys)
      .filter((keys) => keys.generation > generation)
      .sort((a, b) => a.generation - b.generation)[0];
    if (!later) return undefined;
    try {
      let { accountKey } = later;
      for (let at = later.generation; at > generation; at--) {
        const wrap = await this.#wrap(stream, at, WrapKind.previousAccountKey);
        accountKey = await unwrapKey(
          wrap, accountKey, "AES-GCM", ["wrapKey", "unwrapKey"]);
      }
      const wrap = await this.#wrap(stream, generation, WrapKind.messageKey);
      if (!equal(wrap.keyId, await kemIdOf(messageKey))) return undefined;
      const { algorithm, usages } = kem.algorithmOf(messageKey.suite).UNWRAP;
      const joined = await kem.join(
        messageKey, await unwrapKey(wrap, accountKey, algorithm, usages));
      return joined && { generation, accountKey, messageKey: joined };
    } catch (error) {
      if (error instanceof DOMException || error instanceof NoSuchWrap) {
        return undefined;
      }
      throw error;
    }
  }

  async #wrap(
    stream: Stream,
    generation: number,
    kind: WrapKind,
  ): Promise<Wrap> {
    const { cid, accountId } = this.#whose;
    const shown = await ask.vault(stream, generation).catch((error) => {
      ask.ignoring(E_NOT_FOUND)(error);
      return { wraps: [] };
    });
    for (const { bytes } of shown.wraps) {
      const wrap = decodeWrap(copy(bytes));
      const wanted =
        wrap?.kind === kind &&
        wrap.generation === generation &&
        equal(wrap.cid, cid) &&
        equal(wrap.accountId, accountId);
      if (wanted) return wrap;
    }
    throw new NoSuchWrap();
  }
}

class NoSuchWrap extends Error {}
