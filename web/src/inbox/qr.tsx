// QR codes: the recovery kit, and the digits of a safety number.

import qrcode from "qrcode-generator";
import { useMemo } from "preact/hooks";

/** digits: the text has nothing else, which makes a code of 30 the smallest
 * that there is. */
export function QrCode(props: { text: string; label: string; digits?: boolean }) {
  const { text, label, digits = false } = props;
  const { size, path } = useMemo(() => {
    const code = digits ? qrcode(1, "M") : qrcode(0, "L");
    code.addData(text, digits ? "Numeric" : "Byte");
    code.make();

    const count = code.getModuleCount();
    let squares = "";
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) {
        if (code.isDark(row, column)) squares += `M${column} ${row}h1v1h-1z`;
      }
    }
    return { size: count, path: squares };
  }, [text, digits]);

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
