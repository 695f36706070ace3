// A safety number as a QR code: every picture reads as its digits, and is one
// that a library makes of them too.

import assert from "node:assert/strict";
import { test } from "node:test";
import qrcode from "qrcode-generator";

import { qrPath } from "../../web/src/ui/qr.ts";
import { digitsOf } from "../browser/qr.ts";

const SIZE = 21;

function* numbers(): Generator<string> {
  for (const digit of "0123456789") yield digit.repeat(30);
  for (let n = 0; n < 2000; n++) {
    let text = "";
    while (text.length < 30) text += Math.floor(Math.random() * 10);
    yield text;
  }
}

/** By the library, which picks a mask by itself. */
function drawn(text: string): Set<string> {
  const code = qrcode(1, "M");
  code.addData(text, "Numeric");
  code.make();
  assert.equal(code.getModuleCount(), SIZE);
  const dark = new Set<string>();
  for (let r = 0; r < SIZE; r++) {
    for (let c = 0; c < SIZE; c++) if (code.isDark(r, c)) dark.add(`${c} ${r}`);
  }
  return dark;
}

const squares = (path: string) => new Set(path.slice(1, -8).split("h1v1h-1zM"));
const pathOf = (dark: Set<string>) =>
  [...dark].map((at) => `M${at}h1v1h-1z`).join("");

test("the reader of the tests reads what the library draws", () => {
  for (const text of numbers()) assert.equal(digitsOf(pathOf(drawn(text))), text);
});

test("and what the pages draw", () => {
  for (const text of numbers()) assert.equal(digitsOf(qrPath(text)), text);
});

test("where the library picks the same mask, the pictures are the same", () => {
  let same = 0;
  for (const text of numbers()) {
    const theirs = drawn(text);
    // Where the format of mask 0 has dark modules in row 8.
    const row = Array.from({ length: SIZE }, (_, c) => theirs.has(`${c} 8`));
    const format = [0, 1, 2, 3, 4].map((c) => Number(row[c])).join("");
    if (format !== "10101") continue;
    same++;
    assert.equal(pathOf(new Set([...squares(qrPath(text))].sort())),
      pathOf(new Set([...theirs].sort())));
  }
  assert.ok(same > 20, `only ${same}`);
});

test("no square is drawn twice", () => {
  const path = qrPath("314159265358979323846264338327");
  assert.equal(path.match(/M/g)!.length, squares(path).size);
});
