// Beside a conversation: its safety number, and what can be done with it.

import type { Conversation } from "../client/types.ts";
import { Back, Close, Save } from "../ui/icons.tsx";
import { SafetyCode, SafetyNumber } from "../ui/parts.tsx";
import { Block, Done, Reopen, Trash } from "./icons.tsx";
import { visitorName } from "./names.ts";
import { isOther } from "./release.ts";
import { saveText } from "./save.ts";
import { transcript } from "./transcript.ts";

const longDate = new Intl.DateTimeFormat(undefined, {
  dateStyle: "long",
  timeStyle: "short",
});

function Safety({ conversation }: { conversation: Conversation }) {
  const { name } = visitorName(conversation.sid);

  return (
    <section>
      <h2>Safety number</h2>
      <SafetyNumber number={conversation.safetyNumber} />
      <SafetyCode number={conversation.safetyNumber} />
      <p class="note">
        {name} sees the same number behind the lock of the chat. If you compare
        them, by phone for example, and they are equal, nobody is in between.
      </p>
    </section>
  );
}

function Facts({ conversation }: { conversation: Conversation }) {
  const first = conversation.messages[0];

  return (
    <section>
      <h2>Visitor</h2>
      <dl class="facts narrow">
        {first && (
          <div>
            <dt>First wrote</dt>
            <dd>{longDate.format(first.time)}</dd>
          </div>
        )}
        <div>
          <dt>Messages</dt>
          <dd>{conversation.messages.length.toLocaleString()}</dd>
        </div>
      </dl>
      {isOther(conversation.release) && (
        <p class="note">
          This visitor came with another release of the chat than your snippet
          in the settings names.
        </p>
      )}
    </section>
  );
}

export function Details(props: {
  conversation: Conversation;
  close: () => void;
  toggleClosed: () => void;
  toggleBlocked: () => void;
  remove: () => void;
}) {
  const { conversation, close, toggleClosed, toggleBlocked, remove } = props;
  const { name } = visitorName(conversation.sid);

  return (
    <aside class="details" aria-label="Details">
      <header class="bar">
        <button
          type="button"
          class="button quiet round back"
          aria-label="Back"
          onClick={close}
        >
          <Back />
        </button>
        <h1>Details</h1>
        <button
          type="button"
          class="button quiet round fold"
          aria-label="Close the details"
          onClick={close}
        >
          <Close />
        </button>
      </header>
      <div class="details-body" tabIndex={0} role="region" aria-label="About this conversation">
        <Safety conversation={conversation} />
        <Facts conversation={conversation} />
        <section>
          <h2>This conversation</h2>
          <div class="stack">
            <button
              type="button"
              class="button"
              onClick={() =>
                saveText(transcript(conversation), `sealchat ${name}`)
              }
            >
              <Save />
              Save as text
            </button>
            {!conversation.deleted && (
              <button type="button" class="button" onClick={toggleClosed}>
                {conversation.closed ? <Reopen size={16} /> : <Done size={16} />}
                {conversation.closed ? "Reopen with a reply" : "Close"}
              </button>
            )}
            {!conversation.deleted && (
              <button type="button" class="button" onClick={toggleBlocked}>
                <Block />
                {conversation.blocked ? "Unblock" : "Block"}
              </button>
            )}
            <button
              type="button"
              class="button alarming"
              onClick={remove}
            >
              <Trash />
              Delete
            </button>
          </div>
        </section>
      </div>
    </aside>
  );
}
