// A safety number as a QR code: every picture reads as its digits.

import assert from "node:assert/strict";
import { test } from "node:test";
import qrcode from "qrcode-generator";

import { digitsOf } from "../browser/qr.ts";

/** As src/inbox/qr.tsx draws it. */
function drawn(text: string): string {
  const code = qrcode(1, "M");
  code.addData(text, "Numeric");
  code.make();
  let path = "";
  for (let r = 0; r < code.getModuleCount(); r++) {
    for (let c = 0; c < code.getModuleCount(); c++) {
      if (code.isDark(r, c)) path += `M${c} ${r}h1v1h-1z`;
    }
  }
  return path;
}

test("the reader of the tests reads what the library draws", () => {
  for (let n = 0; n < 500; n++) {
    let text = "";
    while (text.length < 30) text += Math.floor(Math.random() * 10);
    assert.equal(digitsOf(drawn(text)), text);
  }
  assert.equal(digitsOf(drawn("0".repeat(30))), "0".repeat(30));
});
