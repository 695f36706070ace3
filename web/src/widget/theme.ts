// The owner's colour as a set of tokens, light and dark.  Contrast is computed,
// so that every text can be read whatever colour was chosen (WCAG 2, AA).

type Rgb = readonly [number, number, number];

const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];

/** Text needs this against what it stands on. */
const TEXT = 4.6;
/** A surface has to differ from the one beneath it by so much. */
const SURFACE = 1.3;

/** What the accent stands on (ui/tokens.css: bg, and sunken for the ink). */
const grounds = {
  light: { bg: WHITE, sunken: [234, 238, 243] as Rgb, away: BLACK },
  dark: { bg: [18, 22, 29] as Rgb, sunken: [35, 43, 55] as Rgb, away: WHITE },
};

function rgbOf(hex: string): Rgb {
  const digits = hex.slice(1);
  const wide = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;

  return [0, 2, 4].map((at) => parseInt(wide.slice(at, at + 2), 16)) as
    unknown as Rgb;
}

function luminance(color: Rgb): number {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;

  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);

  return (high! + 0.05) / (low! + 0.05);
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  return a.map((part, at) =>
    Math.round(part + (b[at]! - part) * share),
  ) as unknown as Rgb;
}

/** The colour, moved towards another until it stands out enough. */
function until(color: Rgb, towards: Rgb, ratio: number, on: Rgb[]): Rgb {
  for (let share = 0; share < 1; share += 0.04) {
    const moved = mix(color, towards, share);
    if (on.every((ground) => contrast(moved, ground) >= ratio)) return moved;
  }
  return towards;
}

function tokensOf(chosen: Rgb, scheme: "light" | "dark"): string {
  const { bg, sunken, away } = grounds[scheme];
  const accent = until(chosen, away, SURFACE, [bg]);
  const text = contrast(accent, WHITE) >= TEXT ? WHITE : BLACK;
  const tint = mix(bg, accent, scheme === "light" ? 0.1 : 0.2);
  const tokens = {
    accent,
    "accent-hover": mix(accent, text === WHITE ? BLACK : WHITE, 0.14),
    "on-accent": text,
    "accent-ink": until(accent, away, TEXT, [bg, sunken, tint]),
    "accent-tint": tint,
  };

  return Object.entries(tokens)
    .map(([name, rgb]) => `--sc-${name}:rgb(${rgb.join(" ")});`)
    .join("");
}

/** A style sheet for a colour "#rgb" or "#rrggbb"; empty for none. */
export function colorSheet(color: string): string {
  if (color === "") return "";

  const rgb = rgbOf(color);

  return `:host{${tokensOf(rgb, "light")}}
@media (prefers-color-scheme: dark){:host{${tokensOf(rgb, "dark")}}}`;
}

/** What the page says of itself; undefined where it leaves it open. */
function pageScheme(): "light" | "dark" | undefined {
  const said = getComputedStyle(document.documentElement).colorScheme.split(" ");

  if (said.includes("dark") === said.includes("light")) return undefined;
  return said.includes("dark") ? "dark" : "light";
}

/** Lets the rules for dark pages hold always, never, or as the visitor's system
 * prefers. */
export function applyScheme(
  host: HTMLElement,
  sheets: readonly CSSStyleSheet[],
  theme: "auto" | "light" | "dark",
): void {
  const scheme = theme === "auto" ? pageScheme() : theme;
  const media =
    scheme === undefined
      ? "(prefers-color-scheme: dark)"
      : scheme === "dark"
        ? "all"
        : "not all";

  for (const sheet of sheets) {
    for (const rule of sheet.cssRules) {
      if (rule instanceof CSSMediaRule && rule.cssText.includes("--sc-accent:")) {
        rule.media.mediaText = media;
      }
    }
  }
  host.style.setProperty("--sc-scheme", scheme ?? "light dark");
}
