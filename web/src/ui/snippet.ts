// The line that goes on the customer's site.

import { releaseName } from "./release.ts";

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

/** Where a release of the widget stays for good: its address holds its hash. */
export function widgetPath(integrity: string): string {
  return `/widget/${releaseName(integrity).slice(0, 32)}/sealchat-widget.js`;
}

export function snippetText(parts: SnippetParts): string {
  const attributes = [
    `src="${parts.service}${widgetPath(parts.integrity)}"`,
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
