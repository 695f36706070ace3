// A text that is shown to be copied elsewhere.

import { useRef, useState } from "preact/hooks";

import { Check, Copy } from "../ui/icons.tsx";

export function CopyText(props: { label: string; text: string }) {
  const { label, text } = props;
  const [told, setTold] = useState<"" | "Copied" | "Selected: copy it now">("");
  const shown = useRef<HTMLPreElement>(null);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setTold("Copied");
    } catch {
      // The browser keeps its clipboard to itself: one step is left to do.
      if (shown.current) getSelection()?.selectAllChildren(shown.current);
      setTold("Selected: copy it now");
    }
    setTimeout(() => setTold(""), 3000);
  };

  return (
    <>
      <pre ref={shown} tabIndex={0} role="region" aria-label={label}>
        <code>{text}</code>
      </pre>
      <button type="button" class="button" onClick={() => void copy()}>
        {told === "Copied" ? <Check size={16} /> : <Copy />}
        {told || `Copy the ${label === "TXT record" ? label : label.toLowerCase()}`}
      </button>
      <span class="hidden" role="status">
        {told}
      </span>
    </>
  );
}
