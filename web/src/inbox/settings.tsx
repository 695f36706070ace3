// What is not about one conversation: the site, the devices, notifications.

import { useState } from "preact/hooks";

import { ClientError } from "../client/errors.ts";
import type { Inbox } from "../client/types.ts";
import { Back, Check, Close } from "../ui/icons.tsx";
import { SiteCheck } from "./check.tsx";
import { Field } from "./field.tsx";
import { Problem } from "./first-run.tsx";
import { HostedLabel } from "./hosted.tsx";
import { deviceName } from "./names.ts";
import { askPermission, permission, type Permission } from "./news.ts";
import { Snippet } from "./snippet.tsx";
import { failureWords, stepWords } from "./words.ts";

const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

function Renew({ inbox }: { inbox: Inbox }) {
  const [password, setPassword] = useState("");
  const [step, setStep] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [done, setDone] = useState(false);
  const busy = step !== undefined;

  const renew = async () => {
    setProblem(undefined);
    setDone(false);
    setStep("Renewing");
    try {
      await inbox.renew({
        password,
        progress: (name) => setStep(stepWords(name)),
      });
      setPassword("");
      setDone(true);
    } catch (error) {
      const wrong =
        error instanceof ClientError && error.code === "wrong-credentials";
      setProblem(
        wrong
          ? "That is not the password of this account. Nothing was changed."
          : failureWords(error),
      );
    } finally {
      setStep(undefined);
    }
  };

  return (
    <form
      class="renew"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy && password !== "") void renew();
      }}
    >
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
      <Field
        label="Renew with your password"
        name="password"
        autocomplete="current-password"
        secret
        disabled={busy}
        value={password}
        change={(value) => {
          setPassword(value);
          setProblem(undefined);
        }}
        hint="Visitors can write to you for 180 days from then on."
      />
      <Problem text={problem} />
      <div class="actions">
        <button
          type="submit"
          class="button"
          aria-disabled={busy || password === ""}
        >
          {step ?? "Renew"}
        </button>
      </div>
      <p class="done" role="status">
        {done && (
          <>
            <Check size={16} /> Renewed
          </>
        )}
      </p>
    </form>
  );
}

function Devices({ inbox }: { inbox: Inbox }) {
  const list = inbox.devices;

  if (list === undefined) return null;

  return (
    <section>
      <h2>Your devices</h2>
      <ul class="devices">
        {list.devices.map((device) => (
          <li key={device.id}>
            {deviceName(device.id)}
            {device.mine && <span class="tag">this one</span>}
          </li>
        ))}
      </ul>
      <p class="note">
        Renewed on {longDate.format(list.notBefore)}, valid until{" "}
        {longDate.format(list.notAfter)}. To add a device, open this page on it
        and log in with your recovery kit.
      </p>
      <Renew inbox={inbox} />
    </section>
  );
}

const permissionWords: Record<Permission, string> = {
  default:
    "Hear of new messages while this page is in the background. A notification names the visitor, never what was written.",
  granted:
    "They are on: a notification names the visitor, never what was written. Your browser's settings turn them off.",
  denied:
    "Your browser blocks them for this page. Allow them in its settings for this site, beside the address.",
  impossible: "This browser has none.",
};

function Notifications() {
  const [state, setState] = useState(permission);

  return (
    <section>
      <h2>Desktop notifications</h2>
      <p class="note">{permissionWords[state]}</p>
      {state === "default" && (
        <button
          type="button"
          class="button"
          onClick={() => void askPermission().then(setState)}
        >
          Turn on
        </button>
      )}
    </section>
  );
}

export function Settings(props: {
  inbox: Inbox;
  service: string;
  close: () => void;
}) {
  const { inbox, service, close } = props;

  return (
    <section class="settings" aria-label="Settings">
      <header class="bar">
        <button
          type="button"
          class="button quiet round back"
          aria-label="Back"
          onClick={close}
        >
          <Back />
        </button>
        <h1>Settings</h1>
        <button
          type="button"
          class="button quiet round fold"
          aria-label="Close the settings"
          onClick={close}
        >
          <Close />
        </button>
      </header>
      <div class="details-body" tabIndex={0} role="region" aria-label="All settings">
        {inbox.device && (
          <section>
            <h2>Your site</h2>
            <Snippet
              service={service}
              cid={inbox.device.cid}
              generation={inbox.devices?.generation ?? 1}
            />
            <SiteCheck inbox={inbox} />
          </section>
        )}
        <Devices inbox={inbox} />
        <Notifications />
        <section>
          <h2>About this page</h2>
          <HostedLabel service={service} />
        </section>
      </div>
    </section>
  );
}
