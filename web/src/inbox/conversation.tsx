// One visitor's conversation, and the reply.

import { useEffect } from "preact/hooks";

import type { Conversation, Inbox, Message } from "../client/types.ts";
import { Composer } from "../ui/composer.tsx";
import { Back, Lock, Panel } from "../ui/icons.tsx";
import { Thread } from "../ui/thread.tsx";
import { Avatar } from "./list.tsx";
import { deviceName, visitorName } from "./names.ts";
import { addressOf } from "./route.ts";

/** Read means: shown in a page that somebody is looking at. */
function useMarkRead(inbox: Inbox, conversation: Conversation): void {
  const { sid, unread } = conversation;

  useEffect(() => {
    const mark = () => {
      if (unread > 0 && document.visibilityState === "visible") {
        inbox.markRead(sid);
      }
    };

    mark();
    document.addEventListener("visibilitychange", mark);
    return () => document.removeEventListener("visibilitychange", mark);
  }, [inbox, sid, unread]);
}

export function ConversationView(props: {
  inbox: Inbox;
  conversation: Conversation;
  details: boolean;
  toggleDetails: () => void;
}) {
  const { inbox, conversation, details, toggleDetails } = props;
  const { sid } = conversation;
  const { name } = visitorName(sid);
  const own = inbox.device?.id;

  useMarkRead(inbox, conversation);

  const byline = (message: Message) =>
    message.mine && message.sender !== own ? deviceName(message.sender) : "";
  const speaker = (message: Message) =>
    message.mine ? byline(message) || "You" : name;

  return (
    <section class="conversation">
      <header class="bar">
        <a
          class="button quiet round back"
          href={addressOf({ sid: undefined, details: false })}
          aria-label="Back to the list"
        >
          <Back />
        </a>
        <Avatar sid={sid} size={36} />
        <div class="bar-text">
          <h1>{name}</h1>
          <span class="private">
            <Lock size={14} />
            <span>Only you and this visitor can read this</span>
          </span>
        </div>
        <button
          type="button"
          class="button quiet round"
          aria-label="Details"
          title="Details"
          aria-expanded={details}
          onClick={toggleDetails}
        >
          <Panel />
        </button>
      </header>
      <Thread
        key={sid}
        messages={conversation.messages}
        label={`Conversation with ${name}`}
        byline={byline}
        speaker={speaker}
      />
      <Composer
        key={`reply-${sid}`}
        label={`Reply to ${name}`}
        placeholder="Write a reply"
        send={(text) => inbox.send(sid, text)}
      />
    </section>
  );
}
