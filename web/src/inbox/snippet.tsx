// The line that goes on the customer's site.  It is made here, from this
// device's own key and the hash that this inbox was built with: what the
// service serves has no part in it.

import { useRef, useState } from "preact/hooks";

import { Check, Copy } from "../ui/icons.tsx";
import { snippetText } from "../ui/snippet.ts";
import { Field } from "./field.tsx";
import { WIDGET_SRI } from "./release.ts";
import { recall, remember } from "./remember.ts";

function nameKey(cid: string): string {
  return `site-name-${cid}`;
}

export function Snippet(props: {
  service: string;
  cid: string;
  /** Of the customer's present keys. */
  generation: number;
}) {
  const { service, cid, generation } = props;
  const [name, setName] = useState(() => recall(nameKey(cid)));
  const [told, setTold] = useState<"" | "Copied" | "Selected: copy it now">("");
  const shown = useRef<HTMLPreElement>(null);
  const text = snippetText({
    service,
    cid,
    integrity: WIDGET_SRI,
    name: name.trim(),
    minGeneration: generation,
  });

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
    <div class="snippet">
      <Field
        label="Name that visitors see"
        name="site-name"
        autocomplete="organization"
        value={name}
        hint="Your business. If you leave it empty, visitors see the address of your site."
        change={(value) => {
          setName(value);
          remember(nameKey(cid), value);
        }}
      />
      <pre ref={shown} tabIndex={0} role="region" aria-label="Snippet">
        <code>{text}</code>
      </pre>
      <button type="button" class="button" onClick={() => void copy()}>
        {told === "Copied" ? <Check size={16} /> : <Copy />}
        {told || "Copy the snippet"}
      </button>
      <span class="hidden" role="status">
        {told}
      </span>
    </div>
  );
}
