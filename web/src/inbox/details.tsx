// Beside a conversation: its safety number, the snippet, the devices.

import type { Conversation, Inbox } from "../client/types.ts";
import { Back, Close } from "../ui/icons.tsx";
import { SafetyNumber } from "../ui/parts.tsx";
import { HostedLabel } from "./hosted.tsx";
import { deviceName, visitorName } from "./names.ts";
import { Snippet } from "./snippet.tsx";

const longDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

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
    </section>
  );
}

function Safety({ conversation }: { conversation: Conversation }) {
  const { name } = visitorName(conversation.sid);

  return (
    <section>
      <h2>Safety number</h2>
      <SafetyNumber number={conversation.safetyNumber} />
      <p class="note">
        {name} sees the same number behind the lock of the chat. If you compare
        them, by phone for example, and they are equal, nobody is in between.
      </p>
    </section>
  );
}

export function Details(props: {
  inbox: Inbox;
  service: string;
  conversation: Conversation | undefined;
  close: () => void;
}) {
  const { inbox, service, conversation, close } = props;

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
        <h1>{conversation ? "Details" : "Your site and devices"}</h1>
        <button
          type="button"
          class="button quiet round fold"
          aria-label="Close the details"
          onClick={close}
        >
          <Close />
        </button>
      </header>
      <div class="details-body">
        {conversation && <Safety conversation={conversation} />}
        {inbox.device && (
          <section>
            <h2>Your snippet</h2>
            <Snippet service={service} cid={inbox.device.cid} />
          </section>
        )}
        <Devices inbox={inbox} />
        <section>
          <h2>About this page</h2>
          <HostedLabel service={service} />
        </section>
      </div>
    </aside>
  );
}
