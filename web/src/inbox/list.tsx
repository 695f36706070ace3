// All conversations: searched, open or closed, by time or by who waits.

import type { Conversation, Inbox, Link } from "../client/types.ts";
import { Close, Mark } from "../ui/icons.tsx";
import { useSteadyLink } from "../ui/parts.tsx";
import { dayName, inert, timeOfDay } from "../ui/thread.tsx";
import { marks } from "../ui/words.ts";
import { around, type Filter, type Found, type Wanted } from "./find.ts";
import { Order, Question, Search, Sliders } from "./icons.tsx";
import { visitorName } from "./names.ts";
import { addressOf } from "./route.ts";

const links: Record<Link, string> = {
  idle: "Not connected",
  connecting: "Connecting",
  ready: "Connected",
  offline: "No connection",
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

const spans = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
] as const;

/** 3 d, 5 h, 12 min. */
export function span(ms: number): string {
  const [unit, name] = spans.find(([size]) => ms >= size) ?? spans[2];

  return `${Math.max(1, Math.floor(ms / unit))} ${name}`;
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
  if (last.text === "" && last.mark !== undefined) return marks[last.mark];

  return inert(last.mine ? `You: ${last.text}` : last.text);
}

function Line({ found, words }: { found: Found; words: string }) {
  const { conversation, hit } = found;

  if (conversation.typing) return <span class="row-last typing">Writing…</span>;

  return (
    <span class="row-last" dir="auto">
      {hit ? around(inert(hit.text), words) : lastLine(conversation)}
    </span>
  );
}

function Row(props: {
  found: Found;
  current: boolean;
  wanted: Wanted;
}) {
  const { found, current, wanted } = props;
  const { sid, unread, lastTime, waitingSince, closed, blocked } =
    found.conversation;
  const waits = wanted.order === "waiting" && waitingSince !== undefined;
  const searching = wanted.words.trim() !== "";
  const time = found.hit?.time ?? lastTime;

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
            {waits ? (
              <span class="row-waits">waits {span(Date.now() - waitingSince)}</span>
            ) : (
              <time dateTime={new Date(time).toISOString()}>
                {shortTime(time)}
              </time>
            )}
          </span>
          <span class="row-bottom">
            <Line found={found} words={wanted.words} />
            {blocked && <span class="tag">blocked</span>}
            {searching && closed && <span class="tag">closed</span>}
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

function Nothing(props: {
  inbox: Inbox;
  wanted: Wanted;
  want: (part: Partial<Wanted>) => void;
}) {
  const { inbox, wanted, want } = props;

  if (inbox.conversations.length === 0) {
    return <p class="list-empty">Conversations appear here, the newest first.</p>;
  }
  if (wanted.words.trim() !== "") {
    return (
      <div class="list-empty" role="status">
        <p>
          Nothing found. The search looks through what this device holds, closed
          conversations included.
        </p>
        <button type="button" class="button" onClick={() => want({ words: "" })}>
          Clear the search
        </button>
      </div>
    );
  }
  if (wanted.filter === "closed") {
    return (
      <p class="list-empty">
        Nothing is closed. When a conversation is done, close it with the check
        mark above it; what a visitor writes later opens it again.
      </p>
    );
  }
  return (
    <div class="list-empty">
      <p>Nothing is open. What visitors write next appears here.</p>
      <button
        type="button"
        class="button"
        onClick={() => want({ filter: "closed" })}
      >
        Show closed conversations
      </button>
    </div>
  );
}

function Tools(props: {
  inbox: Inbox;
  wanted: Wanted;
  want: (part: Partial<Wanted>) => void;
}) {
  const { inbox, wanted, want } = props;
  const closed = inbox.conversations.filter((c) => c.closed).length;
  const counts: Record<Filter, number> = {
    open: inbox.conversations.length - closed,
    closed,
  };
  const waiting = wanted.order === "waiting";

  return (
    <div class="tools">
      <div class="search" role="search">
        <Search />
        <input
          id="search"
          type="text"
          inputMode="search"
          aria-label="Search conversations"
          placeholder="Search"
          autocomplete="off"
          spellcheck={false}
          value={wanted.words}
          onInput={(event) => want({ words: event.currentTarget.value })}
        />
        {wanted.words !== "" && (
          <button
            type="button"
            class="button quiet round"
            aria-label="Clear the search"
            onClick={() => want({ words: "" })}
          >
            <Close />
          </button>
        )}
      </div>
      <div class="choices">
        <div role="group" aria-label="Which conversations" class="switch">
          {(["open", "closed"] as const).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={wanted.filter === name}
              onClick={() => want({ filter: name })}
            >
              {name === "open" ? "Open" : "Closed"}
              <span class="number">{counts[name]}</span>
            </button>
          ))}
        </div>
        <button
          type="button"
          class="order"
          aria-pressed={waiting}
          title="Put who has waited longest for an answer on top"
          onClick={() => want({ order: waiting ? "newest" : "waiting" })}
        >
          <Order />
          Longest wait
        </button>
      </div>
    </div>
  );
}

export function List(props: {
  inbox: Inbox;
  sid: string | undefined;
  shown: readonly Found[];
  wanted: Wanted;
  want: (part: Partial<Wanted>) => void;
  help: () => void;
}) {
  const { inbox, sid, shown, wanted, want, help } = props;
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
        <div class="bar-actions">
          <button
            type="button"
            class="button quiet round help"
            aria-label="Keyboard"
            title="Keyboard (?)"
            onClick={help}
          >
            <Question />
          </button>
          <a
            class="button quiet round"
            href={addressOf({ sid: undefined, details: true })}
            aria-label="Settings"
            title="Settings: site, devices, notifications"
          >
            <Sliders />
          </a>
        </div>
      </header>
      {inbox.conversations.length > 0 && (
        <Tools inbox={inbox} wanted={wanted} want={want} />
      )}
      {shown.length === 0 ? (
        <Nothing inbox={inbox} wanted={wanted} want={want} />
      ) : (
        <ul>
          {shown.map((found) => (
            <Row
              key={found.conversation.sid}
              found={found}
              current={found.conversation.sid === sid}
              wanted={wanted}
            />
          ))}
        </ul>
      )}
    </nav>
  );
}
