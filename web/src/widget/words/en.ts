import { english } from "../../ui/words.ts";
import type { Words } from "./words.ts";

export const en: Words = {
  ...english,
  launcher: "Chat with {}",
  unread: "Unread messages",
  close: "Close the chat",
  back: "Back",
  menu: "More",
  lock: "Only you and {} can read this",
  greeting: "Hello, how can we help? You will find the answer here.",
  conversation: "Conversation",
  placeholder: "Write a message",
  you: "You",
  typing: "{} is writing",
  offline: "Waiting for a connection.",
  kept: "Your message is kept on this device.",
  ending: "The owner has not renewed this chat. It may stop working soon.",
  closed: "This conversation is closed. Write to open it again.",
  deleted: "This conversation is deleted.",
  blocked: "This conversation is blocked.",
  anew: "A new message begins a new one.",
  storageFailed:
    "This browser does not let the chat keep anything, so it cannot be used here.",

  safetyTitle: "Private, and how to be sure",
  safetyHow:
    "Your messages are locked on this device, and only {} holds the key. The service that carries them cannot read them.",
  safetyCompare:
    "Compare this number with {}, by phone for example. If both of you see the same, nobody is in between.",

  goOn: "Continue on another device",
  goOnText:
    "Enter this code there: in the chat’s menu, “I have a code”. Whoever has it can read and write here.",
  copyCode: "Copy",
  copied: "Copied",
  haveCode: "I have a code",
  enter: "Continue",
  wrongCode: "No conversation has this code.",

  sound: "Sound",
  copy: "Save a copy",
  end: "End and delete",
  endText:
    "All messages are erased from this device and from the service. What {} has already received stays there.",

  unverified: "This site's chat could not be verified, so nothing was sent.",
  unavailable: "This chat is unavailable, so nothing was sent.",
  conflict: "This conversation does not fit together, so nothing more is sent.",
  checkCode: "Ask the owner to check the chat code on this page.",
  otherWay: "Reach the owner by another way, such as the phone.",
  reload: "Reload the page and try again.",
};
