// What the owner of a site publishes beside the snippet, so that anybody can
// find out whether page, DNS and service speak of one key.

import { dnsRecord, RECORD, WELL_KNOWN, wellKnown, type Published } from "../ui/publish.ts";
import { CopyText } from "./copy.tsx";

export function Publish(props: Published) {
  return (
    <details class="publish">
      <summary>Let others check your chat</summary>
      <p class="note">
        Whoever breaks into your site could put another key into the snippet.
        Publish yours in two more places, and a comparison shows it. Where the
        domain is kept, add a TXT record of the name <code>{RECORD}</code>:
      </p>
      <CopyText label="TXT record" text={dnsRecord(props)} />
      <p class="note">
        On the site, put this file at <code>{WELL_KNOWN}</code>:
      </p>
      <CopyText label="File" text={wellKnown(props)} />
      <p class="note">
        After each change of your keys, replace both together with the snippet.
        Anybody with SealChat's tools can then run{" "}
        <code>sealchatctl verify</code> with your domain.
      </p>
    </details>
  );
}
