// The field in which one writes.  It grows to six lines; Enter sends,
// Shift+Enter breaks the line.

import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { Send } from "./icons.tsx";
import { count, shared } from "./language.ts";

/** The longest message, in bytes of UTF-8: include/sealchat/limits.h. */
const CONTENT_MAX = 16384;

const encoder = new TextEncoder();

export interface ComposerProps {
  label: string;
  placeholder: string;
  /** Resolves once the text is kept on this device. */
  send: (text: string) => Promise<void>;
  /** Something is being written. */
  typed?: () => void;
  /** Keeps what is not sent yet while the composer is away. */
  draft?: { text: string };
  field?: RefObject<HTMLTextAreaElement | null>;
}

function problemOf(text: string): string | undefined {
  // A UTF-16 unit makes at most three bytes: short texts need no encoding.
  if (text.length * 3 <= CONTENT_MAX) return undefined;

  const excess = encoder.encode(text).length - CONTENT_MAX;

  return excess > 0 ? shared.tooLong.replace("#", count(excess)) : undefined;
}

export function Composer(props: ComposerProps) {
  const { label, placeholder, send, typed, draft } = props;
  const [text, setText] = useState(draft?.text ?? "");
  const [failure, setFailure] = useState<string>();
  const own = useRef<HTMLTextAreaElement>(null);
  const area = props.field ?? own;

  useLayoutEffect(() => {
    const element = area.current;
    if (element === null) return;

    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + 2}px`;
  }, [text]);

  if (draft) draft.text = text;

  const problem = problemOf(text) ?? failure;
  const ready = text.trim() !== "" && problemOf(text) === undefined;

  const submit = async () => {
    if (!ready) return;

    const written = text.trim();
    setText("");
    setFailure(undefined);
    area.current?.focus();

    try {
      await send(written);
    } catch {
      setText((since) => (since === "" ? written : `${written}\n${since}`));
      setFailure(shared.notKept);
    }
  };

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div class="box">
        <textarea
          ref={area}
          rows={1}
          aria-label={label}
          placeholder={placeholder}
          value={text}
          // Empty, it is as what stands around it.
          dir={(text && "auto") as "auto"}
          enterkeyhint="send"
          onInput={(event) => {
            setText(event.currentTarget.value);
            setFailure(undefined);
            typed?.();
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) {
              return;
            }
            event.preventDefault();
            void submit();
          }}
        />
        {problem !== undefined && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
      <button
        type="submit"
        class="button main round"
        aria-label={shared.send}
        aria-disabled={!ready}
      >
        <Send />
      </button>
    </form>
  );
}
