// A visitor who sends what the real client would not, to the real service.

import { fromBase64Url, type Bytes } from "../../web/src/wire/bytes.ts";
import {
  decodeRoster, inSession, makeSession, text, type Forged, type Session,
} from "./forge.ts";
import { addressOf, platformOf, type Scene } from "./scene.ts";

export interface Sender {
  readonly session: Session;
  /** Resolves when it is stored.  broken: its signature does not hold. */
  send(o: Partial<Forged> & { readonly broken?: boolean }): Promise<void>;
  says(words: string): Promise<void>;
}

/** In a session of its own, which ends with the scene. */
export async function sender(scene: Scene): Promise<Sender> {
  const { lib, stage } = scene;
  const cid = fromBase64Url(scene.cid)!;
  const roster = decodeRoster(scene.record.rosters.at(-1)!)!;
  const session = await makeSession(lib, cid, roster);
  const stream = new lib.Stream(platformOf(stage, lib), addressOf(stage), cid);
  await lib.ask.auth(stream, stage.chat, {
    role: 1, subject: session.sid, key: session.sign.privateKey, hello: session.hello,
  });
  scene.later(() => stream.close());
  let prev: Bytes | undefined;
  let seq = 0;
  const send: Sender["send"] = async ({ broken, ...o }) => {
    const envelope = await inSession(lib, session, roster, cid, {
      body: text("poison"), ...o, seq: ++seq, ...(prev ? { prev } : {}),
    });
    if (broken) envelope[envelope.length - 1]! ^= 1;
    prev = await lib.idOf(envelope);
    await lib.ask.send(stream, envelope);
  };
  return { session, send, says: (words) => send({ body: text(words) }) };
}
