// A page with the thread of both faces in it, and as many messages as asked.

import { render } from "preact";

import type { Message } from "../../web/src/client/types.ts";
import { speak } from "../../web/src/ui/language.ts";
import { Thread } from "../../web/src/ui/thread.tsx";
import { english } from "../../web/src/ui/words.ts";

speak(english);

const START = Date.UTC(2026, 0, 1);
const messages: Message[] = [];

function add(count: number): void {
  for (let left = count; left > 0; left--) {
    const index = messages.length;

    messages.push({
      id: `message-${index}`,
      mine: index % 3 === 0,
      from: index % 3 === 0 ? "visitor" : "customer",
      sender: "",
      // Of one to some ten lines, so that no height can be guessed.
      text: `Message ${index}. ${"Clay, water, fire. ".repeat((index * 7) % 23)}`,
      time: START + index * 60_000,
      ...(index % 3 === 0 ? { delivery: "read" as const } : {}),
    });
  }
  render(
    <div class="sc">
      <Thread
        messages={[...messages]}
        label="Messages"
        speaker={() => "Somebody"}
      />
    </div>,
    document.body,
  );
}

Object.assign(globalThis, { addMessages: add });
