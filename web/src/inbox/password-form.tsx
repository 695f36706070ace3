// Asks for the password on a device that is set up: to renew the keys, to get
// new ones that another device has made, or to be listed again.

import { useState } from "preact/hooks";

import { ClientError } from "../client/errors.ts";
import type { Inbox } from "../client/types.ts";
import { Check } from "../ui/icons.tsx";
import { Field } from "./field.tsx";
import { Problem } from "./first-run.tsx";
import { passwordFailure, useWork } from "./work.ts";

/** The account's name, for whatever fills in passwords. */
export function AccountName({ inbox }: { inbox: Inbox }) {
  return (
    <input
      class="hidden"
      type="text"
      name="account"
      autocomplete="username"
      value={inbox.device?.account ?? ""}
      tabIndex={-1}
      aria-hidden="true"
      readOnly
    />
  );
}

export function PasswordForm(props: {
  inbox: Inbox;
  label: string;
  hint?: string;
  action: string;
  done: string;
  /** Whether the kit may have been made anew since. */
  kit?: boolean;
}) {
  const { inbox, label, hint, action, kit } = props;
  const [password, setPassword] = useState("");
  const [secretKey, setSecretKey] = useState("");
  const [asked, setAsked] = useState(false);
  const [done, setDone] = useState(false);
  const { step, problem, forget, run } = useWork((error) => {
    const wrong =
      error instanceof ClientError && error.code === "wrong-credentials";
    if (!kit || !wrong) return passwordFailure(error);
    setAsked(true);
    return "That does not open the account. Use the present password; if the recovery kit was made anew, type its Secret Key as well.";
  });
  const busy = step !== undefined;

  const send = async () => {
    setDone(false);
    const worked = await run("One moment", (progress) =>
      inbox.renew({ password, secretKey, progress }));
    if (!worked) return;
    setPassword("");
    setSecretKey("");
    setDone(true);
  };

  return (
    <form
      class="renew"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy && password !== "") void send();
      }}
    >
      <AccountName inbox={inbox} />
      <Field
        label={label}
        name="password"
        autocomplete="current-password"
        secret
        disabled={busy}
        value={password}
        change={(value) => {
          setPassword(value);
          forget();
        }}
        hint={hint}
      />
      {asked && (
        <Field
          label="Secret Key of the new recovery kit"
          name="secret-key"
          autocomplete="off"
          code
          optional
          disabled={busy}
          value={secretKey}
          change={setSecretKey}
          hint="Leave it empty if the kit is the one you had."
        />
      )}
      <Problem text={problem} />
      <div class="actions">
        <button
          type="submit"
          class="button"
          aria-disabled={busy || password === ""}
        >
          {step ?? action}
        </button>
      </div>
      <p class="done" role="status">
        {done && (
          <>
            <Check size={16} /> {props.done}
          </>
        )}
      </p>
    </form>
  );
}
