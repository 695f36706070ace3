// sealchatctl verify: what a customer publishes, compared with what the real
// service shows; over HTTP, and from files alone.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import type { Inbox } from "../../web/src/client/index.ts";
import { nodePlatform } from "../../web/src/client/node.ts";
import { dnsRecord, wellKnown } from "../../web/src/ui/publish.ts";
import { snippetText } from "../../web/src/ui/snippet.ts";
import { PASSWORD, People } from "./people.ts";
import { repository, startService, type RunningService } from "./service.ts";

const WIDGET = "alert('this stands for the widget')";
const HASH = `sha384-${createHash("sha384").update(WIDGET).digest("base64")}`;

let folder: string;
let service: RunningService;
let people: People;
let inbox: Inbox;
let cid: string;
let roster: Uint8Array;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealchat-verify-"));
  service = await startService({
    locations: `location / { root ${folder}; }`,
  });
  people = new People(service);
  const platform = nodePlatform();
  inbox = await people.customer(platform, service);
  cid = people.kit.cid;
  const kept = platform.stored.get("sealchat-inbox")!;
  roster = kept.get(`roster/${kept.get("pin")}`) as Uint8Array;
  await writeFile(join(folder, "roster"), roster);
  await mkdir(join(folder, ".well-known"));
});

after(async () => {
  people?.leave();
  await service?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Publishing {
  readonly html?: string;
  readonly json?: string;
  readonly txt?: string;
  readonly widget?: string;
  readonly roster?: Uint8Array;
  readonly options?: readonly string[];
}

const says = (minGeneration = 1) => ({
  cid, service: service.origin, minGeneration,
});

/** As the inbox shows it, on a page with other things. */
function page(minGeneration = 1, more = ""): string {
  const line = snippetText({
    ...says(minGeneration), integrity: HASH, name: `Kiln & "Tide"`,
  }).replace(/src="[^"]*"/, `src="${service.origin}/widget.js"`);
  return `<!doctype html><title>A shop</title><script>"<script data-cid="</script>
    <!-- <script data-cid="old"></script> --><p>${more}</p>${line}`;
}

/** What the command says of each thing, and its verdict. */
async function verify(p: Publishing = {}): Promise<Record<string, any>> {
  await writeFile(join(folder, "index.html"), p.html ?? page());
  await writeFile(
    join(folder, ".well-known/sealchat.json"), p.json ?? wellKnown(says()));
  await writeFile(join(folder, "widget.js"), p.widget ?? WIDGET);
  const args = [
    "-j", "verify", "--page", `${service.origin}/index.html`,
    "--well-known", `${service.origin}/.well-known/sealchat.json`,
    "--txt", p.txt ?? dnsRecord(says()), ...(p.options ?? []),
  ];
  if (p.roster) {
    await writeFile(join(folder, "other-roster"), p.roster);
    args.push("--roster", join(folder, "other-roster"));
  }
  const program = join(repository(), "build/asan/sealchatctl");
  const { stdout, code } = await promisify(execFile)(program, args).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: { stdout: string; code: number; stderr: string }) => {
      assert.ok(error.code === 1 && !/Sanitizer/.test(error.stderr), error.stderr);
      return error;
    });
  const report = JSON.parse(stdout) as Record<string, any>;
  assert.equal(code, report.verdict === "verified" ? 0 : 1);
  return report;
}

const states = (report: Record<string, any>) =>
  ["page", "well-known", "dns", "widget", "roster"]
    .map((name) => report[name]?.state).join();

describe("sealchatctl verify", () => {
  test("all agree, over HTTP and the service's own socket", async () => {
    const report = await verify();
    assert.equal(states(report), "ok,ok,ok,ok,ok", JSON.stringify(report));
    assert.equal(report.verdict, "verified");
    assert.match(report.roster.detail, /version 1, generation 1, 1 device/);
  });

  test("and offline, from files", async () => {
    const at = (name: string) => join(folder, name);
    await verify();
    const program = join(repository(), "build/asan/sealchatctl");
    const { stdout } = await promisify(execFile)(program, [
      "verify", "--offline", "--page", at("index.html"),
      "--well-known", at(".well-known/sealchat.json"),
      "--txt", dnsRecord(says()), "--widget", at("widget.js"),
      "--roster", at("roster"),
    ]);
    assert.match(stdout, /\nverified: /);
  });

  test("what is missing makes it incomplete", async () => {
    const report = await verify({
      options: ["--well-known", join(folder, "nothing")],
    });
    assert.equal(states(report), "ok,missing,ok,ok,ok");
    assert.equal(report.verdict, "incomplete");
  });

  const other = "A".repeat(43);
  const cases: [string, string, () => Publishing][] = [
    ["the file names another key", "ok,WRONG,ok,ok,ok",
      () => ({ json: wellKnown({ ...says(), cid: other }) })],
    ["the DNS names another key", "ok,ok,WRONG,ok,ok",
      () => ({ txt: dnsRecord({ ...says(), cid: other }) })],
    ["the file names another service", "ok,WRONG,ok,ok,ok",
      () => ({ json: wellKnown({ ...says(), service: "https://else.example" }) })],
    ["the DNS names another least generation", "ok,ok,WRONG,ok,ok",
      () => ({ txt: dnsRecord(says(2)) })],
    ["the widget is another", "ok,ok,ok,WRONG,ok",
      () => ({ widget: `${WIDGET} ` })],
    ["the list is older than the page allows", "ok,WRONG,WRONG,ok,WRONG",
      () => ({ html: page(2) })],
    ["the list has a bit changed", "ok,ok,ok,ok,WRONG", () => {
      const spoiled = roster.slice();
      spoiled[200]! ^= 1;
      return { roster: spoiled };
    }],
    ["the page has no snippet", "WRONG,,,,", () => ({ html: "<p>Hello" })],
    ["the page has two", "WRONG,,,,", () => ({ html: page() + page() })],
    ["the snippet says one thing twice", "WRONG,,,,",
      () => ({ html: page().replace(`data-cid="${cid}"`, `data-cid="${cid}" data-cid="${other}"`) })],
    ["the snippet's key is none", "WRONG,,,,",
      () => ({ html: page().replace(cid, `${cid}=`) })],
    ["the file is no JSON", "ok,WRONG,ok,ok,ok", () => ({ json: "{" })],
    ["the record is another's", "ok,ok,WRONG,ok,ok", () => ({ txt: "v=spf1 -all" })],
  ];
  for (const [name, expected, publishing] of cases) {
    test(name, async () => {
      const report = await verify(publishing());
      assert.equal(states(report), expected, JSON.stringify(report));
      assert.equal(report.verdict, "WRONG");
    });
  }

  test("a service without this customer, or none at all", async () => {
    const key = page().replace(cid, other);
    const of = (html: string) => verify({
      html, json: wellKnown({ ...says(), cid: other }),
      txt: dnsRecord({ ...says(), cid: other }),
    });
    assert.equal(states(await of(key)), "ok,ok,ok,ok,missing");
    const gone = await verify({
      html: page().replace(`data-service="${service.origin}"`,
        `data-service="http://127.0.0.1:9"`),
    });
    assert.equal(gone.roster.state, "missing");
  });

  test("keys that were changed since the line was put on the page", async () => {
    await inbox.change({ password: PASSWORD });
    const report = await verify();
    assert.equal(states(report), "ok,ok,ok,ok,WRONG");
    assert.match(report.roster.detail, /it needs the present one/);
    const now = await verify({
      html: page(2), json: wellKnown(says(2)), txt: dnsRecord(says(2)),
    });
    assert.equal(now.verdict, "verified", JSON.stringify(now));
  });
});
