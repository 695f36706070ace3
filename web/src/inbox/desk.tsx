// The inbox as people sit in it: list, conversation, details.

import { useEffect, useState } from "preact/hooks";

import type { Inbox } from "../client/types.ts";
import { Mark } from "../ui/icons.tsx";
import { AlarmBox } from "../ui/parts.tsx";
import { customerAlarms } from "../ui/words.ts";
import { ConversationView } from "./conversation.tsx";
import { Details } from "./details.tsx";
import { List } from "./list.tsx";
import { go, useRoute } from "./route.ts";

const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const wide = matchMedia("(min-width: 1120px)");

function Empty({ inbox, show }: { inbox: Inbox; show: () => void }) {
  if (inbox.conversations.length > 0) {
    return (
      <section class="conversation empty">
        <p>Choose a conversation to read and answer it.</p>
      </section>
    );
  }
  return (
    <section class="conversation empty">
      <Mark size={48} />
      <h1>No visitor has written yet</h1>
      <p>
        Put the snippet on your site. What visitors write there appears here at
        once.
      </p>
      <button type="button" class="button main" onClick={show}>
        Show the snippet
      </button>
    </section>
  );
}

/** The number of unread messages, where it is seen from another tab. */
function useTitle(inbox: Inbox): void {
  const unread = inbox.conversations.reduce((sum, c) => sum + c.unread, 0);

  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) SealChat inbox` : "SealChat inbox";
  }, [unread]);
}

export function Desk({ inbox, service }: { inbox: Inbox; service: string }) {
  const route = useRoute();
  const [folded, setFolded] = useState(false);
  const [isWide, setWide] = useState(wide.matches);
  const conversation = inbox.conversations.find((c) => c.sid === route.sid);
  // Beside the conversation there is room; elsewhere details are a screen.
  const details = route.details || (isWide && !folded && !!conversation);

  useTitle(inbox);
  useEffect(() => {
    const follow = () => setWide(wide.matches);

    wide.addEventListener("change", follow);
    return () => wide.removeEventListener("change", follow);
  }, []);

  const toggle = () => {
    if (isWide && !route.details) setFolded(!folded);
    else {
      if (isWide) setFolded(route.details);
      go({ sid: route.sid, details: !route.details });
    }
  };
  const classes = ["desk"];
  if (inbox.conversations.length === 0) classes.push("bare");
  if (conversation) classes.push("chosen");
  if (details) classes.push("detailed");

  return (
    <div class={classes.join(" ")}>
      {inbox.alarm && (
        <div class="desk-alarm">
          <AlarmBox alarm={inbox.alarm} words={customerAlarms} detail />
        </div>
      )}
      {inbox.warning === "roster-ending" && (
        <p class="desk-note" role="status">
          Your keys are valid until{" "}
          {inbox.devices && longDate.format(inbox.devices.notAfter)}. Log in
          with your recovery kit on another device or browser to renew them.
        </p>
      )}
      <main class="columns">
        <List inbox={inbox} sid={conversation?.sid} />
        {conversation ? (
          <ConversationView
            inbox={inbox}
            conversation={conversation}
            details={details}
            toggleDetails={toggle}
          />
        ) : (
          <Empty
            inbox={inbox}
            show={() => go({ sid: undefined, details: true })}
          />
        )}
        {details && (
          <Details
            inbox={inbox}
            service={service}
            conversation={conversation}
            close={toggle}
          />
        )}
      </main>
    </div>
  );
}
