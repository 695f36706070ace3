// The account, by its recovery code alone.

import { useRef, useState } from "preact/hooks";

import type { DeviceList, Inbox } from "../client/types.ts";
import {
  failureWith, isLongEnough, NewPassword, NewSnippet, SetupPage, useKit,
} from "./change.tsx";
import { Confirm, useForm } from "./login.tsx";
import { Field } from "./field.tsx";
import { PASSWORD_MIN, Problem, Step } from "./first-run.tsx";
import { KeepKit } from "./keep-kit.tsx";
import { failureWords } from "./words.ts";
import { useWork } from "./work.ts";

export function Recover(props: {
  inbox: Inbox;
  service: string;
  login: () => void;
  done: () => void;
}) {
  const { inbox, service, login, done } = props;
  const { values, bind } = useForm({ account: "", cid: "", recoveryCode: "" });
  const [newPassword, setNewPassword] = useState("");
  const [list, setList] = useState<DeviceList>();
  const answer = useRef<(yes: boolean) => void>(undefined);
  const { kit, kept, keep, confirm, drop } = useKit();
  const wasKept = useRef(false);
  const { step, problem, fail, run } = useWork((error) =>
    failureWith(wasKept.current, failureWords)(error));
  const busy = step !== undefined;
  const changed = kept && inbox.device !== undefined;

  const send = async () => {
    if (!isLongEnough(newPassword)) {
      fail(`Choose a new password of at least ${PASSWORD_MIN} characters.`);
      return;
    }
    wasKept.current = false;
    const worked = await run("One moment", (progress) =>
      inbox.recover({
        account: values.account.trim().toLowerCase(),
        cid: values.cid.trim(),
        recoveryCode: values.recoveryCode.trim(),
        newPassword,
        confirm: (shown) =>
          new Promise((resolve) => {
            setList(shown);
            answer.current = (yes) => {
              setList(undefined);
              resolve(yes);
            };
          }),
        keep,
        progress,
      }));
    if (!worked) drop();
  };

  return (
    <SetupPage
      title="Recover your account"
      service={service}
      lead={
        <>
          With the recovery code from your kit you choose a new password. All
          other devices are removed.{" "}
          {!busy && !changed && (
            <button type="button" class="link" onClick={login}>
              Log in with the password instead
            </button>
          )}
        </>
      }
    >
      <ol class="steps">
        <Step
          number={1}
          title="Type what the kit says"
          state={kit !== undefined ? "done" : "open"}
        >
          {list !== undefined ? (
            <Confirm
              list={list}
              yes="Yes, go on"
              answer={(yes) => answer.current?.(yes)}
            />
          ) : (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                if (!busy) void send();
              }}
            >
              <Field
                label="Account"
                autocomplete="username"
                disabled={busy}
                {...bind("account")}
              />
              <Field
                label="Chat code"
                autocomplete="off"
                code
                disabled={busy}
                hint="43 characters, copied exactly."
                {...bind("cid")}
              />
              <Field
                label="Recovery code"
                autocomplete="off"
                code
                disabled={busy}
                hint="Spaces, dashes and capitals do not matter."
                {...bind("recoveryCode")}
              />
              <NewPassword
                value={newPassword}
                change={setNewPassword}
                disabled={busy}
              />
              <Problem text={problem} />
              <div class="actions">
                <button type="submit" class="button main" aria-disabled={busy}>
                  {step ?? "Continue"}
                </button>
              </div>
            </form>
          )}
        </Step>
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
        <Step
          number={3}
          title="Put the new line on your site"
          state={kept ? "open" : "later"}
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
