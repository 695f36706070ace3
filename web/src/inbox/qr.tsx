// The recovery kit as a QR code.  A safety number has one of its own: see
// ../ui/qr.ts.

import qrcode from "qrcode-generator";
import { useMemo } from "preact/hooks";

export function QrCode({ text, label }: { text: string; label: string }) {
  const { size, path } = useMemo(() => {
    const code = qrcode(0, "L");
    code.addData(text, "Byte");
    code.make();

    const count = code.getModuleCount();
    let squares = "";
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) {
        if (code.isDark(row, column)) squares += `M${column} ${row}h1v1h-1z`;
      }
    }
    return { size: count, path: squares };
  }, [text]);

  // Four modules of quiet around it, as the standard asks.
  return (
    <svg
      class="qr"
      viewBox={`-4 -4 ${size + 8} ${size + 8}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <path d={path} />
    </svg>
  );
}
