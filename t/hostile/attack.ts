// What an attack is.

import type { EngineName } from "../browser/driver.ts";
import type { DefenceName } from "./defences.ts";
import type { Ending, Scene } from "./scene.ts";

export type Adversary =
  | "the service"
  | "the network"
  | "a visitor"
  | "a customer"
  | "a stolen database"
  | "a lost device";

export interface Attack {
  /** Of the table of flaws; 0 for an attack beyond it. */
  readonly row: number;
  readonly name: string;
  readonly adversary: Adversary;
  /** What the attacker does, in a sentence. */
  readonly does: string;
  /** What is switched off in the control, where the attack has to succeed. */
  readonly defence: DefenceName;
  /** The only one in which it can succeed. */
  readonly engine?: EngineName;
  /** Needs a sealchatd that counts, for the product too. */
  readonly counts?: true;
  readonly run: (scene: Scene) => Promise<Ending>;
}
