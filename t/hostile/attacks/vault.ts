// Rows 6 to 9: password, Secret Key and the vault, while a customer logs in or
// signs up in a real browser.

import { webcrypto } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { copy, toBase64Url, type Bytes } from "../../../web/src/wire/bytes.ts";
import { decodeAccount, encodeAccount } from "../../../web/src/wire/account.ts";
import * as f from "../../../web/src/wire/frames.gen.ts";
import { decodeWrap, WrapKind, type Wrap } from "../../../web/src/wire/wrap.ts";
import type { Attack } from "../attack.ts";
import type { Play } from "../link.ts";
import { PASSWORD, until, type Ending, type Scene } from "../scene.ts";

const problem = (scene: Scene, words: string | RegExp) =>
  scene.shown.getByText(words).count();

async function otherKdf(scene: Scene): Promise<Ending> {
  let kdfId = 0;
  scene.play({
    page: "chat",
    toClient: ({ name, tag, body }) =>
      name === "salt"
        ? [f.encodeSalt(tag, { ...f.decodeSalt(body), kdfId })]
        : undefined,
  });
  const signed = () => scene.record.sent.some(({ name }) => name === "auth");
  const customer = await scene.stranger();
  let won = false;
  for (kdfId of [0, 2, 255]) {
    if (kdfId === 0) await customer.fillLogin(scene.lane.kit, PASSWORD);
    else await customer.button("Log in").click();
    await until("an answer", async () =>
      signed() || (await problem(scene, /protected in another way than agreed/)));
    won ||= signed();
    if (won) break;
  }
  return {
    won,
    saw: won
      ? "The login went on: a signature left, made with what the service asked for."
      : "The service asked for your password to be protected in another way than agreed, so nothing was sent.",
  };
}

/** Whether 32 bytes anywhere in what was sent open the account's wrapped key. */
async function holdsWrappingKey(sent: readonly Bytes[], wrap: Wrap): Promise<boolean> {
  for (const bytes of sent) {
    for (let at = 0; at + 32 <= bytes.length; at++) {
      const key = await webcrypto.subtle.importKey(
        "raw", bytes.subarray(at, at + 32), "AES-GCM", false, ["decrypt"]);
      const opened = await webcrypto.subtle
        .decrypt({ name: "AES-GCM", iv: wrap.iv, additionalData: wrap.aad }, key, wrap.ct)
        .then(() => true, () => false);
      if (opened) return true;
    }
  }
  return false;
}

async function filesOf(folder: string): Promise<Buffer[]> {
  const names = await readdir(folder);
  return Promise.all(names.map((name) => readFile(join(folder, name))));
}

async function allThatIsSeen(scene: Scene): Promise<Ending> {
  const { kit } = scene.lane;
  const customer = await scene.stranger();
  await customer.fillLogin(kit, PASSWORD);
  await customer.confirmDevices();
  const vault = scene.record.frames.find(({ name }) => name === "vault")!;
  const wraps = f.decodeVault(vault.body).wraps.map(({ bytes }) => decodeWrap(copy(bytes))!);
  const wrap = wraps.find(({ kind }) => kind === WrapKind.accountKey)!;
  const sent = scene.record.sent
    .filter(({ stream }) => stream.page === "chat")
    .map(({ bytes }) => bytes);
  const seen = [...sent.map((b) => Buffer.from(b)), ...(await filesOf(scene.stage.store))];
  const secret = (await scene.lib.readSecret(kit.secretKey, 16))!;
  const words = Buffer.from(PASSWORD);
  const traces = [
    words, Buffer.from(PASSWORD, "utf16le"), Buffer.from(words.toString("hex")),
    Buffer.from(words.toString("base64").replace(/=+$/, "")), Buffer.from(secret),
    Buffer.from(toBase64Url(secret)), Buffer.from(kit.secretKey),
  ];
  const found = seen.some((bytes) => traces.some((trace) => bytes.includes(trace)));
  const won = found || (await holdsWrappingKey(sent, wrap));
  return {
    won,
    saw: won
      ? "A login like any other. What it sent opens the wrapped keys."
      : "A login like any other. In all frames and in the database there is no password, no Secret Key, and no 32 bytes that open the wrapped keys.",
  };
}

async function guesses(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const account = `guessed-${Date.now()}@example.org`;
  let put: f.RegisterFrame | undefined;
  // Who signs up has no chat code yet by which one could be told apart.
  const end = scene.stage.link.begin({
    page: "chat",
    toService: ({ name, body }) => {
      if (name === "register") put = f.decodeRegister(copy(body));
      return undefined;
    },
  });
  const customer = await scene.stranger();
  await customer.createAccount(account, PASSWORD, 2);
  end();
  const record = decodeAccount(copy(put!.account))!;
  const wrap = decodeWrap(copy(put!.wraps[0]!.bytes))!;
  // The database is the attacker's, and the dictionary has the right word.
  const candidates = [new Uint8Array(16), record.serverSalt];
  let won = false;
  for (const password of ["123456", PASSWORD]) {
    for (const secretKey of candidates) {
      const { wrap: key } = await lib.passwordKeys({
        password, secretKey: copy(secretKey), accountId: record.accountId,
        serverSalt: record.serverSalt,
      });
      won ||= await lib
        .unwrapKey(wrap, key, "AES-GCM", ["wrapKey", "unwrapKey"])
        .then(() => true, () => false);
    }
  }
  return {
    won,
    saw: won
      ? "The kit as always. The guesser with the stolen database has the account key."
      : "The kit, with the Secret Key that the service never has: guessing the right password opens nothing.",
  };
}

