// Registration by an operator's invitation: who has one registers once, and
// the operator sees who it was.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ClientError, createInbox, type Inbox } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import { startService, type RunningService } from "./service.ts";

const PASSWORD = "salt glaze on a grey morning";

let service: RunningService;
const open: Inbox[] = [];

before(async () => {
  service = await startService({ registration: "invitation" });
});

after(async () => {
  for (const inbox of open) inbox.close();
  await service.stop();
});

async function registered(name: string, invitation?: string): Promise<string> {
  const inbox = createInbox({ service, platform: nodePlatform() });
  open.push(inbox);
  await inbox.start();
  const kit = await inbox.register({
    account: name, password: PASSWORD, suite: 2,
    ...(invitation === undefined ? {} : { invitation }),
  });
  return kit.cid;
}

function refusedAs(code: string, promise: Promise<unknown>): Promise<void> {
  return assert.rejects(promise, (error) =>
    error instanceof ClientError && error.code === code);
}

test("an invitation lets one customer register", async () => {
  const [made] = service.ctl("invitations", "create", "--label", "potter");
  const invitation = String(made?.["invitation"]);

  await refusedAs("registration-closed", registered("ann@example.org"));
  await refusedAs("bad-invitation", registered("ann@example.org", "0123"));
  await refusedAs("registration-closed",
    registered("ann@example.org", "00112233445566778899aabbccddeeff"));

  const cid = await registered("potter@example.org", ` ${invitation.toUpperCase()} `);
  await refusedAs("registration-closed", registered("ann@example.org", invitation));

  const listed = service.ctl("invitations", "list");
  assert.ok(listed.some((line) => line["label"] === "potter" && line["cid"] === cid));
  const [customer] = service.ctl("customers", "list");
  assert.equal(customer?.["cid"], cid);
});
