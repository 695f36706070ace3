// What the inbox says when something does not work: what happened, and what
// to do.

import { isHostedElsewhere } from "./hosted.tsx";
import { ClientError, type ClientErrorCode } from "../client/errors.ts";

const failures: Record<ClientErrorCode, string> = {
  "bad-account-name":
    "An account name has 3 to 64 characters: small letters, digits and . _ @ + -",
  "bad-cid":
    "The chat code is 43 characters long. Copy it from your recovery kit.",
  "bad-secret-key":
    "The Secret Key has a typing mistake. Compare it with your recovery kit.",
  "bad-recovery-code":
    "The recovery code has a typing mistake. Compare it with your recovery kit.",
  "bad-invitation":
    "An invitation consists of 32 digits and letters from a to f. Compare it with what you were sent.",
  "bad-code": "There is no conversation of that code.",
  "bad-text": "A message has to have some text, and at most 16,384 bytes of it.",
  "wrong-credentials":
    "The account, password, Secret Key or chat code is not right. Compare them with your recovery kit; which one differs is not told to anybody.",
  "too-many":
    "Too many attempts came from this network. Nothing is locked: your devices go on, and from another network you can go on at once.",
  "account-taken": "This account name is taken. Choose another one.",
  "registration-closed":
    "This service takes no new account without an invitation that holds. If you have one, enter it; otherwise ask whoever runs the service.",
  "not-here":
    "This service does not know that chat code. Check the address of this page and the code.",
  "bad-kdf":
    "The service asked for your password to be protected in another way than agreed, so nothing was sent. Speak to whoever runs it.",
  "not-genuine":
    "What the service sent could not be verified, so nothing was trusted. Speak to whoever runs it.",
  declined:
    "You did not confirm the devices, so nothing was changed. If one of them is not yours, remove it in the settings of a device that you trust; if one is missing, speak to whoever runs the service.",
  "too-many-devices":
    "This account has 64 devices already. Remove one on another device first.",
  "already-set-up": "This browser is set up already. Reload the page.",
  "no-device": "This browser is not set up yet. Log in first.",
  "no-conversation":
    "This conversation is no longer there. Reload the page to see which are.",
  alarm: "Nothing was sent, because something does not fit.",
  refused: "The service refused.",
  offline:
    "The service cannot be reached. Nothing was changed; try again in a moment.",
  closed: "The page was closing. Reload it and try again.",
};

export function failureWords(error: unknown): string {
  if (!(error instanceof ClientError)) {
    const told = error instanceof Error ? error.message : String(error);

    return `This browser could not do it: ${told}`;
  }
  if (error.code === "offline" && isHostedElsewhere()) {
    return `${failures.offline} If it is up, ask whoever runs it to allow the address of this page, ${location.origin}.`;
  }
  if (error.code === "too-many") {
    const minutes = Math.max(1, Math.ceil(error.retry / 60_000));
    const when = minutes === 1 ? "a minute" : `${minutes} minutes`;

    return `${failures["too-many"]} Here, try again in ${when}.`;
  }
  // What it was is told by whoever found it.
  if (error.code === "refused" || error.code === "alarm") {
    return `${failures[error.code]} ${error.message}`;
  }

  return failures[error.code];
}

const steps: Readonly<Record<string, string>> = {
  keys: "Making your keys",
  password: "Preparing the password",
  account: "Creating the account",
  vault: "Opening your keys",
  device: "Adding this device",
  roster: "Renewing",
  generation: "Changing your keys",
};

/** What the client reports while it registers or logs in. */
export function stepWords(step: string): string {
  return steps[step] ?? "One moment";
}
