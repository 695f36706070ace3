// New keys for the account, in steps on one page: the password, a new kit where
// one is wanted, and the new line for the site.

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";

import { ClientError } from "../client/errors.ts";
import type { Inbox, RecoveryKit } from "../client/types.ts";
import { Mark } from "../ui/icons.tsx";
import { SiteCheck } from "./check.tsx";
import { Field } from "./field.tsx";
import { PASSWORD_MIN, Problem, Step } from "./first-run.tsx";
import { HostedLabel } from "./hosted.tsx";
import { KeepKit } from "./keep-kit.tsx";
import { deviceName } from "./names.ts";
import { AccountName } from "./password-form.tsx";
import { Publish } from "./publish.tsx";
import { KIT, remember } from "./remember.ts";
import { Snippet } from "./snippet.tsx";
import { passwordFailure, useWork } from "./work.ts";

/** id: of the device to remove. */
export type Change =
  | { readonly kind: "password" | "kit" }
  | { readonly kind: "remove"; readonly id: string };

/** Nothing is changed before the kit is kept: who asks for it waits here. */
export function useKit() {
  const [kit, setKit] = useState<RecoveryKit>();
  const [kept, setKept] = useState(false);
  const answer = useRef<(yes: boolean) => void>(undefined);

  return {
    kit,
    kept,
    keep: (made: RecoveryKit) =>
      new Promise<boolean>((resolve) => {
        setKit(made);
        answer.current = resolve;
      }),
    confirm: () => {
      setKept(true);
      answer.current?.(true);
    },
    drop: () => {
      setKit(undefined);
      setKept(false);
    },
  };
}

/** After a kit was kept, a failure leaves two of them on the table. */
export function failureWith(
  kept: boolean,
  words: (error: unknown) => string,
): (error: unknown) => string {
  return (error) => {
    if (!kept) return words(error);
    return error instanceof ClientError && error.code === "offline"
      ? "The service could not be reached in the end, so it is not certain whether the change was made. Keep the old kit and the new one: if this page asks for a Secret Key, the new one counts."
      : `${words(error)} The new kit is worth nothing: destroy it, and keep the old one.`;
  };
}

/** What is typed as a new password, and whether it will do. */
export function NewPassword(props: {
  value: string;
  change: (value: string) => void;
  disabled: boolean;
}) {
  const typed = [...props.value].length;
  const short = typed > 0 && typed < PASSWORD_MIN;

  return (
    <Field
      label="New password"
      name="new-password"
      autocomplete="new-password"
      secret
      disabled={props.disabled}
      value={props.value}
      change={props.change}
      hint={`At least ${PASSWORD_MIN} characters${short ? `; ${typed} so far` : ""}. A short sentence is easy to keep in mind.`}
    />
  );
}

export function isLongEnough(password: string): boolean {
  return [...password].length >= PASSWORD_MIN;
}

/** The last step: until the new line stands there, the old one still leads
 * visitors to the old keys. */
export function NewSnippet(props: {
  inbox: Inbox;
  service: string;
  done: () => void;
}) {
  const { inbox, service, done } = props;

  return (
    <>
      <p class="lead">
        Put this line in the place of the one on your site. With it, no page
        accepts the keys that you have just replaced. The chat works meanwhile.
      </p>
      <Snippet
        service={service}
        cid={inbox.device?.cid ?? ""}
        generation={inbox.devices?.generation ?? 1}
      />
      <SiteCheck inbox={inbox} />
      <Publish
        cid={inbox.device?.cid ?? ""}
        service={service}
        minGeneration={inbox.devices?.generation ?? 1}
      />
      <div class="actions">
        <button type="button" class="button main" onClick={done}>
          Open the inbox
        </button>
      </div>
    </>
  );
}

export function SetupPage(props: {
  title: string;
  lead: ComponentChildren;
  service: string;
  children: ComponentChildren;
}) {
  return (
    <main class="setup">
      <header class="no-print">
        <Mark size={40} />
        <h1>{props.title}</h1>
        <p>{props.lead}</p>
      </header>
      {props.children}
      <footer class="no-print">
        <HostedLabel service={props.service} />
      </footer>
    </main>
  );
}

