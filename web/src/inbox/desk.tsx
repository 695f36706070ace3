// The inbox as people sit in it: list, conversation, details.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Conversation, CustomerAlarm, Inbox } from "../client/types.ts";
import { Close, Mark } from "../ui/icons.tsx";
import { AlarmBox } from "../ui/parts.tsx";
import { customerAlarms } from "../ui/words.ts";
import type { Change } from "./change.tsx";
import { ConfirmBlock } from "./confirm-block.tsx";
import { ConfirmDelete } from "./confirm-delete.tsx";
import { ConversationView, focusReply } from "./conversation.tsx";
import { Details } from "./details.tsx";
import { find, type Found, type Wanted } from "./find.ts";
import { Help, useKeys } from "./keys.tsx";
import { List } from "./list.tsx";
import { askPermission, permission, useNews } from "./news.ts";
import { otherRelease } from "./release.ts";
import { PasswordForm } from "./password-form.tsx";
import { KIT, recall, remember } from "./remember.ts";
import { addressOf, go, useRoute } from "./route.ts";
import { Settings } from "./settings.tsx";
import { failureWords } from "./words.ts";

const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const wide = matchMedia("(min-width: 1120px)");
const settings = addressOf({ sid: undefined, details: true });

function Empty({ inbox }: { inbox: Inbox }) {
  if (inbox.conversations.length > 0) {
    return (
      <section class="conversation empty">
        <p>Choose a conversation to read and answer it.</p>
        <p class="note keys-hint">
          <kbd>j</kbd> and <kbd>k</kbd> move, <kbd>Enter</kbd> opens,{" "}
          <kbd>?</kbd> shows the rest.
        </p>
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
      <a class="button main" href={settings}>
        Show the snippet
      </a>
    </section>
  );
}

/** A calm line that can be put away. */
function Note(props: {
  name: string;
  children: ComponentChildren;
}) {
  const [away, setAway] = useState(() => recall(props.name) === "away");

  if (away) return null;
  return (
    <div class="desk-note" role="status">
      <div>{props.children}</div>
      <button
        type="button"
        class="button quiet round"
        aria-label="Put this note away"
        onClick={() => {
          remember(props.name, "away");
          setAway(true);
        }}
      >
        <Close />
      </button>
    </div>
  );
}

/** Once there is something to be told of, and once only. */
function AskForNotifications({ inbox }: { inbox: Inbox }) {
  const [state, setState] = useState(permission);

  if (state !== "default" || inbox.conversations.length === 0) return null;
  return (
    <Note name="inbox-notifications">
      Hear of new messages while this page is in the background?{" "}
      <button
        type="button"
        class="link"
        onClick={() => void askPermission().then(setState)}
      >
        Turn on notifications
      </button>
    </Note>
  );
}

type Begin = (change: Change) => void;

function Notes({ inbox, begin }: { inbox: Inbox; begin: Begin }) {
  const other = otherRelease(inbox.conversations);

  return (
    <>
      {inbox.alarm && (
        <section class="desk-alarm" aria-label="Alarm">
          <AlarmBox
            alarm={inbox.alarm}
            words={customerAlarms[inbox.alarm.code as CustomerAlarm]}
          >
            <p class="detail">{inbox.alarm.detail}</p>
          </AlarmBox>
          {inbox.alarm.code === "device-removed" && (
            <PasswordForm
              inbox={inbox}
              label="Password"
              hint="With it this device is added again, and your other devices show it in the list."
              action="Add this device again"
              done="Added"
              kit
            />
          )}
        </section>
      )}
      {inbox.locked && !inbox.alarm && (
        <section class="desk-unlock" aria-label="Password needed">
          <strong>Your account was changed on another device.</strong>
          <p>
            New messages are kept, and open with the password that you use there
            now. It is asked for once.
          </p>
          <PasswordForm
            inbox={inbox}
            label="Password"
            action="Open new messages"
            done="Opened"
            kit
          />
        </section>
      )}
      {inbox.staleSince !== undefined && (
        <Note key={inbox.staleSince} name={`stale-${inbox.staleSince}`}>
          A visitor wrote with keys that you have replaced, days afterwards. Put{" "}
          <a href={settings}>the present snippet</a> on every page of your site,
          so that old keys are refused there.
        </Note>
      )}
      {recall(KIT) === "missing" && (
        <p class="desk-note" role="status">
          <span>
            You have not kept your recovery kit. Without it nobody can open this
            account on another device, or if the password is lost.{" "}
            <button
              type="button"
              class="link"
              onClick={() => begin({ kind: "kit" })}
            >
              Make a new kit
            </button>
          </span>
        </p>
      )}
      {inbox.warning === "roster-ending" && (
        <p class="desk-note" role="status">
          <span>
            Visitors can write to you until{" "}
            {inbox.devices && longDate.format(inbox.devices.notAfter)}.{" "}
            <a href={settings}>Renew your keys with your password</a>.
          </span>
        </p>
      )}
      {other !== undefined && (
        <Note key={other} name={`release-${other.slice(0, 16)}`}>
          Visitors come with another release of the chat than this inbox knows.{" "}
          <a href={settings}>Put the present snippet on your site</a>, and
          reload this page if you have done so already.
        </Note>
      )}
      <AskForNotifications inbox={inbox} />
    </>
  );
}

function useWide(): boolean {
  const [isWide, setWide] = useState(wide.matches);

  useEffect(() => {
    const follow = () => setWide(wide.matches);

    wide.addEventListener("change", follow);
    return () => wide.removeEventListener("change", follow);
  }, []);

  return isWide;
}

const ORDER = "inbox-order";

function useWanted() {
  const [wanted, setWanted] = useState<Wanted>(() => ({
    words: "",
    filter: "open",
    order: recall(ORDER) === "waiting" ? "waiting" : "newest",
  }));
  const want = (part: Partial<Wanted>) => {
    if (part.order !== undefined) remember(ORDER, part.order);
    setWanted((old) => ({ ...old, ...part }));
  };

  return { wanted, want };
}

/** To the next row; where the list is out of sight, to its conversation. */
function move(by: 1 | -1, shown: readonly Found[], sid: string | undefined): void {
  const rows = [...document.querySelectorAll<HTMLElement>(".list .row")];
  const focused = rows.indexOf(document.activeElement as HTMLElement);
  const current = shown.findIndex((f) => f.conversation.sid === sid);
  const from = focused >= 0 ? focused : current;
  const to = from < 0 ? 0 : from + by;
  const row = rows[to];
  const next = shown[to];

  if (row === undefined || next === undefined) return;
  if (row.offsetParent !== null) row.focus();
  else go({ sid: next.conversation.sid, details: false });
}

/** The one that a key means: focused in the list, or open. */
function meant(
  shown: readonly Found[],
  open: Conversation | undefined,
): Conversation | undefined {
  const focused = document.activeElement?.closest<HTMLAnchorElement>(".list .row");
  const found = shown.find(
    ({ conversation: c }) =>
      focused?.getAttribute("href") === addressOf({ sid: c.sid, details: false }),
  );

  return found?.conversation ?? open;
}

export function Desk(props: {
  inbox: Inbox;
  service: string;
  begin: Begin;
}) {
  const { inbox, service, begin } = props;
  const route = useRoute();
  const isWide = useWide();
  const [folded, setFolded] = useState(false);
  const [helping, setHelping] = useState(false);
  const [doomed, setDoomed] = useState<Conversation>();
  const [unwelcome, setUnwelcome] = useState<string>();
  const [failure, setFailure] = useState<string>();
  const { wanted, want } = useWanted();
  const conversation = inbox.conversations.find((c) => c.sid === route.sid);
  const shown = find(inbox.conversations, wanted);
  const said = useNews(inbox, conversation?.sid);
  // Beside the conversation there is room; elsewhere details are a screen.
  const details = !!conversation && (route.details || (isWide && !folded));
  const inSettings = !conversation && route.details;

  const toggleDetails = () => {
    if (isWide && !route.details) setFolded(!folded);
    else {
      if (isWide) setFolded(route.details);
      go({ sid: route.sid, details: !route.details });
    }
  };
  const attempt = (work: Promise<void>) => {
    setFailure(undefined);
    work.catch((error: unknown) => setFailure(failureWords(error)));
  };
  const toggleClosed = (which: Conversation | undefined) => {
    if (which === undefined || which.deleted) return;
    if (!which.closed) return attempt(inbox.closeConversation(which.sid));

    // A conversation is open again by what is written in it.
    go({ sid: which.sid, details: false });
    setTimeout(focusReply);
  };
  const toggleBlocked = ({ sid, blocked }: Conversation) => {
    if (blocked) attempt(inbox.blockConversation(sid, false));
    else setUnwelcome(sid);
  };
  const block = (sid: string) => {
    setUnwelcome(undefined);
    attempt(inbox.blockConversation(sid, true));
  };
  const remove = ({ sid }: Conversation) => {
    setDoomed(undefined);
    go({ sid: undefined, details: false });
    attempt(inbox.deleteConversation(sid));
  };

  useKeys({
    move: (by) => move(by, shown, conversation?.sid),
    reply: focusReply,
    toggleClosed: () => toggleClosed(meant(shown, conversation)),
    search: () => document.getElementById("search")?.focus(),
    help: () => setHelping(true),
  });

  const classes = ["desk"];
  if (inbox.conversations.length === 0) classes.push("bare");
  if (conversation) classes.push("chosen");
  if (details) classes.push("detailed");
  if (inSettings) classes.push("in-settings");

  return (
    <div class={classes.join(" ")}>
      <Notes inbox={inbox} begin={begin} />
      {failure !== undefined && (
        <p class="desk-note failed" role="alert">
          {failure}
        </p>
      )}
      <div class="hidden" role="log" aria-live="polite">
        {said.map((line, index) => (
          <p key={`${index}-${line}`}>{line}</p>
        ))}
      </div>
      <main class="columns">
        <List
          inbox={inbox}
          sid={conversation?.sid}
          shown={shown}
          wanted={wanted}
          want={want}
          help={() => setHelping(true)}
        />
        {inSettings ? (
          <Settings
            inbox={inbox}
            service={service}
            begin={begin}
            close={() => go({ sid: undefined, details: false })}
          />
        ) : conversation ? (
          <ConversationView
            inbox={inbox}
            conversation={conversation}
            details={details}
            toggleDetails={toggleDetails}
            toggleClosed={() => toggleClosed(conversation)}
            toggleBlocked={() => toggleBlocked(conversation)}
            remove={() => setDoomed(conversation)}
          />
        ) : (
          <Empty inbox={inbox} />
        )}
        {details && conversation && (
          <Details
            conversation={conversation}
            close={toggleDetails}
            toggleClosed={() => toggleClosed(conversation)}
            toggleBlocked={() => toggleBlocked(conversation)}
            remove={() => setDoomed(conversation)}
          />
        )}
      </main>
      {doomed && (
        <ConfirmDelete
          conversation={doomed}
          remove={() => remove(doomed)}
          close={() => setDoomed(undefined)}
        />
      )}
      {unwelcome !== undefined && (
        <ConfirmBlock
          sid={unwelcome}
          block={() => block(unwelcome)}
          close={() => setUnwelcome(undefined)}
        />
      )}
      {helping && <Help close={() => setHelping(false)} />}
    </div>
  );
}
