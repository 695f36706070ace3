// Small parts that both faces use.

import type { ComponentChildren } from "preact";
import { useEffect, useReducer, useRef } from "preact/hooks";

import type { Alarm, Link, Subscribe } from "../client/types.ts";
import { Warning } from "./icons.tsx";
import { shared } from "./language.ts";
import { qrPath } from "./qr.ts";
import type { AlarmWords } from "./words.ts";

/** While changes keep coming, such as the messages of a long absence, a page
 * is not drawn anew for each of them. */
const DRAW_EVERY_MS = 40;

/** Renders again whenever the client says that something changed. */
export function useChanges(client: { readonly subscribe: Subscribe }): void {
  const [, again] = useReducer((count: number) => count + 1, 0);

  useEffect(() => {
    let drawn = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      timer = undefined;
      drawn = performance.now();
      again(undefined);
    };
    const stop = client.subscribe(() => {
      if (timer !== undefined) return;

      const wait = drawn + DRAW_EVERY_MS - performance.now();
      if (wait <= 0) draw();
      else timer = setTimeout(draw, wait);
    });

    // What changed between the first render and this moment.
    draw();
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [client]);
}

/** A lost connection stays lost until it is ready again: each attempt in
 * between is no news to a reader. */
export function useSteadyLink(link: Link): Link {
  const lost = useRef(false);

  if (link === "offline") lost.current = true;
  if (link === "ready") lost.current = false;

  return lost.current ? "offline" : link;
}

export function AlarmBox(props: {
  alarm: Alarm;
  words: AlarmWords;
  children?: ComponentChildren;
}) {
  const { title, text } = props.words;

  return (
    <div class="alarm" role="alert" data-code={props.alarm.code}>
      <Warning />
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
        {props.children}
      </div>
    </div>
  );
}

export function SafetyNumber({ number }: { number: string }) {
  return <Groups label={shared.safetyNumber} groups={number.split(" ")} />;
}

/** The same for a camera, with four modules of quiet around it. */
export function SafetyCode({ number }: { number: string }) {
  return (
    <svg
      class="qr"
      viewBox="-4 -4 29 29"
      role="img"
      aria-label={`${shared.safetyNumber}: QR`}
      shape-rendering="crispEdges"
    >
      <path d={qrPath(number.replaceAll(" ", ""))} />
    </svg>
  );
}

/** What is compared, or noted, group by group. */
export function Groups(props: { label: string; groups: readonly string[] }) {
  const { label, groups } = props;

  return (
    <p
      class="safety"
      aria-label={`${label}: ${groups.join(", ")}`}
      role="img"
      dir="ltr"
    >
      {groups.map((group, index) => (
        <span key={index}>{group}</span>
      ))}
    </p>
  );
}

/** Stands where messages will be, until what is stored has been read. */
export function Bones() {
  return (
    <div class="bones" role="status" aria-label={shared.loading}>
      <div class="bone" style={{ width: "58%" }} />
      <div class="bone" style={{ width: "72%" }} />
      <div class="bone" style={{ width: "44%", marginInlineStart: "auto" }} />
      <div class="bone" style={{ width: "64%" }} />
    </div>
  );
}
