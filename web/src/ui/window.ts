// Which part of a long conversation stands in the page: the blocks of messages
// near the part that is in sight.  The others are room above and below, as high
// as they were measured, or as the measured ones make likely.  What the reader
// looks at stays where it is while that room turns into messages.

import type { RefObject } from "preact";
import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

/** Messages that come and go together. */
const BLOCK = 24;

/** Height of a block that was not measured yet.  It never changes: what was
 * laid out with it would no longer be where it is thought to be. */
const GUESS_PX = 60 * BLOCK;

/** This near to the end, the reader is kept there. */
const END_PX = 48;

/** Blocks are looked for this far beyond what is in sight, at least. */
const REACH_PX = 600;

/** The browser itself keeps in place what the reader looks at. */
const anchors = () => CSS.supports("overflow-anchor", "auto");

/** The block that a message opens; undefined within one. */
export function blockAt(index: number): number | undefined {
  return index % BLOCK === 0 ? index / BLOCK : undefined;
}

/** The first element in sight, and where it is. */
function anchorIn(box: HTMLElement, list: HTMLElement) {
  for (const child of list.children) {
    const element = child as HTMLElement;
    const top = element.offsetTop - box.scrollTop;

    if (top + element.offsetHeight > 0) return { element, top };
  }
  return undefined;
}

/** What is remembered from one rendering to the next. */
class Sight {
  readonly box: RefObject<HTMLDivElement | null> = { current: null };
  readonly list: RefObject<HTMLOListElement | null> = { current: null };
  /** Blocks: how many there are, and which stand in the page. */
  count = 0;
  first = 0;
  last = 0;
  /** The end is in sight, and kept there. */
  atEnd = true;
  /** Room above, as it was rendered. */
  #above = 0;
  readonly #heights: (number | undefined)[] = [];
  #anchor: ReturnType<typeof anchorIn>;

  /** A new rendering begins. */
  take(length: number): void {
    this.count = Math.ceil(length / BLOCK);
    if (!this.atEnd && this.last <= this.count) return;

    const shown = Math.max(2, this.last - this.first);
    this.last = this.count;
    this.first = Math.max(0, this.count - shown);
  }

  above(): number {
    this.#above = this.height(0, this.first);
    return this.#above;
  }

  height(from: number, to: number): number {
    let total = 0;
    for (let block = from; block < to; block++) {
      total += this.#heights[block] ?? GUESS_PX;
    }
    return total;
  }

  /** After a rendering, or when something grew.  True: look once more. */
  settle(): boolean {
    const box = this.box.current;
    const list = this.list.current;
    if (box === null || list === null) return false;

    this.#measure(list);
    if (this.atEnd) box.scrollTop = box.scrollHeight;
    else if (!anchors() && this.#anchor?.element.isConnected) {
      const { element, top } = this.#anchor;
      const moved = element.offsetTop - box.scrollTop - top;
      if (moved !== 0) box.scrollTop += moved;
    }
    return this.#look(box, list);
  }

  scrolled(): boolean {
    const box = this.box.current;
    const list = this.list.current;
    if (box === null || list === null) return false;

    const wasAtEnd = this.atEnd;
    const rest = box.scrollHeight - box.scrollTop - box.clientHeight;
    this.atEnd = rest < END_PX;
    if (!anchors()) this.#anchor = anchorIn(box, list);
    return this.atEnd !== wasAtEnd || this.#look(box, list);
  }

  #measure(list: HTMLElement): void {
    const starts = [...list.children].filter(
      (child): child is HTMLElement =>
        child instanceof HTMLElement && "block" in child.dataset,
    );
    const end = list.lastElementChild as HTMLElement | null;
    if (end === null) return;

    for (const [index, start] of starts.entries()) {
      const bottom =
        starts[index + 1]?.offsetTop ?? end.offsetTop + end.offsetHeight;
      this.#heights[Number(start.dataset["block"])] = bottom - start.offsetTop;
    }
  }

  /** Chooses the blocks to show; whether they changed.  As long as half of
   * the reach is left, nothing does: that could go back and forth. */
  #look(box: HTMLElement, list: HTMLElement): boolean {
    const reach = Math.max(box.clientHeight, REACH_PX);
    const top = box.scrollTop - list.offsetTop + this.#above;
    const bottom = top + box.clientHeight;
    const above = top - this.height(0, this.first);
    const below = this.height(0, this.last) - bottom;

    if (
      (this.first === 0 || above >= reach / 2) &&
      (this.last === this.count || below >= reach / 2)
    ) {
      return false;
    }

    let first = 0;
    let y = this.height(0, 1);
    while (first < this.count - 1 && y < top - reach) {
      first++;
      y += this.height(first, first + 1);
    }
    let last = first + 1;
    while (last < this.count && y < bottom + reach) {
      y += this.height(last, last + 1);
      last++;
    }
    last = Math.min(last, this.count);
    if (first === this.first && last === this.last) return false;

    this.first = first;
    this.last = last;
    return true;
  }
}

export interface Part {
  readonly box: RefObject<HTMLDivElement | null>;
  readonly list: RefObject<HTMLOListElement | null>;
  /** Indices of messages: from the first to before the last. */
  readonly from: number;
  readonly to: number;
  /** Pixels. */
  readonly above: number;
  readonly below: number;
  readonly atEnd: boolean;
  readonly goToEnd: () => void;
}

/** The part of so many messages to render; toEnd brings the end into sight. */
export function usePart(length: number, toEnd: boolean): Part {
  const [, again] = useReducer((turn: number) => turn + 1, 0);
  const kept = useRef<Sight>(undefined);
  const sight = (kept.current ??= new Sight());

  if (toEnd) sight.atEnd = true;
  sight.take(length);

  useLayoutEffect(() => {
    if (sight.settle()) again(undefined);
  });
  useLayoutEffect(() => {
    const { box, list } = sight;
    if (box.current === null || list.current === null) return;

    const element = box.current;
    const onScroll = () => {
      if (sight.scrolled()) again(undefined);
    };
    const resized = new ResizeObserver(() => {
      if (sight.settle()) again(undefined);
    });

    element.addEventListener("scroll", onScroll, { passive: true });
    resized.observe(element);
    resized.observe(list.current);
    return () => {
      element.removeEventListener("scroll", onScroll);
      resized.disconnect();
    };
  }, [sight]);

  return {
    box: sight.box,
    list: sight.list,
    from: sight.first * BLOCK,
    to: Math.min(length, sight.last * BLOCK),
    above: sight.above(),
    below: sight.height(sight.last, sight.count),
    atEnd: sight.atEnd,
    goToEnd: () => {
      sight.atEnd = true;
      again(undefined);
    },
  };
}
