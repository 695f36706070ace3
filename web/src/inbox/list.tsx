// All conversations, newest first.

import type { Conversation, Inbox, Link } from "../client/types.ts";
import { Code, Mark } from "../ui/icons.tsx";
import { useSteadyLink } from "../ui/parts.tsx";
import { dayName, inert, timeOfDay } from "../ui/thread.tsx";
import { marks } from "../ui/words.ts";
import { visitorName } from "./names.ts";
import { addressOf } from "./route.ts";

const links: Record<Link, string> = {
  idle: "Not connected",
  connecting: "Connecting",
  ready: "Connected",
  offline: "Waiting for a connection",
};

const shortDate = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
});

function shortTime(time: number): string {
  const day = dayName(time);

  if (day === "Today") return timeOfDay(time);
  return day === "Yesterday" ? day : shortDate.format(time);
}

export function Avatar({ sid, size }: { sid: string; size: number }) {
  const { colour, initial } = visitorName(sid);

  return (
    <span
      class="avatar"
      aria-hidden="true"
      style={{ background: colour, width: `${size}px`, height: `${size}px` }}
    >
      {initial}
    </span>
  );
}

function lastLine(conversation: Conversation): string {
  const last = conversation.messages.at(-1);

  if (last === undefined) return "No messages yet";
  if (last.text === "" && last.mark !== undefined) return marks[last.mark].short;

  return inert(last.mine ? `You: ${last.text}` : last.text);
}

function Row(props: { conversation: Conversation; current: boolean }) {
  const { conversation, current } = props;
  const { sid, unread } = conversation;

  return (
    <li>
      <a
        class={unread > 0 ? "row unread" : "row"}
        href={addressOf({ sid, details: false })}
        aria-current={current ? "true" : undefined}
      >
        <Avatar sid={sid} size={40} />
        <span class="row-text">
          <span class="row-top">
            <span class="row-name">{visitorName(sid).name}</span>
            <time dateTime={new Date(conversation.lastTime).toISOString()}>
              {shortTime(conversation.lastTime)}
            </time>
          </span>
          <span class="row-bottom">
            <span class="row-last" dir="auto">
              {lastLine(conversation)}
            </span>
            {unread > 0 && (
              <span class="count">
                {unread}
                <span class="hidden"> unread</span>
              </span>
            )}
          </span>
        </span>
      </a>
    </li>
  );
}

export function List(props: { inbox: Inbox; sid: string | undefined }) {
  const { inbox, sid } = props;
  const account = inbox.device?.account ?? "";
  const link = useSteadyLink(inbox.link);

  return (
    <nav class="list" aria-label="Conversations">
      <h1 class="hidden">Inbox</h1>
      <header class="bar">
        <Mark size={28} />
        <div class="bar-text">
          <strong>{account}</strong>
          <span class={`link-state ${link}`} role="status">
            {links[link]}
          </span>
        </div>
        <a
          class="button quiet round"
          href={addressOf({ sid: undefined, details: true })}
          aria-label="Your site and devices"
          title="Your site and devices"
        >
          <Code />
        </a>
      </header>
      {inbox.conversations.length === 0 ? (
        <p class="list-empty">
          Conversations appear here, the newest first.
        </p>
      ) : (
        <ul>
          {inbox.conversations.map((conversation) => (
            <Row
              key={conversation.sid}
              conversation={conversation}
              current={conversation.sid === sid}
            />
          ))}
        </ul>
      )}
    </nav>
  );
}
