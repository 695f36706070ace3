// The line that goes on the customer's site.  It is made here, from this
// device's own key and the hash that this inbox was built with: what the
// service serves has no part in it.

import { useState } from "preact/hooks";

import { snippetText } from "../ui/snippet.ts";
import { CopyText } from "./copy.tsx";
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
  const text = snippetText({
    service,
    cid,
    integrity: WIDGET_SRI,
    name: name.trim(),
    minGeneration: generation,
  });

  return (
    <div class="snippet">
      <Field
        label="Name that visitors see"
        name="site-name"
        autocomplete="organization"
        optional
        value={name}
        hint="Your business. If you leave it empty, visitors see the address of your site."
        change={(value) => {
          setName(value);
          remember(nameKey(cid), value);
        }}
      />
      <CopyText label="Snippet" text={text} />
    </div>
  );
}
