// One visitor's conversation, and the reply.

import { useEffect } from "preact/hooks";

import type { Conversation, Inbox, Message } from "../client/types.ts";
import { Composer } from "../ui/composer.tsx";
import { Back, Lock, Panel } from "../ui/icons.tsx";
import { useSteadyLink } from "../ui/parts.tsx";
import { Thread } from "../ui/thread.tsx";
import { Done, Reopen } from "./icons.tsx";
import { Avatar } from "./list.tsx";
import { deviceName, visitorName } from "./names.ts";
import { addressOf } from "./route.ts";

/** Seen means: shown in a page that somebody is looking at. */
function useSeen(inbox: Inbox, { sid, messages }: Conversation): void {
  const last = messages.at(-1)?.id;

  useEffect(() => {
    const look = () => {
      if (document.visibilityState === "visible") inbox.seen(sid);
    };

    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [inbox, sid, last]);
}

/** Where the reply is written. */
export function focusReply(): void {
  document.querySelector<HTMLElement>(".conversation textarea")?.focus();
}

function Gone(props: { remove: () => void }) {
  return (
    <div class="foot-note" role="status">
      <p>
        This conversation was deleted at the service, so no reply can reach the
        visitor. What you see is the copy on this device.
      </p>
      <button type="button" class="button" onClick={props.remove}>
        Remove it here too
      </button>
    </div>
  );
}

function Blocked(props: { asked: boolean; unblock: () => void }) {
  return (
    <div class="foot-note" role="status">
      <p>
        {props.asked
          ? "You blocked this visitor. The service hears of it as soon as it can be reached."
          : "You blocked this visitor: nothing more arrives from this conversation."}
      </p>
      <button type="button" class="button" onClick={props.unblock}>
        Unblock
      </button>
    </div>
  );
}

function Header(props: {
  conversation: Conversation;
  details: boolean;
  toggleDetails: () => void;
  toggleClosed: () => void;
}) {
  const { conversation, details, toggleDetails, toggleClosed } = props;
  const { sid, closed, deleted } = conversation;
  const closing = closed ? "Reopen with a reply" : "Close this conversation";

  return (
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
        <h1>{visitorName(sid).name}</h1>
        <span class="private">
          <Lock size={14} />
          <span>Only you two can read this</span>
        </span>
      </div>
      <div class="bar-actions">
        {!deleted && (
          <button
            type="button"
            class="button quiet round"
            aria-label={closing}
            title={`${closing} (e)`}
            onClick={toggleClosed}
          >
            {closed ? <Reopen /> : <Done />}
          </button>
        )}
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
      </div>
    </header>
  );
}

export function ConversationView(props: {
  inbox: Inbox;
  conversation: Conversation;
  details: boolean;
  toggleDetails: () => void;
  toggleClosed: () => void;
  toggleBlocked: () => void;
  remove: () => void;
}) {
  const { inbox, conversation } = props;
  const { sid, closed, deleted, blocked, typing } = conversation;
  // An alarm says more of it.
  const offline =
    useSteadyLink(inbox.link) === "offline" && inbox.alarm === undefined;
  const { name } = visitorName(sid);
  const own = inbox.device?.id;

  useSeen(inbox, conversation);

  const byline = (message: Message) =>
    message.mine && message.sender !== own ? deviceName(message.sender) : "";
  const speaker = (message: Message) =>
    message.mine ? byline(message) || "You" : name;

  return (
    <section class="conversation" aria-label={`Conversation with ${name}`}>
      <Header {...props} />
      <Thread
        key={sid}
        messages={conversation.messages}
        label="Messages"
        byline={byline}
        speaker={speaker}
      />
      <p class="below" role="status">
        {offline && !deleted && !blocked
          ? "No connection. Replies are kept on this device."
          : typing
            ? `${name} is writing…`
            : closed && !deleted
              ? "Closed. A reply, or what the visitor writes, opens it again."
              : ""}
      </p>
      {deleted ? (
        <Gone remove={props.remove} />
      ) : blocked ? (
        <Blocked
          asked={conversation.blockAsked}
          unblock={props.toggleBlocked}
        />
      ) : (
        <Composer
          key={`reply-${sid}`}
          label={`Reply to ${name}`}
          placeholder="Write a reply"
          send={(text) => inbox.send(sid, text)}
          typed={() => inbox.composing(sid)}
        />
      )}
    </section>
  );
}
