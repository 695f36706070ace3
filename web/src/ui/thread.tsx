// One conversation as both faces show it: grouped by speaker and by three
// minutes, parted by days, every message with its state.  Text reaches the
// page as text nodes alone.

import { Fragment, type ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import type { Message } from "../client/types.ts";
import { Clock, Cross, FilledTicks, OneTick, TwoTicks } from "./icons.tsx";
import { delivery, marks } from "./words.ts";

const GROUP_MS = 3 * 60 * 1000;

const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

const weekday = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
});

const fullDate = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "long",
  year: "numeric",
});

function startOfDay(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

export function dayName(time: number, now = Date.now()): string {
  const days = Math.round((startOfDay(now) - startOfDay(time)) / 86_400_000);

  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";

  const sameYear = new Date(now).getFullYear() === new Date(time).getFullYear();

  return (sameYear ? weekday : fullDate).format(time);
}

export function timeOfDay(time: number): string {
  return clockTime.format(time);
}

// Embeddings, overrides and isolates: they could show a text in another order
// than it is read by machines.  Letters find their direction without them.
const BIDI_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;

export function inert(text: string): string {
  return text.replace(BIDI_CONTROLS, "");
}

function State({ message }: { message: Message }) {
  if (message.delivery === undefined) return null;

  return (
    <span class="state" role="img" aria-label={delivery[message.delivery]}>
      {message.delivery === "sending" && <Clock />}
      {message.delivery === "stored" && <OneTick />}
      {message.delivery === "delivered" && <TwoTicks />}
      {message.delivery === "read" && <FilledTicks />}
      {message.delivery === "failed" && <Cross />}
    </span>
  );
}

function MarkNote({ message }: { message: Message }) {
  if (message.mark === undefined) return null;

  const { short, long, alarming } = marks[message.mark];

  return (
    <details class={alarming ? "mark alarming" : "mark"}>
      <summary>{short}</summary>
      {long}
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
  first: boolean;
  last: boolean;
  byline: string;
  speaker: string;
}) {
  const { message, first, last, byline, speaker } = props;
  const classes = ["entry"];

  if (message.mine) classes.push("mine");
  if (first) classes.push("first");
  if (last) classes.push("last");
  if (message.mark !== undefined) classes.push("marked");

  return (
    <li class={classes.join(" ")} data-state={message.delivery}>
      {first && byline !== "" && <span class="byline">{byline}</span>}
      {message.text !== "" && (
        <div class="bubble">
          <span class="hidden">{`${speaker}: `}</span>
          <span class="said" dir="auto">
            {inert(message.text)}
          </span>
          <span class="when">
            <time dateTime={new Date(message.time).toISOString()}>
              {timeOfDay(message.time)}
            </time>
            <State message={message} />
          </span>
        </div>
      )}
      <MarkNote message={message} />
    </li>
  );
}

export interface ThreadProps {
  messages: readonly Message[];
  /** Shown above a group where it is not empty. */
  byline: (message: Message) => string;
  /** Said by screen readers before a message. */
  speaker: (message: Message) => string;
  label: string;
  /** Stands before the first message. */
  intro?: ComponentChildren;
}

/** Keeps to the end unless the reader has scrolled away from it. */
function useStickyEnd(last: string | undefined) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;

    const noteEnd = () => {
      atEnd.current =
        element.scrollHeight - element.scrollTop - element.clientHeight < 48;
    };
    const stick = new ResizeObserver(() => {
      if (atEnd.current) element.scrollTop = element.scrollHeight;
    });

    element.addEventListener("scroll", noteEnd, { passive: true });
    stick.observe(element);
    return () => {
      element.removeEventListener("scroll", noteEnd);
      stick.disconnect();
    };
  }, []);

  useLayoutEffect(() => {
    const element = box.current;

    if (element !== null && atEnd.current) {
      element.scrollTop = element.scrollHeight;
    }
  }, [last]);

  return { box, toEnd: () => (atEnd.current = true) };
}

export function Thread(props: ThreadProps) {
  const { messages, label, intro, byline, speaker } = props;
  const last = messages.at(-1);
  const { box, toEnd } = useStickyEnd(last?.id);

  // What one writes oneself is always brought into sight.
  const own = messages.findLast((message) => message.mine)?.id;
  const seenOwn = useRef(own);
  if (seenOwn.current !== own) {
    seenOwn.current = own;
    toEnd();
  }

  return (
    <div class="thread" ref={box} tabIndex={0} role="region" aria-label={label}>
      {intro}
      <ol>
        {messages.map((message, index) => {
          const before = messages[index - 1];
          const after = messages[index + 1];
          const newDay =
            before === undefined ||
            startOfDay(before.time) !== startOfDay(message.time);

          return (
            <Fragment key={message.id}>
              {newDay && <li class="day">{dayName(message.time)}</li>}
              <Entry
                message={message}
                first={newDay || !sameGroup(before, message)}
                last={!sameGroup(message, after)}
                byline={byline(message)}
                speaker={speaker(message)}
              />
            </Fragment>
          );
        })}
      </ol>
    </div>
  );
}
