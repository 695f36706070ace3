// One conversation as both faces show it: grouped by speaker and by three
// minutes, parted by days, every message with its state.  Text reaches the
// page as text nodes alone.

import { Fragment, type ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { Mark, Message } from "../client/types.ts";
import { Clock, Cross, Down, FilledTicks, OneTick, TwoTicks } from "./icons.tsx";
import { dayName, shared, startOfDay, timeOfDay } from "./language.ts";
import { linked, inert } from "./text.tsx";
import { blockAt, usePart } from "./window.ts";

export { dayName, inert, timeOfDay };

const GROUP_MS = 3 * 60 * 1000;

function State({ message }: { message: Message }) {
  if (message.delivery === undefined) return null;

  return (
    <span
      class="state"
      role="img"
      aria-label={shared.delivery[message.delivery]}
      title={shared.delivery[message.delivery]}
    >
      {message.delivery === "sending" && <Clock />}
      {message.delivery === "stored" && <OneTick />}
      {message.delivery === "delivered" && <TwoTicks />}
      {message.delivery === "read" && <FilledTicks />}
      {message.delivery === "failed" && <Cross />}
    </span>
  );
}

function MarkNote({ mark }: { mark: Mark | undefined }) {
  if (mark === undefined) return null;
  if (mark === "waiting" || mark === "unreadable") {
    return <p class="mark">{shared.marks[mark]}</p>;
  }
  return (
    <details class="mark alarming">
      <summary>{shared.marks[mark]}</summary>
      {shared.otherWay}
    </details>
  );
}

function sameGroup(a: Message | undefined, b: Message | undefined): boolean {
  return (
    a !== undefined &&
    b !== undefined &&
    a.from === b.from &&
    a.sender === b.sender &&
    Math.abs(b.time - a.time) < GROUP_MS &&
    startOfDay(a.time) === startOfDay(b.time)
  );
}

function Entry(props: {
  message: Message;
  block: number | undefined;
  first: boolean;
  last: boolean;
  byline: string | undefined;
  speaker: string;
}) {
  const { message, block, first, last, byline, speaker } = props;
  const classes = ["entry"];

  if (message.mine) classes.push("mine");
  if (first) classes.push("first");
  if (last) classes.push("last");
  if (message.mark !== undefined) classes.push("marked");

  return (
    <li
      class={classes.join(" ")}
      data-state={message.delivery}
      data-block={block}
    >
      {first && byline && <span class="byline">{byline}</span>}
      {message.text !== "" && (
        <div class="bubble">
          <span class="hidden">{`${speaker}: `}</span>
          <span class="said" dir="auto">
            {linked(inert(message.text))}
          </span>
          <span class="when">
            <time dateTime={new Date(message.time).toISOString()}>
              {timeOfDay(message.time)}
            </time>
            <State message={message} />
          </span>
        </div>
      )}
      <MarkNote mark={message.mark} />
    </li>
  );
}

export interface ThreadProps {
  messages: readonly Message[];
  /** Shown above a group where it is not empty. */
  byline?: (message: Message) => string;
  /** Said by screen readers before a message. */
  speaker: (message: Message) => string;
  label: string;
  /** Stands before the first message. */
  intro?: ComponentChildren;
  /** Stands after the last one. */
  outro?: ComponentChildren;
  /** The newest message is on the screen: called as often as that is so. */
  seen?: () => void;
}

export function Thread(props: ThreadProps) {
  const { messages, label, intro, outro, byline, speaker, seen } = props;

  // What one writes oneself is always brought into sight.
  const own = messages.findLast((message) => message.mine)?.id;
  const seenOwn = useRef(own);
  const wrote = seenOwn.current !== own;
  seenOwn.current = own;

  const part = usePart(messages.length, wrote);
  const { box, list, from, to, above, below, atEnd, goToEnd } = part;

  useEffect(() => {
    if (atEnd) seen?.();
  });

  return (
    <div class="reading">
      <div
        class="thread"
        ref={box}
        tabIndex={0}
        role="region"
        aria-label={label}
        onKeyDown={(event) => {
          if (event.key !== "End") return;

          // The browser would go to where the end is thought to be.
          event.preventDefault();
          goToEnd();
        }}
      >
        {intro}
        <div style={{ height: above }} />
        <ol ref={list}>
          {messages.slice(from, to).map((message, offset) => {
            const index = from + offset;
            const block = blockAt(index);
            const before = messages[index - 1];
            const after = messages[index + 1];
            const newDay =
              before === undefined ||
              startOfDay(before.time) !== startOfDay(message.time);

            return (
              <Fragment key={message.id}>
                {newDay && (
                  <li class="day" data-block={block}>
                    {dayName(message.time)}
                  </li>
                )}
                <Entry
                  message={message}
                  block={newDay ? undefined : block}
                  first={newDay || !sameGroup(before, message)}
                  last={!sameGroup(message, after)}
                  byline={byline?.(message)}
                  speaker={speaker(message)}
                />
              </Fragment>
            );
          })}
        </ol>
        <div style={{ height: below }} />
        {outro}
      </div>
      {!atEnd && (
        <button
          type="button"
          class="button round latest"
          aria-label={shared.latest}
          onClick={goToEnd}
        >
          <Down />
        </button>
      )}
    </div>
  );
}
