// The pages beside the conversation: why it is private, how to go on with it
// elsewhere, and its end.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { ClientError } from "../client/errors.ts";
import type { VisitorChat } from "../client/types.ts";
import { Groups, SafetyCode, SafetyNumber } from "../ui/parts.tsx";
import { named, words } from "./words/index.ts";

export function Proof({ chat, name }: { chat: VisitorChat; name: string }) {
  return (
    <div class="page" tabIndex={0}>
      <h3>{words.safetyTitle}</h3>
      <p>{named(words.safetyHow, name)}</p>
      {chat.safetyNumber !== undefined && (
        <>
          <h3>{words.safetyNumber}</h3>
          <SafetyNumber number={chat.safetyNumber} />
          <SafetyCode number={chat.safetyNumber} />
          <p class="hint">{named(words.safetyCompare, name)}</p>
        </>
      )}
    </div>
  );
}

/** The code with which another device goes on. */
export function Code({ chat }: { chat: VisitorChat }) {
  const [code, setCode] = useState("");
  const [told, setTold] = useState("");

  useEffect(() => {
    chat.code().then(setCode, () => setTold(words.offline));
  }, [chat]);

  const copy = async () => {
    await navigator.clipboard.writeText(code);
    setTold(words.copied);
  };

  return (
    <div class="page" tabIndex={0}>
      <h3>{words.goOn}</h3>
      <p>{words.goOnText}</p>
      {code && (
        <>
          <Groups label={words.goOn} groups={code.split("-")} />
          <p>
            <button type="button" class="button" onClick={() => void copy()}>
              {words.copyCode}
            </button>
          </p>
        </>
      )}
      <p class="hint" role="status">
        {told}
      </p>
    </div>
  );
}

/** Where it is entered.  done: it was right, or an alarm stands now. */
export function EnterCode(props: { chat: VisitorChat; done: () => void }) {
  const { chat, done } = props;
  const field = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState("");

  useLayoutEffect(() => field.current?.focus(), []);

  const enter = async (event: Event) => {
    event.preventDefault();
    setProblem("");
    try {
      await chat.resume(field.current!.value);
    } catch (error) {
      const { code } = error as ClientError;
      if (code === "bad-code") return setProblem(words.wrongCode);
      if (chat.alarm === undefined) return setProblem(words.offline);
    }
    done();
  };

  return (
    <form class="page" onSubmit={(event) => void enter(event)}>
      <h3>{words.haveCode}</h3>
      <input
        ref={field}
        dir="ltr"
        aria-label={words.haveCode}
        autocomplete="off"
        spellcheck={false}
      />
      <p class="hint" role="alert">
        {problem}
      </p>
      <button class="button main">{words.enter}</button>
    </form>
  );
}

export function End(props: {
  name: string;
  end: () => void;
  keep: () => void;
}) {
  const first = useRef<HTMLButtonElement>(null);

  useLayoutEffect(() => first.current?.focus(), []);

  return (
    <div class="page">
      <h3>{words.end}</h3>
      <p>{named(words.endText, props.name)}</p>
      <div class="choice">
        <button type="button" class="button" ref={first} onClick={props.keep}>
          {words.back}
        </button>
        <button type="button" class="button grave" onClick={props.end}>
          {words.end}
        </button>
      </div>
    </div>
  );
}
