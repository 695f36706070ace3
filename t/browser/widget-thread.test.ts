// A conversation of 10,000 messages: a part of it stands in the page, and the
// reader does not notice.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Browser, Page } from "playwright-core";

import { newPerson, openBrowser, until } from "./browser.ts";

const COUNT = 10_000;

let browser: Browser;
let page: Page;

/** What of the thread is on the screen. */
function sight() {
  const box = document.querySelector<HTMLElement>(".thread")!;
  const frame = box.getBoundingClientRect();
  const entries = [...box.querySelectorAll<HTMLElement>("li.entry")];
  const numberOf = (entry: Element | undefined) =>
    Number(/Message (\d+)\./.exec(entry?.textContent ?? "")?.[1]);
  const inSight = entries.filter((entry) => {
    const { top, bottom } = entry.getBoundingClientRect();
    return bottom > frame.top && top < frame.bottom;
  });
  let covered = 0;
  for (const entry of inSight) {
    const { top, bottom } = entry.getBoundingClientRect();
    covered += Math.min(bottom, frame.bottom) - Math.max(top, frame.top);
  }

  return {
    standing: entries.length,
    first: numberOf(inSight[0]),
    last: numberOf(inSight.at(-1)),
    top: inSight[0]?.getBoundingClientRect().top ?? 0,
    covered: covered / frame.height,
    atEnd: box.scrollHeight - box.scrollTop - box.clientHeight < 2,
    ordered: inSight.every(
      (entry, at) => at === 0 || numberOf(entry) === numberOf(inSight[at - 1]) + 1,
    ),
  };
}

before(async () => {
  browser = await openBrowser();
  page = await (await newPerson(browser)).newPage();
  await page.setViewportSize({ width: 376, height: 480 });

  const web = process.cwd();
  const build = (await import(pathToFileURL(join(web, "build.mjs")).href)) as {
    bundleForBrowser: (entry: string) => Promise<string>;
  };
  const script = await build.bundleForBrowser(
    join(web, "..", "t", "browser", "thread-page.tsx"),
  );
  const css = ["tokens", "base"].map((name) =>
    readFile(join(web, "src", "ui", `${name}.css`), "utf8"),
  );
  await page.addStyleTag({
    content: `${(await Promise.all(css)).join("\n")}
      body { margin: 0 } .sc { display: flex; height: 100vh }
      .reading { width: 100% }`,
  });
  await page.addScriptTag({ content: script });
  await page.evaluate(`addMessages(${COUNT})`);
});

after(async () => {
  await browser?.close();
});

describe("10,000 messages", () => {
  test("the newest is in sight, and few stand in the page", async () => {
    const seen = await page.evaluate(sight);

    assert.equal(seen.last, COUNT - 1);
    assert.ok(seen.atEnd);
    assert.ok(seen.standing < 200, `${seen.standing} stand in the page`);
  });

  test("scrolling up shows each message once, without a hole or a jump", async () => {
    const box = page.locator(".thread");
    await box.hover();

    let before = await page.evaluate(sight);
    let turns = 0; // that may still have an effect
    for (let turn = 0; turn < 60; turn++) {
      // A busy browser may lose a turn of the wheel, or come to it late; a
      // person turns it again.
      let turned = 0;
      const now = await until(
        "the wheel's effect",
        async () => {
          if (Date.now() - turned > 2_000) {
            turned = Date.now();
            turns++;
            await page.mouse.wheel(0, -400);
          }
          return page.evaluate(sight);
        },
        (sight) => sight.first !== before.first || sight.top !== before.top,
      );
      assert.ok(now.ordered);
      assert.ok(now.covered > 0.5, `${now.covered} covered at ${now.first}`);
      assert.ok(now.first <= before.first, "went up");
      assert.ok(
        before.first - now.first < 20 * turns,
        `jumped from ${before.first} to ${now.first} at ${turns} turns`,
      );
      assert.ok(now.standing < 250);
      before = now;
      turns--;
    }
    assert.ok(before.first < COUNT - 100);
  });

  test("fast scrolling leaves the page room in every frame", async () => {
    const FRAMES = 120;
    const devtools = await page.context().newCDPSession(page);
    // What this thread worked, whatever else the machine does.
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const worked = async () => {
      const { metrics } = await devtools.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "TaskDuration")!.value * 1000;
    };

    const before = await worked();
    await page.evaluate(async (frames) => {
      const box = document.querySelector(".thread")!;
      for (let frame = 0; frame < frames; frame++) {
        box.scrollTop -= 900;
        await new Promise(requestAnimationFrame);
      }
    }, FRAMES);
    const each = ((await worked()) - before) / FRAMES;

    // Of the 16 ms that a frame has.
    assert.ok(each < 10, `a frame took ${each} ms`);
  });

  test("the beginning is one key away, and so is the end", async () => {
    await page.locator(".thread").focus();
    await page.keyboard.press("Home");
    await until(
      "the beginning",
      () => page.evaluate(sight),
      (seen) => seen.first === 0 && seen.ordered && seen.covered > 0.5,
    );
    await page.keyboard.press("End");
    await until(
      "the end",
      () => page.evaluate(sight),
      (seen) => seen.last === COUNT - 1 && seen.atEnd,
    );
  });

  test("a message that comes does not move what is read further up", async () => {
    await page.locator(".thread").hover();
    for (let turn = 0; turn < 10; turn++) await page.mouse.wheel(0, -500);
    const before = await until(
      "a place further up",
      () => page.evaluate(sight),
      (seen) => seen.last < COUNT - 10,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const there = await page.evaluate(sight);
    // Of the other side: what one writes oneself is brought into sight.
    await page.evaluate("addMessages(2)");
    const after = await page.evaluate(sight);

    assert.ok(there.first <= before.first);
    assert.equal(after.first, there.first);
    assert.ok(Math.abs(after.top - there.top) < 2);
  });

  test("a button leads to the newest", async () => {
    await page.getByRole("button", { name: "Newest message" }).click();
    await until(
      "the end",
      () => page.evaluate(sight),
      (seen) => seen.last === COUNT + 1 && seen.atEnd,
    );
    assert.equal(
      await page.getByRole("button", { name: "Newest message" }).count(),
      0,
    );
  });

  test("at the end, one stays there as messages come", async () => {
    await page.evaluate("addMessages(5)");
    const seen = await page.evaluate(sight);

    assert.equal(seen.last, COUNT + 6);
    assert.ok(seen.atEnd);
  });
});
