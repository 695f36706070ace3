// What somebody wrote, as it may be shown: inert, with links that show where
// they lead.

import type { ComponentChildren } from "preact";

// Embeddings, overrides and isolates: they could show a text in another order
// than it is read by machines.  Letters find their direction without them.
const BIDI_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;

export function inert(text: string): string {
  return text.replace(BIDI_CONTROLS, "");
}

const ADDRESS = /\b(?:https?:\/\/|www\.)[^\s<>"]+/gi;

/** Closes a sentence rather than an address; a bracket does so where none was
 * opened.  A text can be all of these: each is looked at once. */
const CLOSING = ".,:;!?'»”’*_،؛؟。";

function withoutTrailing(text: string): string {
  const closing = text.includes("(") ? CLOSING : `${CLOSING})`;
  let end = text.length;

  while (closing.includes(text.charAt(end - 1)) && end > 0) end--;
  return text.slice(0, end);
}

/** Only http and https; nothing that passes a name for a host. */
function target(written: string): URL | undefined {
  try {
    const url = new URL(
      /^www\./i.test(written) ? `https://${written}` : written,
    );

    return url.username === "" && url.password === "" ? url : undefined;
  } catch {
    return undefined;
  }
}

function Link({ url, written }: { url: URL; written: string }) {
  const spelled = written.replace(/^https?:\/\//i, "").toLowerCase();

  return (
    <>
      <a href={url.href} target="_blank" rel="noopener noreferrer nofollow">
        {written}
      </a>
      {/* Letters of another script can look like a host that one knows. */}
      {!spelled.startsWith(url.host) && <bdi class="host"> ({url.host})</bdi>}
    </>
  );
}

/** Addresses become links; everything else stays text. */
export function linked(text: string): ComponentChildren {
  const parts: ComponentChildren[] = [];
  let done = 0;

  for (const found of text.matchAll(ADDRESS)) {
    const written = withoutTrailing(found[0]);
    const url = target(written);
    if (url === undefined) continue;

    parts.push(
      text.slice(done, found.index),
      <Link key={found.index} url={url} written={written} />,
    );
    done = found.index + written.length;
  }
  return parts.length > 0 ? [...parts, text.slice(done)] : text;
}
