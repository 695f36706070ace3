// What is not about one conversation: the site, the devices, notifications.

import { useEffect, useState } from "preact/hooks";

import type { Inbox } from "../client/types.ts";
import { Back, Close } from "../ui/icons.tsx";
import type { Change } from "./change.tsx";
import { SiteCheck } from "./check.tsx";
import { HostedLabel } from "./hosted.tsx";
import { deviceName } from "./names.ts";
import { askPermission, permission, type Permission } from "./news.ts";
import { PasswordForm } from "./password-form.tsx";
import { Publish } from "./publish.tsx";
import { Snippet } from "./snippet.tsx";

const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

type Begin = (change: Change) => void;

function Devices({ inbox, begin }: { inbox: Inbox; begin: Begin }) {
  const list = inbox.devices;
  const [since, setSince] = useState<ReadonlyMap<string, number>>(new Map());

  useEffect(() => void inbox.devicesSince().then(setSince), [inbox, list]);
  if (list === undefined) return null;

  const added = (id: string) => {
    const time = since.get(id);

    return time === undefined ? "" : `added on ${longDate.format(time)}`;
  };

  return (
    <section>
      <h2>Your devices</h2>
      <ul class="devices">
        {list.devices.map((device) => (
          <li key={device.id}>
            {deviceName(device.id)}
            <span class="note">{added(device.id)}</span>
            {device.mine ? (
              <span class="tag">this one</span>
            ) : (
              <button
                type="button"
                class="link"
                aria-label={`Remove ${deviceName(device.id)}`}
                onClick={() => begin({ kind: "remove", id: device.id })}
              >
                Remove
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="note">
        Renewed on {longDate.format(list.notBefore)}, valid until{" "}
        {longDate.format(list.notAfter)}. To add a device, open this page on it
        and log in with your recovery kit.
      </p>
      <PasswordForm
        inbox={inbox}
        label="Renew with your password"
        hint="Visitors can write to you for 180 days from then on."
        action="Renew"
        done="Renewed"
      />
    </section>
  );
}

function Security({ begin }: { begin: Begin }) {
  return (
    <section>
      <h2>Security</h2>
      <p class="note">
        The service cannot reset your password. It cannot read your kit either:
        if either may have come into other hands, replace it.
      </p>
      <div class="actions">
        <button
          type="button"
          class="button"
          onClick={() => begin({ kind: "password" })}
        >
          Change the password
        </button>
        <button
          type="button"
          class="button"
          onClick={() => begin({ kind: "kit" })}
        >
          Make a new recovery kit
        </button>
      </div>
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
        <div class="actions">
          <button
            type="button"
            class="button"
            onClick={() => void askPermission().then(setState)}
          >
            Turn on
          </button>
        </div>
      )}
    </section>
  );
}

export function Settings(props: {
  inbox: Inbox;
  service: string;
  begin: Begin;
  close: () => void;
}) {
  const { inbox, service, begin, close } = props;

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
            <Publish
              cid={inbox.device.cid}
              service={service}
              minGeneration={inbox.devices?.generation ?? 1}
            />
          </section>
        )}
        <Devices inbox={inbox} begin={begin} />
        <Security begin={begin} />
        <Notifications />
        <section>
          <h2>About this page</h2>
          <HostedLabel service={service} />
        </section>
      </div>
    </section>
  );
}
