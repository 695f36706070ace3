// The widget's own words, in one place so that they can be translated.

export const words = {
  launcher: (name: string) => `Chat with ${name}`,
  unread: (count: number) =>
    count === 1 ? "1 unread message" : `${count} unread messages`,
  close: "Close the chat",
  back: "Back to the conversation",
  panel: (name: string) => `Chat with ${name}`,
  lock: (name: string) => `Only you and ${name} can read this`,
  lockHint: "How this is kept private",
  greeting: "Hello, how can we help? Write to us here, and come back to this page for the answer.",
  conversation: "Conversation",
  compose: "Your message",
  placeholder: "Write a message",
  you: "You",
  offline: "Waiting for a connection.",
  offlineKept:
    "Waiting for a connection. Your message is kept on this device.",
  offlineHeld:
    "Waiting for a connection. Keep this page open until your message is sent.",
  ending: "The owner has not renewed this chat. It may stop working soon.",
  newMessage: (name: string, text: string) => `${name}: ${text}`,
  storageFailed:
    "This browser does not let the chat keep anything on this device, so it cannot be used here. A private window is often the reason.",
  safetyTitle: "Private, and how to be sure",
  safetyHow: (name: string) =>
    `Your messages are locked on this device, and only ${name} holds the key that opens them. The service that carries them cannot read them.`,
  safetyNumber: "Safety number",
  safetyCompare: (name: string) =>
    `To be sure, compare this number with ${name}, by phone for example. If both of you see the same number, nobody is in between.`,
  safetyLater: "The safety number appears here once you have written.",
};
