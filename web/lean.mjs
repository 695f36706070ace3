// What makes the widget's one file smaller, beside the minifier: every visitor
// of every customer loads it.
//
// The words of a language are written as an object and shipped as one string;
// tokens that no theme changes are written where they are used; the client's
// sentences for logs and developers stay at home, their codes do not; frames
// that no visitor sends or gets are unknown to it.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const src = join(dirname(fileURLToPath(import.meta.url)), "src");

/** Names of members that the bundle keeps to itself, and which become short:
 * what libraries begin with "_", and these of ours.  None of them is a name of
 * anything in a browser, goes into the storage or to another tab, or is spelled
 * out in a string. */
const own =
  "alarmed byId checkRoster commitment compose composeReceipt confirmed " +
  "confirmedEnd emit endAndDelete excuseBeginning freshness goToEnd guarded " +
  "heard ikPk intro isBare isDeleted isOwn lastPosition messageKey " +
  "openingKey originHash outro reconcile retryAfter retryHeld rosterId " +
  "sessionKey settle signkeyId speaker toDelete unwatched verdict wrote";

export const ownNames = new RegExp(`^_|^(?:${own.replaceAll(" ", "|")})$`);

const SEPARATOR = "|";
const language = /[\\/]widget[\\/]words[\\/]([a-z]{2})\.ts$/;

/** The object that a file of words exports, by running it. */
async function wordsOf(path, name) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: "esm",
  });
  const code = encodeURIComponent(outputFiles[0].text);

  return (await import(`data:text/javascript,${code}`))[name];
}

/** Paths to each string, in one order for all languages. */
function pathsOf(words) {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === "string"
      ? [[key]]
      : Object.keys(value).map((inner) => [key, inner]),
  );
}

const unpack = (paths) => `
  const paths = ${JSON.stringify(paths.map((path) => path.join(".")).join(" "))};
  export function unpack(packed) {
    const words = {};
    packed.split("${SEPARATOR}").forEach((text, i) => {
      const [key, inner] = paths.split(" ")[i].split(".");
      if (inner) (words[key] ??= {})[inner] = text;
      else words[key] = text;
    });
    return words;
  }`;

/** Each language as one string, which is unpacked when the page begins. */
export const packedWords = {
  name: "packed-words",
  setup(build) {
    const english = join(src, "widget", "words", "en.ts");

    build.onResolve({ filter: /^unpack-words$/ }, () => ({
      path: "unpack-words",
      namespace: "lean",
    }));
    build.onLoad({ filter: /./, namespace: "lean" }, async () => ({
      contents: unpack(pathsOf(await wordsOf(english, "en"))),
    }));
    build.onLoad({ filter: language }, async ({ path }) => {
      const name = language.exec(path)[1];
      const words = await wordsOf(path, name);
      const texts = pathsOf(await wordsOf(english, "en")).map((keys) =>
        keys.reduce((part, key) => part[key], words),
      );
      if (texts.some((text) => text.includes(SEPARATOR))) {
        throw new Error(`${path}: "${SEPARATOR}" parts the words in the bundle`);
      }
      const packed = JSON.stringify(texts.join(SEPARATOR));

      return {
        contents:
          `import { unpack } from "unpack-words";\n` +
          `export const ${name} = /* @__PURE__ */ unpack(${packed});`,
      };
    });
  },
};

const notOfVisitors = [
  "salt", "loginStart", "register", "sessions", "vaultGet", "accountPut",
  "block", "sessionPage", "vault", "checked", "blocked",
];

/** The table of frames without those. */
export const visitorsFrames = {
  name: "visitors-frames",
  setup(build) {
    build.onLoad({ filter: /[\\/]frames\.gen\.ts$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");

      for (const name of notOfVisitors) {
        const row = new RegExp(`^  0x[0-9a-f]{2}: \\["${name}", .*\n`, "m");
        if (!row.test(contents)) throw new Error(`${path}: no row of ${name}`);
        contents = contents.replace(row, "");
      }
      return { contents, loader: "ts" };
    });
  },
};

/** A style sheet as the string of which a constructable sheet is made.  set:
 * tokens that were written out, which nothing has to declare any more. */
async function sheetText(path, set) {
  const css = (await readFile(path, "utf8"))
    .replace(/^\s*(--sc-[\w-]+):[^;]+;\n/gm, (line, name) =>
      set.has(name) ? "" : line)
    .replace(/var\((--sc-[\w-]+)\)/g, (use, name) => set.get(name) ?? use);
  const { code } = await esbuild.transform(css, {
    loader: "css",
    minify: true,
    target: ["es2022"],
  });

  // The bundler leaves the values of custom properties as they are written.
  return code.trim()
    .replace(/(--sc-[\w-]+:) /g, "$1")
    .replace(/#(\w)\1(\w)\2(\w)\3\b/g, "#$1$2$3")
    .replaceAll(":root,:host", ":host");
}

/** Tokens with one value in every theme, of the default's declarations. */
function settledTokens(css) {
  const [first, ...themes] = css.split("@media");
  const declared = /(--sc-[\w-]+):\s*([^;]+);/g;
  const changing = new Set(
    [...themes.join("").matchAll(declared)].map(([, name]) => name),
  );

  return new Map(
    [...first.matchAll(declared)]
      .filter(([, name]) => !changing.has(name))
      .map(([, name, value]) => [name, value.replace(/\s+/g, " ")]),
  );
}

export const sheets = {
  name: "sheets",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const tokens = await readFile(join(src, "ui", "tokens.css"), "utf8");

      return {
        contents: await sheetText(path, settledTokens(tokens)),
        loader: "text",
      };
    });
  },
};

/** What an error says beside its code, of which a visitor sees nothing. */
const said = [
  [/(new (?:Alarm|Client|Frame)Error\(\s*"[\w-]+",\s*)(?:"[^"]*"|`[^`]*`)(,?\s*\))/g,
    '$1""$2'],
  [/(new (?:Range)?Error\()(?:"[^"]*"|`[^`]*`)\)/g, "$1)"],
  [/\b(contradiction|conflict|bad)\("[^"]*"\)/g, '$1("")'],
  [/(\.close\()"[^"]*"\)/g, "$1)"],
  [/super\(`the connection .*`\);/g, "super();"],
  [/(\.#bad \|\|= )`[^`]*`/g, '$1"!"'],
  [/^ +this\.name = "\w+";\n/gm, ""],
];

export const sentences = {
  name: "sentences",
  setup(build) {
    build.onLoad(
      { filter: /[\\/]src[\\/](client|crypto|wire)[\\/]\S+\.ts$/ },
      async ({ path }) => ({
        contents: said.reduce(
          (text, [form, instead]) => text.replace(form, instead),
          await readFile(path, "utf8"),
        ),
        loader: "ts",
      }),
    );
  },
};
