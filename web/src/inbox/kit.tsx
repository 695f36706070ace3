// The recovery kit: shown once, printed on one page, or saved as text.

import type { RecoveryKit } from "../client/types.ts";
import { Mark, Print, Save } from "../ui/icons.tsx";
import { QrCode } from "./qr.tsx";
import { saveText } from "./save.ts";

export function kitText(kit: RecoveryKit, service: string): string {
  return [
    "SealChat recovery kit",
    `Inbox: ${service}`,
    `Account: ${kit.account}`,
    `Chat code: ${kit.cid}`,
    `Secret Key: ${kit.secretKey}`,
    `Recovery code: ${kit.recoveryCode}`,
    "",
  ].join("\n");
}

export function Kit({ kit, service }: { kit: RecoveryKit; service: string }) {
  const text = kitText(kit, service);
  const made = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
  const rows: readonly (readonly [string, string, string])[] = [
    ["Inbox", service, "inbox"],
    ["Account", kit.account, "account"],
    ["Chat code", kit.cid, "cid"],
    ["Secret Key", kit.secretKey, "secret-key"],
    ["Recovery code", kit.recoveryCode, "recovery-code"],
  ];

  return (
    <>
      <div class="kit">
        <div class="kit-head only-print">
          <Mark size={32} />
          <div>
            <h1>SealChat recovery kit</h1>
            <p>Made on {made.format(Date.now())}</p>
          </div>
        </div>
        <div class="kit-body">
          <dl>
            {rows.map(([label, value, name]) => (
              <div key={name}>
                <dt>{label}</dt>
                <dd data-kit={name}>{value}</dd>
              </div>
            ))}
          </dl>
          <QrCode text={text} label="The recovery kit as a QR code" />
        </div>
        <div class="only-print kit-foot">
          <p>
            Account, password, Secret Key and chat code open the inbox on a new
            device. If the password is lost, the recovery code restores the
            account. Nobody can reset this for you, not even the service.
          </p>
          <p>Keep this page like a passport, and never hand it to anybody.</p>
          <p class="handwriting">Kept at</p>
          <p class="handwriting">Copy given to</p>
          <p class="handwriting">Notes</p>
          <p class="handwriting" />
        </div>
      </div>
      <div class="actions no-print">
        <button type="button" class="button main" onClick={() => print()}>
          <Print />
          Print the kit
        </button>
        <button
          type="button"
          class="button"
          onClick={() => saveText(text, `sealchat recovery kit ${kit.account}`)}
        >
          <Save />
          Save as a file
        </button>
      </div>
    </>
  );
}
