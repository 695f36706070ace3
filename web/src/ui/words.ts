// Words that both faces use: states, marks, alarms.

import type { Alarm, Delivery, Mark } from "../client/types.ts";

export const delivery: Record<Delivery, string> = {
  sending: "Sending",
  stored: "Sent",
  delivered: "Delivered",
  read: "Read",
  failed: "Not sent",
};

interface Explained {
  readonly short: string;
  readonly long: string;
  readonly alarming: boolean;
}

export const marks: Record<Mark, Explained> = {
  waiting: {
    short: "Cannot be opened yet",
    long: "The key to this message has not reached this device. The message is kept, and appears as soon as the key comes.",
    alarming: false,
  },
  gap: {
    short: "A message before this one is missing",
    long: "The sender wrote something earlier that has not arrived here. It may still come. If it does not, it was held back on its way.",
    alarming: true,
  },
  conflicting: {
    short: "Two different messages claim this place",
    long: "That does not happen by accident. Do not rely on this message, and ask the sender by another way.",
    alarming: true,
  },
  unreadable: {
    short: "This message could not be opened",
    long: "It was damaged, or made for somebody else. Ask the sender to write it again.",
    alarming: false,
  },
  "removed-device": {
    short: "From a removed device, unverified",
    long: "The device that wrote this is no longer trusted, and nobody who is trusted has confirmed the message.",
    alarming: true,
  },
  "beginning-missing": {
    short: "The beginning of this conversation is missing",
    long: "Messages before this one should be there and are not. They were held back on their way.",
    alarming: true,
  },
};

export interface AlarmWords {
  readonly title: string;
  readonly text: string;
}

const unverified =
  "This site's chat could not be verified, so nothing was sent.";

/** What a visitor reads: what happened, and what to do. */
export const visitorAlarms: Record<Alarm["code"], AlarmWords> = {
  "roster-other-identity": {
    title: unverified,
    text: "Ask the owner to check the chat code on this page.",
  },
  "roster-invalid": {
    title: unverified,
    text: "Ask the owner to check the chat code on this page.",
  },
  "roster-below-minimum": {
    title: unverified,
    text: "The service showed keys that the owner has replaced. Ask the owner to check the chat code on this page.",
  },
  "roster-contradicts": {
    title: unverified,
    text: "The owner's keys changed in a way that they never should. Reach the owner by another way, such as the phone.",
  },
  "roster-expired": {
    title: "This chat is unavailable, so nothing was sent.",
    text: "It works again once the owner has opened the inbox. Until then, reach the owner by another way.",
  },
  "session-conflict": {
    title: "This conversation does not fit together, so nothing more is sent.",
    text: "The service holds another message in the place of one of yours. Reach the owner by another way, such as the phone.",
  },
  "not-here": {
    title: "The chat service does not know this site, so nothing was sent.",
    text: "Ask the owner to check the chat code on this page.",
  },
  refused: {
    title: "The chat service refused the connection, so nothing was sent.",
    text: "Reload the page and try again. If that does not help, reach the owner by another way.",
  },
};

/** What the customer reads. */
export const customerAlarms: Record<Alarm["code"], AlarmWords> = {
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
  "not-here": {
    title: "This service does not know your account.",
    text: "Check that you opened the inbox at the right address. What this device holds is kept.",
  },
  refused: {
    title: "The service refused this device.",
    text: "It may have been removed by another of your devices. What this device holds is kept.",
  },
};
