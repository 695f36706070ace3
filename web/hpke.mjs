// A plugin for esbuild that makes @hpke/core smaller without touching what it
// computes.  Everything that is bundled gets it, the tests with the vectors of
// RFC 9180 too, and it stops the build where the library is not as expected.
//
// The library declares each member by a call of its own, marks none of its
// files as free of side effects (its esm/package.json hides the one that does),
// and carries modes that SealChat does not have: suite 2 is base mode alone,
// with keys that SubtleCrypto made.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const files = /node_modules[\\/]@hpke[\\/](core|common)[\\/]esm[\\/].*\.js$/;

/** Declares an own member as an assignment would: nothing inherits a setter. */
const declared =
  /Object\.defineProperty\(this, "(\w+)", \{\s*enumerable: true,\s*configurable: true,\s*writable: true,\s*value: ((?:[^{}]|\{[^{}]*\})*?)\s*\}\);/g;

/** Methods that base mode never calls, by file. */
const unused = {
  "kems/dhkem.js": [
    "deserializePublicKey", "serializePrivateKey", "deserializePrivateKey",
    "importKey", "deriveKeyPair",
  ],
  "dhkemPrimitives/x25519.js": [
    "serializePrivateKey", "deserializePrivateKey", "importKey",
    "deriveKeyPair", "derivePublicKey", "_importJWK", "_deserializePkcs8Key",
  ],
  "core/esm/src/exporterContext.js": ["seal", "open", "export"],
  "kdfs/hkdf.js": ["expand", "labeledExpand"],
};

/** Node 18 and Deno had it elsewhere. */
const findSubtle =
  /async function loadSubtleCrypto\(\) \{\n.*?\n\}\n/s;
const subtle =
  "async function loadSubtleCrypto() {\n    return crypto.subtle;\n}\n";

/** What a private field was compiled to, and a plain member in its place. */
const privateFields = [
  [/^var __classPrivateField(?:Get|Set) = .*?\n\};\n/gms, ""],
  [/^var _\w+;\n|^_\w+ = new WeakMap\(\);\n/gm, ""],
  [/__classPrivateFieldGet\(this, (\w+), "f"\)/g, "this.$1"],
  [/__classPrivateFieldSet\(this, (\w+), (.*), "f"\)/g, "this.$1 = $2"],
  [/^(\s+)(_\w+)\.set\(this, (.*)\);/gm, "$1this.$2 = $3;"],
];

/** Sentences for who programs against the library; its errors are told apart
 * by their class, and here by nothing. */
const sentences = [[/(throw new \w*Error\()"[^"]*"\)/g, "$1)"]];

/** Questions that base mode answers in one way, and what the bundler then
 * finds that nothing comes to. */
const settled = [
  [/params\.(?:psk|senderKey|senderPublicKey) === undefined/g, "true"],
  [/params\.(?:psk|senderKey|senderPublicKey) !== undefined/g, "false"],
  [/isCryptoKeyPair\(params\.recipientKey\)/g, "true"],
];

/** What base mode never comes to, by file. */
const never = {
  "core/esm/src/cipherSuiteNative.js": [
    /^        if \(typeof params\.(kem|kdf|aead) === "number"\) \{\n.*?\n        \}\n/gms,
    /^        if \(this\._aead\.id === AeadId\.ExportOnly\) \{\n.*?\n        \}\n/gms,
    /^        if \(res\.key === undefined\) \{\n.*?\n        \}\n/gms,
  ],
};

/** The tables of names, with what the library writes for them. */
const named = /\b(KemId|KdfId|AeadId|Mode)\.(\w+)\b/g;

async function numbersOf(path) {
  const tables = join(path.slice(0, path.lastIndexOf("@hpke")),
    "@hpke/common/esm/src/identifiers.js");
  return import(pathToFileURL(tables));
}

function without(text, method, path) {
  const begin = text.search(new RegExp(`^    (async )?${method}\\(`, "m"));
  const end = text.indexOf("\n    }\n", begin);
  if (begin < 0 || end < 0) throw new Error(`${path}: no ${method}()`);
  return text.slice(0, begin) + text.slice(end + "\n    }\n".length);
}

export const hpke = {
  name: "hpke",
  setup(build) {
    build.onResolve({ filter: /./ }, async (args) => {
      const again = args.pluginData === "hpke";
      if (again || args.kind === "dynamic-import") return undefined;
      const inside = /[\\/]@hpke[\\/]/.test(args.importer);
      if (!inside && !args.path.startsWith("@hpke/")) return undefined;
      const { path, namespace, external, errors, warnings } =
        await build.resolve(args.path, {
          importer: args.importer,
          resolveDir: args.resolveDir,
          kind: args.kind,
          pluginData: "hpke",
        });
      return { path, namespace, external, errors, warnings, sideEffects: false };
    });
    build.onLoad({ filter: files }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [file, methods] of Object.entries(unused)) {
        if (!path.replaceAll("\\", "/").endsWith(file)) continue;
        for (const method of methods) {
          contents = without(contents, method, path);
        }
      }
      for (const [file, parts] of Object.entries(never)) {
        if (!path.replaceAll("\\", "/").endsWith(file)) continue;
        for (const part of parts) {
          const less = contents.replace(part, "");
          if (less === contents) throw new Error(`${path}: no ${part}`);
          contents = less;
        }
      }
      const numbers = await numbersOf(path);
      contents = contents.replace(named, (_, table, name) => {
        const value = numbers[table][name];
        if (value === undefined) throw new Error(`${path}: ${table}.${name}`);
        return String(value);
      });
      contents = contents.replace(findSubtle, subtle);
      for (const [form, instead] of [
        ...privateFields, ...sentences, ...settled,
      ]) {
        contents = contents.replace(form, instead);
      }
      contents = contents.replace(declared, "this.$1 = $2;");
      if (/Object\.defineProperty\(this|__classPrivateField/.test(contents)) {
        throw new Error(`${path}: a declaration of another form`);
      }
      return { contents, loader: "js" };
    });
  },
};
