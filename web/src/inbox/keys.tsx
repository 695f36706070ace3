// The keyboard: one table for what works, what the help shows, and what
// buttons say when one rests on them.

import { useEffect } from "preact/hooks";

import { Dialog } from "./dialog.tsx";
import { recall, remember } from "./remember.ts";

export interface Commands {
  readonly move: (by: 1 | -1) => void;
  readonly reply: () => void;
  readonly toggleClosed: () => void;
  readonly search: () => void;
  readonly help: () => void;
}

const sheet: readonly (readonly [readonly string[], string, string])[] = [
  [["j"], "Next conversation", "Down in the list"],
  [["k"], "Conversation before", "Up in the list"],
  [["Enter"], "Open it", "Click it in the list"],
  [["r"], "Reply", "Click the field below a conversation"],
  [["e"], "Close or reopen", "The check mark above a conversation"],
  [["/"], "Search", "The field above the list"],
  [["Esc"], "Leave a field or a sheet", "Click beside it"],
  [["?"], "This help", "The question mark above the list"],
];

const OFF = "inbox-keys-off";

/** Single letters get in the way of those who dictate: they can be off. */
export function keysAreOff(): boolean {
  return recall(OFF) === "yes";
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.matches("input, textarea, select, [contenteditable]")
  );
}

function act(key: string, commands: Commands): boolean {
  switch (key) {
    case "j": commands.move(1); break;
    case "k": commands.move(-1); break;
    case "r": commands.reply(); break;
    case "e": commands.toggleClosed(); break;
    case "/": commands.search(); break;
    case "?": commands.help(); break;
    default: return false;
  }
  return true;
}

export function useKeys(commands: Commands): void {
  useEffect(() => {
    const follow = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.isComposing || document.querySelector("dialog[open]")) return;

      if (isWriting(event.target)) {
        if (event.key === "Escape") (event.target as HTMLElement).blur();
        return;
      }
      if (!keysAreOff() && act(event.key, commands)) event.preventDefault();
    };

    document.addEventListener("keydown", follow);
    return () => document.removeEventListener("keydown", follow);
  });
}

export function Help({ close }: { close: () => void }) {
  return (
    <Dialog title="Keyboard" close={close}>
      <table class="keys">
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">What it does</th>
            <th scope="col">Without the keyboard</th>
          </tr>
        </thead>
        <tbody>
          {sheet.map(([keys, what, other]) => (
            <tr key={what}>
              <td>
                {keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </td>
              <th scope="row">{what}</th>
              <td>{other}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="sure">
        <input
          type="checkbox"
          name="keys"
          defaultChecked={!keysAreOff()}
          onChange={(event) =>
            remember(OFF, event.currentTarget.checked ? "" : "yes")
          }
        />
        Single keys work wherever nothing is being written
      </label>
    </Dialog>
  );
}
