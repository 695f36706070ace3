// The line that goes on the customer's site.

export interface SnippetParts {
  /** Origin of the service. */
  readonly service: string;
  readonly cid: string;
  /** SRI hash of the widget. */
  readonly integrity: string;
  /** What visitors see; may be empty. */
  readonly name: string;
  /** The least generation of keys that the widget may use; 1 if left out. */
  readonly minGeneration?: number;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;");
}

export function snippetText(parts: SnippetParts): string {
  const attributes = [
    `src="${parts.service}/sealchat-widget.js"`,
    `integrity="${parts.integrity}"`,
    `crossorigin="anonymous"`,
    `data-cid="${parts.cid}"`,
    `data-service="${parts.service}"`,
  ];
  if ((parts.minGeneration ?? 1) > 1) {
    attributes.push(`data-min-generation="${parts.minGeneration}"`);
  }
  if (parts.name !== "") attributes.push(`data-name="${escaped(parts.name)}"`);

  return `<script ${attributes.join("\n  ")}\n  defer></script>`;
}
