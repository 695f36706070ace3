// Words that both faces use: states, marks, the composer.  The widget brings
// them in its visitor's language (language.ts); the inbox speaks English.

import type { CustomerAlarm, Delivery, Mark } from "../client/types.ts";

export interface SharedWords {
  readonly delivery: Record<Delivery, string>;
  readonly marks: Record<Mark, string>;
  /** What to do about a mark that says that somebody may have interfered. */
  readonly otherWay: string;
  readonly send: string;
  readonly loading: string;
  readonly latest: string;
  readonly safetyNumber: string;
  /** "#" stands for a count of bytes. */
  readonly tooLong: string;
  readonly notKept: string;
}

export const delivery: SharedWords["delivery"] = {
  sending: "Sending",
  stored: "Sent",
  delivered: "Delivered",
  read: "Read",
  failed: "Not sent",
};

export const marks: SharedWords["marks"] = {
  waiting: "Cannot be opened yet",
  gap: "A message before this one is missing",
  conflicting: "Two different messages claim this place",
  unreadable: "This message could not be opened",
  "removed-device": "From a removed device, unverified",
  "beginning-missing": "The beginning of this conversation is missing",
};

export const english: SharedWords = {
  delivery,
  marks,
  otherWay: "Do not rely on this. Ask the sender by another way, such as the phone.",
  send: "Send",
  loading: "Loading",
  latest: "Newest message",
  safetyNumber: "Safety number",
  tooLong: "Too long by # bytes. Send it in parts.",
  notKept: "This device has no room to keep the message, so it was not sent.",
};

export interface AlarmWords {
  readonly title: string;
  readonly text: string;
}

/** What the customer reads. */
export const customerAlarms: Record<CustomerAlarm, AlarmWords> = {
  "roster-other-identity": {
    title: "The service showed keys that are not yours. Nothing is sent.",
    text: "Do not enter your password. Speak to whoever runs the chat service.",
  },
  "roster-invalid": {
    title: "Your list of devices could not be verified. Nothing is sent.",
    text: "Do not enter your password. Speak to whoever runs the chat service.",
  },
  "roster-below-minimum": {
    title: "The service showed an older list of your devices. Nothing is sent.",
    text: "Do not enter your password. Speak to whoever runs the chat service.",
  },
  "roster-contradicts": {
    title: "Your list of devices changed in a way that it never should. Nothing is sent.",
    text: "Compare the list on your other devices, and speak to whoever runs the chat service.",
  },
  "roster-expired": {
    title: "Your keys were not renewed in time, so visitors cannot write to you.",
    text: "Renew them with your password, in the settings. Nothing that you received is lost.",
  },
  "session-conflict": {
    title: "A conversation does not fit together, so nothing more is sent in it.",
    text: "The service holds another message in the place of one that this device wrote. Everything stays readable here.",
  },
  "device-removed": {
    title: "This device was removed from your account.",
    text: "What it received before stays readable here, and nothing new arrives. If it is yours, add it again below.",
  },
  "not-here": {
    title: "This service does not know your account.",
    text: "Check that you opened the inbox at the right address. What this device holds is kept.",
  },
  refused: {
    title: "The service refused this device.",
    text: "What this device holds is kept. Reload the page; if this comes again, speak to whoever runs the chat service.",
  },
};
