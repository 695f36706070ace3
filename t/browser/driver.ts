// What a story needs of a browser: so little that one telling of it runs in
// Chromium, whose pages playwright-core drives and which fit these types as
// they are, and in Firefox, whose pages firefox.ts makes fit.

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Named {
  readonly name?: string | RegExp;
  readonly exact?: boolean;
}

export type Presence = "attached" | "detached" | "visible" | "hidden";

/** Places where an element may be found, now or later. */
export interface Finder {
  locator(css: string, options?: { hasText?: string }): Part;
  getByText(text: string | RegExp, options?: { exact?: boolean }): Part;
  getByLabel(text: string, options?: { exact?: boolean }): Part;
  getByRole(role: Role, options?: Named): Part;
}

export type Role =
  | "alert"
  | "button"
  | "checkbox"
  | "dialog"
  | "link"
  | "log"
  | "textbox";

/** One element on the screen.  What is asked of it waits until it is there. */
export interface Part extends Finder {
  first(): Part;
  last(): Part;
  nth(index: number): Part;
  click(): Promise<void>;
  check(): Promise<void>;
  fill(text: string): Promise<void>;
  focus(): Promise<void>;
  press(key: string): Promise<void>;
  innerText(): Promise<string>;
  inputValue(): Promise<string>;
  getAttribute(name: string): Promise<string | null>;
  /** At once, without waiting. */
  count(): Promise<number>;
  evaluateAll<T>(read: (elements: HTMLElement[]) => T): Promise<T>;
  waitFor(options?: { state?: Presence }): Promise<void>;
}

export interface Tab extends Finder {
  readonly keyboard: {
    press(key: string): Promise<void>;
    type(text: string): Promise<void>;
    insertText(text: string): Promise<void>;
  };
  goto(address: string): Promise<unknown>;
  reload(): Promise<unknown>;
  goBack(): Promise<unknown>;
  close(): Promise<void>;
  title(): Promise<string>;
  url(): string;
  evaluate<T>(read: string | (() => T | Promise<T>)): Promise<T>;
  evaluate<T, A>(read: (argument: A) => T | Promise<T>, argument: A): Promise<T>;
  setViewportSize(size: Size): Promise<void>;
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
  context(): Person;
}

/** A browser of one's own: nothing is shared with other persons. */
export interface Person {
  newPage(): Promise<Tab>;
  close(): Promise<void>;
}

export type EngineName = "chromium" | "firefox";