function words(change: Change): { title: string; lead: string; action: string } {
  switch (change.kind) {
    case "password":
      return {
        title: "Change your password",
        lead: "Your other devices ask for the new password once. Nothing that was written is lost.",
        action: "Change the password",
      };
    case "kit":
      return {
        title: "Make a new recovery kit",
        lead: "Do this if somebody may have seen the old kit, or if you have lost it. The old one is worth nothing afterwards.",
        action: "Make the kit",
      };
    case "remove":
      return {
        title: `Remove ${deviceName(change.id)}`,
        lead: "It can read nothing new, and not write to your visitors any more. What it received before stays on it.",
        action: "Remove the device",
      };
  }
}

/** Whether a removed device may be in other hands: it holds the Secret Key. */
function Lost(props: { lost: boolean; set: (lost: boolean) => void; disabled: boolean }) {
  const option = (value: boolean, text: string) => (
    <label class="sure">
      <input
        type="radio"
        name="lost"
        checked={props.lost === value}
        disabled={props.disabled}
        onChange={() => props.set(value)}
      />
      {text}
    </label>
  );

  return (
    <fieldset class="field">
      <legend>Where is it?</legend>
      {option(true, "Lost, stolen or unknown: change the password and the kit too")}
      {option(false, "With me: I do not use it any more")}
    </fieldset>
  );
}

export function ChangeKeys(props: {
  inbox: Inbox;
  service: string;
  change: Change;
  done: () => void;
}) {
  const { inbox, service, change, done } = props;
  const { title, lead, action } = words(change);
  const [password, setPassword] = useState("");
  const [newPassword, setNewPassword] = useState("");
  const [lost, setLost] = useState(change.kind === "remove");
  const [changed, setChanged] = useState(false);
  const { kit, kept, keep, confirm, drop } = useKit();
  const wasKept = useRef(false);
  const { step, problem, forget, fail, run } = useWork((error) =>
    failureWith(wasKept.current, passwordFailure)(error));
  const busy = step !== undefined;
  const withPassword = change.kind === "password" || lost;
  const withKit = change.kind === "kit" || lost;

  const send = async () => {
    if (withPassword && !isLongEnough(newPassword)) {
      fail(`Choose a new password of at least ${PASSWORD_MIN} characters.`);
      return;
    }
    wasKept.current = false;
    const worked = await run("One moment", (progress) =>
      inbox.change({
        password,
        newPassword: withPassword ? newPassword : undefined,
        remove: change.kind === "remove" ? [change.id] : [],
        ...(withKit ? { keep } : {}),
        progress,
      }));
    if (worked) {
      if (withKit) remember(KIT, "");
      setChanged(true);
    } else drop();
  };

  return (
    <SetupPage
      title={title}
      service={service}
      lead={
        <>
          {lead}{" "}
          {!busy && !changed && (
            <button type="button" class="link" onClick={done}>
              Back to the inbox
            </button>
          )}
        </>
      }
    >
      <ol class="steps">
        <Step
          number={1}
          title="Confirm with your password"
          state={kit !== undefined || changed ? "done" : "open"}
        >
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (!busy) void send();
            }}
          >
            <AccountName inbox={inbox} />
            {change.kind === "remove" && (
              <Lost lost={lost} set={setLost} disabled={busy} />
            )}
            <Field
              label={withPassword ? "Present password" : "Password"}
              name="password"
              autocomplete="current-password"
              secret
              disabled={busy}
              value={password}
              change={(value) => {
                setPassword(value);
                forget();
              }}
            />
            {withPassword && (
              <NewPassword
                value={newPassword}
                change={setNewPassword}
                disabled={busy}
              />
            )}
            <Problem text={problem} />
            <div class="actions">
              <button type="submit" class="button main" aria-disabled={busy}>
                {step ?? (withKit ? "Continue" : action)}
              </button>
            </div>
          </form>
        </Step>
        {withKit && (
          <Step
            number={2}
            title="Keep your new recovery kit"
            state={kept ? "done" : kit !== undefined ? "open" : "later"}
          >
            {kit !== undefined && (
              <KeepKit
                kit={kit}
                service={service}
                kept={() => {
                  wasKept.current = true;
                  confirm();
                }}
              />
            )}
          </Step>
        )}
        <Step
          number={withKit ? 3 : 2}
          title="Put the new line on your site"
          state={changed || kept ? "open" : "later"}
        >
          {changed ? (
            <NewSnippet inbox={inbox} service={service} done={done} />
          ) : (
            <p class="lead" role="status">
              {step}
            </p>
          )}
        </Step>
      </ol>
    </SetupPage>
  );
}