/** Serves an altered vault, and takes what is put in answer. */
function alteredVault(
  scene: Scene,
  change: (vault: f.VaultFrame) => Promise<f.VaultFrame>,
  put: (frame: f.AccountPutFrame) => void,
): void {
  const play: Omit<Play, "cid"> = {
    page: "chat",
    toClient: async ({ name, tag, body }) =>
      name === "vault"
        ? [f.encodeVault(tag, await change(f.decodeVault(body)))]
        : undefined,
    toService: ({ name, tag, body, stream }) => {
      if (name !== "accountPut") return undefined;
      put(f.decodeAccountPut(copy(body)));
      stream.toClient(f.encodeDone(tag, {}));
      return [];
    },
  };
  scene.play(play);
}

async function logsIn(scene: Scene, put: () => unknown): Promise<void> {
  const customer = await scene.stranger();
  await customer.fillLogin(scene.lane.kit, PASSWORD);
  const yes = customer.button("Yes, add this device");
  await until("an answer", async () => {
    if ((await yes.count()) && !put()) await yes.click().catch(() => undefined);
    return put() || (await problem(scene, /could not be verified/));
  });
}

async function ownRecoveryKey(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  const own = await lib.kem.generate(2);
  const login = await lib.ed25519.generate();
  let put: f.AccountPutFrame | undefined;
  alteredVault(
    scene,
    async (vault) => {
      const record = decodeAccount(copy(vault.account))!;
      const changed = encodeAccount({
        ...record, recoveryKem: own.pk, recoveryPk: login.pk,
      });
      const account = new Uint8Array([...changed, ...vault.account.slice(-64)]);
      return { ...vault, account };
    },
    (frame) => (put = frame));
  await logsIn(scene, () => put);
  const signed = put && decodeAccount(copy(put.account));
  const won =
    !!signed &&
    toBase64Url(signed.recoveryKem) === toBase64Url(own.pk) &&
    (await lib.verifyThing("record", signed.bytes, signed.ikPk));
  return {
    won,
    saw: won
      ? "The device was added. The customer's own identity key has signed the service's recovery key: the next keys are sealed to it."
      : "What the service sent could not be verified, so nothing was trusted.",
  };
}

async function ownAccountKey(scene: Scene): Promise<Ending> {
  const { lib } = scene;
  let put: f.AccountPutFrame | undefined;
  let planted: Bytes | undefined;
  alteredVault(
    scene,
    async (vault) => {
      const record = decodeAccount(copy(vault.account))!;
      const wrap = decodeWrap(copy(vault.wraps[1]!.bytes))!;
      const key = await crypto.subtle.generateKey(
        { name: "AES-GCM", length: 256 }, true, ["wrapKey", "unwrapKey"]);
      const { kind, cid, accountId, generation, keyId } = wrap;
      planted = await lib.sealKey(
        { kind, cid, accountId, generation, keyId }, key, record.recoveryKem);
      const wraps = vault.wraps.map((w, i) => (i === 1 ? { bytes: planted! } : w));
      return { ...vault, wraps };
    },
    (frame) => (put = frame));
  await logsIn(scene, () => put);
  const won = !!put && put.wraps.some(({ bytes }) => Buffer.from(bytes).equals(planted!));
  return {
    won,
    saw: won
      ? "The device was added, over wrapped keys of which the service had exchanged one: the recovery code now opens the service's key."
      : "What the service sent could not be verified, so nothing was trusted.",
  };
}

export const vaultAttacks: Attack[] = [
  {
    row: 6, name: "Another key derivation", adversary: "the service",
    does: "asks for the password to be stretched in ways 0, 2 and 255 instead of the agreed one",
    defence: "fixed-kdf", run: otherKdf,
  },
  {
    row: 7, name: "Everything that a login shows", adversary: "the service",
    does: "keeps all frames of a login and the whole database, and tries every 32 bytes as the wrapping key",
    defence: "login-by-signature", run: allThatIsSeen,
  },
  {
    row: 8, name: "Guessing offline", adversary: "a stolen database",
    does: "has the account's record and wrapped keys, and a dictionary with the right password in it",
    defence: "secret-key", run: guesses,
  },
  {
    row: 9, name: "Its own recovery key in the account", adversary: "the service",
    does: "puts its own public halves into the account record that a new device is shown",
    defence: "signed-account", run: ownRecoveryKey,
  },
  {
    row: 9, name: "Its own account key among the wrapped ones", adversary: "the service",
    does: "seals an account key of its own to the customer's recovery key, as anyone can, and serves it with the rest",
    defence: "bound-wraps", run: ownAccountKey,
  },
];
