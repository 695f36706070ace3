// All attacks, in the order of the report.

import type { Attack } from "../attack.ts";
import { againAttacks } from "./again.ts";
import { beyondAttacks } from "./beyond.ts";
import { keyAttacks } from "./keys.ts";
import { proofAttacks } from "./proofs.ts";
import { roleAttacks } from "./roles.ts";
import { serviceAttacks } from "./service.ts";
import { textAttacks } from "./text.ts";
import { transcriptAttacks } from "./transcript.ts";
import { vaultAttacks } from "./vault.ts";
import { visitorAttacks } from "./visitor.ts";

const all: Attack[] = [
  ...keyAttacks, ...vaultAttacks, ...transcriptAttacks, ...againAttacks, ...textAttacks,
  ...serviceAttacks, ...proofAttacks, ...roleAttacks,
  ...visitorAttacks, ...beyondAttacks,
];

/** By row; those beyond the table last. */
export const attacks: readonly Attack[] = all.sort(
  (a, b) => (a.row || Infinity) - (b.row || Infinity));
