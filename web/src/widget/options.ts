// What the owner of a page may choose: with data attributes of the script, with
// an object in window.SealChat that is there before it, or with
// SealChat.init() at any later time.

export interface Options {
  /** The business, as visitors see it; by default the site's host. */
  name: string;
  /** Who answers, where that is one person. */
  agent: string;
  /** Address of a picture of them. */
  face: string;
  /** First words; by default some in the visitor's language. */
  greeting: string;
  /** "#rgb" or "#rrggbb". */
  color: string;
  /** By default where a text ends: on the right, in Arabic on the left. */
  position: "" | "left" | "right";
  /** "auto" is what the page says of itself with color-scheme, or else what
   * the visitor prefers. */
  theme: "auto" | "light" | "dark";
  /** "en", "de", "fr", "es", "ar"; by default the page's language. */
  lang: string;
}

const defaults: Options = {
  name: "",
  agent: "",
  face: "",
  greeting: "",
  color: "",
  position: "",
  theme: "auto",
  lang: "",
};

const allowed: Partial<Record<keyof Options, RegExp>> = {
  color: /^(|#([0-9a-f]{3}){1,2})$/i,
  position: /^(|left|right)$/,
  theme: /^(auto|light|dark)$/,
};

/** The first with the second's in their places.  What nobody can mean is told
 * on the console, and left as it was. */
export function withOptions(before: Options, given: object): Options {
  const after = { ...before };

  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) continue;

    const name = key as keyof Options;
    const text = String(value ?? "").trim();
    if (allowed[name]?.test(text) === false) {
      console.warn(`SealChat: "${text}" is no ${name}.`);
    } else {
      Object.assign(after, { [name]: text });
    }
  }
  return after;
}

export function optionsOf(...given: readonly object[]): Options {
  return given.reduce(withOptions, defaults);
}
