// The report, in one file that can be handed on: each attack, who carries it
// out, what the person at the screen saw, and the verdict; beside it the same
// attack where one defence is missing.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { repository } from "../web/service.ts";
import type { Attack } from "./attack.ts";
import { defences, type Defence } from "./defences.ts";
import { flaws } from "./flaws.ts";

export interface Run {
  /** The attack ended as it should: failed on the product, succeeded on the
   * control. */
  readonly good: boolean;
  /** It came to one of its two ends. */
  readonly ended: boolean;
  readonly saw: string;
  readonly seconds: number;
  /** If not: why. */
  readonly why: string;
  /** Path of what was on the screen. */
  readonly picture?: string;
}

export interface Result {
  readonly attack: Attack;
  readonly product: Run;
  readonly control: Run;
}

/** What was tried beside the attacks, without a control. */
export interface Tried {
  readonly name: string;
  readonly good: boolean;
}

const escaped = (text: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

const STYLE = `
  :root { color-scheme: light; --ink: #161b24; --soft: #596273; --line: #dfe3ea; --good: #0c6b3f; --bad: #a3261c; --paper: #fff; --ground: #f3f5f8; }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
  main { max-width: 1120px; margin: 0 auto; padding: 56px 24px 96px; }
  h1 { margin: 0 0 8px; font-size: 34px; line-height: 1.15; letter-spacing: -.02em; }
  .lead { max-width: 46em; color: var(--soft); margin: 0 0 32px; }
  .figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 40px; padding: 0; list-style: none; }
  .figures li { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 14px 20px; min-width: 132px; color: var(--soft); font-size: 14px; }
  .figures b { display: block; font-size: 28px; line-height: 1.2; color: var(--ink); font-weight: 600; }
  .figures .good b { color: var(--good); } .figures .bad b { color: var(--bad); }
  h2.part { margin: 0 0 14px; font-size: 22px; letter-spacing: -.01em; }
  dl { max-width: 52em; margin: 0 0 40px; display: grid; grid-template-columns: max-content 1fr; gap: 6px 18px; font-size: 14px; }
  dt { font-weight: 600; } dd { margin: 0; color: var(--soft); }
  table { width: 100%; border-collapse: collapse; background: var(--paper); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; font-size: 14px; margin: 0 0 56px; }
  th, td { text-align: left; padding: 9px 14px; border-top: 1px solid var(--line); vertical-align: top; }
  thead th { border: 0; white-space: nowrap; font-weight: 500; color: var(--soft); }
  td:first-child { color: var(--soft); width: 3.5em; }
  td:nth-child(3) { white-space: nowrap; } td:last-child { width: 8em; }
  tr.flaw td { background: #f9fafc; color: var(--ink); font-weight: 600; }
  tr.flaw td:first-child { color: var(--soft); font-weight: 400; }
  a { color: inherit; text-decoration-color: #b9c1cd; text-underline-offset: 3px; }
  article { background: var(--paper); border: 1px solid var(--line); border-radius: 16px; padding: 28px; margin: 0 0 24px; scroll-margin-top: 16px; break-inside: avoid; }
  article header { display: flex; gap: 16px; align-items: baseline; justify-content: space-between; flex-wrap: wrap; }
  article h2 { margin: 0; font-size: 21px; letter-spacing: -.01em; }
  article h2 small { font-weight: 400; color: var(--soft); font-size: 15px; margin-right: 10px; }
  .verdict { font-size: 14px; font-weight: 600; border-radius: 99px; padding: 3px 12px; color: var(--good); background: #e3f4ea; white-space: nowrap; }
  .verdict.bad { color: var(--bad); background: #fbe7e5; }
  td .verdict { font-size: 13px; padding: 1px 10px; }
  .flawed { margin: 6px 0 0; color: var(--soft); font-size: 15px; }
  .does { margin: 10px 0 20px; max-width: 52em; }
  .pair { display: grid; grid-template: auto auto auto / 1fr 1fr; gap: 10px 20px; }
  figure { margin: 0; display: grid; grid-row: span 3; grid-template-rows: subgrid; align-content: start; }
  figure h3 { margin: 0; font-size: 14px; font-weight: 600; align-self: end; }
  figure h3 span { display: block; font-weight: 400; color: var(--soft); }
  figure img { display: block; width: 100%; aspect-ratio: 16/10; object-fit: cover; object-position: right bottom; border: 1px solid var(--line); border-radius: 10px; background: var(--ground); }
  figcaption { font-size: 14px; }
  .told { border: 1px solid var(--line); border-radius: 10px; background: var(--ground); padding: 16px 18px; min-height: 88px; font-size: 15px; }
  footer { color: var(--soft); font-size: 14px; margin-top: 40px; max-width: 52em; }
  @media (max-width: 760px) { .pair { grid-template: none / 1fr; } figure { grid-row: auto; grid-template-rows: none; gap: 10px; } td:nth-child(3) { display: none; } }
  @media print { body { background: none; } main { padding: 0; } article { border-color: #ccc; } }
`;

/** What was on the screen, or what came of an attack that has none. */
async function shown(run: Run): Promise<string> {
  const words = escaped(run.saw || run.why.split("\n")[0]!);
  if (run.picture === undefined) return `<div class="told">${words}</div>`;
  const data = (await readFile(run.picture)).toString("base64");
  return `<img src="data:image/png;base64,${data}" alt="What was on the screen" loading="lazy">
        <figcaption>${words}</figcaption>`;
}

const anchor = (index: number) => `attack-${index + 1}`;
const rowName = ({ row }: Attack) => (row ? `Row ${row}` : "Beyond the table");
const isGood = ({ product, control }: Result) => product.good && control.good;

async function article(result: Result, index: number): Promise<string> {
  const { attack, product, control } = result;
  const defence: Defence = defences[attack.defence];
  const words = isGood(result)
    ? "Stopped"
    : product.good ? "No valid control" : "Not shown to be stopped";
  return `
  <article id="${anchor(index)}">
    <header>
      <h2><small>${rowName(attack)}</small>${escaped(attack.name)}</h2>
      <span class="verdict${isGood(result) ? "" : " bad"}">${words}</span>
    </header>
    ${attack.row ? `<p class="flawed">${escaped(flaws[attack.row]!)}</p>` : ""}
    <p class="does"><b>${escaped(attack.adversary[0]!.toUpperCase() + attack.adversary.slice(1))}</b> ${escaped(attack.does)}.</p>
    <div class="pair">
      <figure>
        <h3>The product<span>as it is delivered</span></h3>
        ${await shown(product)}
      </figure>
      <figure class="control">
        <h3>The same attack without one defence, where it ${control.good ? "succeeds" : "should succeed"}<span>Missing: ${escaped(defence.what)}.</span></h3>
        ${await shown(control)}
      </figure>
    </div>
  </article>`;
}

const verdict = (good: boolean) =>
  `<span class="verdict${good ? "" : " bad"}">${good ? "stopped" : "look at it"}</span>`;

function line(result: Result, index: number, all: readonly Result[]): string {
  const { attack } = result;
  const begins = all[index - 1]?.attack.row !== attack.row;
  const flaw = attack.row ? flaws[attack.row]! : "Beyond the table of flaws";
  return `${begins ? `
    <tr class="flaw"><td>${attack.row || "+"}</td><td colspan="3">${escaped(flaw)}</td></tr>` : ""}
    <tr>
      <td></td>
      <td><a href="#${anchor(index)}">${escaped(attack.name)}</a></td>
      <td>${escaped(attack.adversary)}</td>
      <td>${verdict(isGood(result))}</td>
    </tr>`;
}

const ADVERSARIES: Readonly<Record<Attack["adversary"], string>> = {
  "the service": "nginx, the daemon, whoever runs them, and whoever broke in. Sees all that passes, and can change, drop, repeat and invent it.",
  "the network": "The same, without the database.",
  "a visitor": "Anybody who comes to the customer's site.",
  "a customer": "Somebody else who has an account.",
  "a stolen database": "Whoever has a copy of what the service stores.",
  "a lost device": "Whoever found a device of the customer, with its keys.",
};

function adversaries(): string {
  const items = Object.entries(ADVERSARIES).map(([name, what]) =>
    `<dt>${escaped(name[0]!.toUpperCase() + name.slice(1))}</dt><dd>${escaped(what)}</dd>`);
  return `<dl>${items.join("")}</dl>`;
}

function triedToo(tried: readonly Tried[]): string {
  if (!tried.length) return "";
  return `
<h2 class="part">Tried as well, without a control</h2>
<table>
  <tbody>${tried.map(({ name, good }) => `
    <tr><td></td><td>${escaped(name[0]!.toUpperCase() + name.slice(1))}</td><td></td><td>${verdict(good)}</td></tr>`).join("")}
  </tbody>
</table>`;
}

async function releaseOf(): Promise<string> {
  const widget = await readFile(
    join(repository(), "web", "dist", "sealchat-widget.js"));
  return createHash("sha384").update(widget).digest("hex").slice(0, 32);
}

export async function writeReport(
  path: string,
  engine: string,
  results: readonly Result[],
  tried: readonly Tried[],
): Promise<void> {
  const good = results.filter(isGood);
  const rows = new Set(good.map(({ attack }) => attack.row).filter(Boolean));
  const bad = results.length - good.length;
  const beyond = results.filter(({ attack }) => !attack.row).length;
  const browser = engine[0]!.toUpperCase() + engine.slice(1);
  const figures = [
    [bad ? "bad" : "good", good.length, `of ${results.length} attacks are stopped`],
    ["", rows.size, "known flaws, each attacked"],
    ["", beyond, "attacks beyond those"],
    ["", good.length, "succeed where one defence is missing"],
  ].map(([look, n, what]) => `<li class="${look}"><b>${n}</b>${what}</li>`);
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>SealChat: a hostile service that loses</title>
<style>${STYLE}</style>
<main>
<h1>A hostile service that tries everything, and loses</h1>
<p class="lead">What would a chat service do that wants to read along? Here it does all of that: the real widget and the real inbox in ${browser}, the real nginx and the real daemon,
and between those two a service that reads, changes, drops, repeats and invents whatever passes. Each attack is carried out twice: on the product, where it has to be stopped in the way that is stated,
and on a build that lacks one named defence, where the same attack has to succeed. An attack without the second would prove nothing.</p>
<ul class="figures">${figures.join("")}</ul>
<h2 class="part">Who attacks</h2>
${adversaries()}
<h2 class="part">The attacks</h2>
<table>
  <thead><tr><th>Row</th><th>Flaw, and attacks on it</th><th>By</th><th>On the product</th></tr></thead>
  <tbody>${results.map(line).join("")}
  </tbody>
</table>
${triedToo(tried)}
${(await Promise.all(results.map(article))).join("")}
<footer>Widget ${await releaseOf()}, ${new Date().toISOString().slice(0, 10)}. The pictures show what was on the screen when the attack was over; where there is none, nobody sees anything of it.
What this cannot show, and what remains, is in docs/threat-model.md. To run it yourself: make hostile.</footer>
</main>
</html>
`;
  await writeFile(path, page);
}
