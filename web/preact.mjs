// A plugin for esbuild that leaves out of Preact what the widget does not use.
// It bundles the library's own sources, in which what never happens is written
// as what it is (false, null), and the minifier drops what hangs on it.  It
// stops the build where the library is not as expected.
//
// The widget draws functions with hooks into a shadow root that was empty:
// nothing is hydrated or suspended, there are no classes, contexts, portals,
// error boundaries or markup in strings, and nobody hooks into the library but
// its own hooks.  References are objects, not functions.

import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const library = join(
  dirname(fileURLToPath(import.meta.url)), "node_modules", "preact");

/** By file: what is looked for, and what is written in its place. */
const changes = {
  "src/diff/index.js": [
    // Parameters, and arguments, one on each line.
    [/^\t+(isHydrating|excessDomChildren|globalContext),\n/gm, ""],
    [/^\t+if \(\n\t+oldVNode\._flags & MODE_SUSPENDED &&[^]*?\n\t\}\n/m, ""],
    [/^\t+const isClassComponent = .*;\n/gm, ""],
    [/isClassComponent/g, "false"],
    [/^\t+tmp = newType\.contextType;\n[^]*?: globalContext;\n/m, ""],
    [/\bcomponentContext\b/g, "undefined"],
    [/^\t+if \(provider\) provider\.sub\(c\);\n/m, ""],
    [/^\t+c\._globalContext = globalContext;\n/m, ""],
    [/^\t+c\.context = undefined;\n/m, ""],
    [/^\t+EMPTY_ARR\.push\.apply\(.*\n\t+c\._stateCallbacks = \[\];\n/gm, ""],
    [/^\t+c\._stateCallbacks = \[\];\n/m, ""],
    [/^\ttry \{\n\t\tif \(typeof ref == 'function'\) \{\n[^]*?\} else (ref\.current = value;)\n\t\} catch \(e\) \{\n.*\n\t\}\n/m, "\t$1\n"],
    [/r\._parentDom = r\._globalContext = NULL/g, "r._parentDom = NULL"],
    [/, c\.context\)/g, ")"],
    [/new BaseComponent\(\s+newProps,\s+undefined\s+\)/g, "new BaseComponent(newProps)"],
    [/function doRender\(props, state, context\) \{\n\treturn this\.constructor\(props, context\);/g,
      "function doRender(props) {\n\treturn this.constructor(props);"],
    [/^\t+if \(!c\.state\) c\.state = \{\};\n/m, ""],
    [/, \(c\.state = c\._nextState\)/g, ""],
    [/^\t+c\.state = c\._nextState;\n/gm, ""],
    [/\(\s+newProps,\s+c\._nextState,\s+undefined\s+\) === false/g, "(newProps) === false"],
    [/^\t+if \(c\.getChildContext\) \{\n[^]*?\n\t+\}\n/m, ""],
    [/^\t+if \(c\.componentWillUpdate\) \{\n[^]*?\n\t+\}\n/m, ""],
    [/newProps\._parentDom/g, "false"],
    [/ && !vnode\.props\._parentDom/g, ""],
    [/^\t+if \(resumed\) .*\n/m, ""],
    [/^\t+if \(c\._bits & COMPONENT_PROCESSING_EXCEPTION\) \{\n[^]*?\n\t+\}\n/m, ""],
    [/^\t+if \(c\._bits & COMPONENT_PENDING_ERROR\) \{\n[^]*?\n\t+\}\n/m, ""],
    [/^\t+if \(isHydrating \|\| excessDomChildren\) \{\n[^]*?\n\t\t\t\} else \{\n(.*\n)\t\t\t\}\n/m, "$1"],
    [/if \(!\(e && e\.then\)\) markAsForce\(newVNode\);/g, "markAsForce(newVNode);"],
    [/^function rangeEnd\([^]*?\n\}\n/m, ""],
    [/^\tif \(\n\t\t!skipRemove &&\n[^]*?\n\t\}\n/m, ""],
    [/^\t+if \(r\.componentWillUnmount\) \{\n[^]*?\n\t\t\}\n/m, ""],
    [/^\t+newVNode\._flags &= RESET_MODE;\n/m, ""],
    [/else if \(nodeType == 'math'\) namespace = MATH_NAMESPACE;/g, ""],
    [/\(namespace == MATH_NAMESPACE && MATHML_TOKEN_ELEMENTS\.test\(nodeType\)\)/g, "false"],
    [/nodeType == 'foreignObject' \|\|/g, ""],
    [/\(nodeType == 'template' && dom\.content\) \|\| dom/g, "dom"],
    [/nodeType == 'progress' && inputValue == NULL/g, "false"],
    [/\(inputValue !== dom\[i\] \|\| \(nodeType == 'progress' && !inputValue\)\)/g, "inputValue !== dom[i]"],
    [/if \(i == 'dangerouslySetInnerHTML'\)/g, "if (false)"],
    [/^\t+if \(oldHtml\) dom.*\n/m, ""],
    [/\bif \(newHtml\)/g, "if (false)"],
    [/^\t+excessDomChildren =\n[^]*?;\n/m, ""],
    [/^\t+excessDomChildren\n\t+\? excessDomChildren\[0\]\n\t+: (.*)/m, "$1"],
    [/isHydrating = excessDomChildren = NULL;/g, ";"],
    [/\bexcessDomChildren = NULL;/g, ";"],
    [/^\t+isHydrating = false;\n/m, ""],
    [/\bisHydrating\b/g, "false"],
    [/\bexcessDomChildren\b/g, "null"],
    [/!\(i == 'checked' && 'defaultChecked' in newProps\)/g, "true"],
    [/!\(i == 'value' && 'defaultValue' in newProps\)/g, "true"],
    [/ else if \(i == 'checked'\) \{\n.*\n\t+\}/g, ""],
    [/^\t+i = 'checked';\n[^]*?\n\t+\}\n/m, ""],
    [/options\._hydrationMismatch/g, "undefined"],
    [/newProps\.is \? newProps : parentDom/g, "parentDom"],
    [/parentDom\.ownerDocument \|\| document/g, "document"],
  ],
  "src/diff/children.js": [
    [/^\t+(isHydrating|excessDomChildren|globalContext),\n/gm, ""],
    [/ \|\| oldVNode\._flags & REF_DETACHED/g, ""],
    [/^\t+if \(parentVNode\.props\._parentDom\) return oldDom;\n/m, ""],
    [/^\t+while \(next && next\.nodeType == 8\) .*\n/m, ""],
    [/^\twhile \(\n\t+\((oldDom = oldDom && oldDom\.nextSibling)\) &&\n[^]*?\n\t\);\n/m, "\t$1;\n"],
  ],
  "src/render.js": [
    [/^\tif \(options\._root\).*\n/m, ""],
    [/^\tif \(parentDom\.nodeType == 9\) \{\n[^]*?\n\t\}\n/m, ""],
    [/^\tlet isHydrating = .*\n/m, ""],
    [/isHydrating \? NULL : parentDom\._children/g, "parentDom._children"],
    [/^\t+EMPTY_OBJ,\n(\t+parentDom\.namespaceURI,\n)\t+oldVNode\n[^]*?: NULL,\n/m, "$1"],
    [/^\t+isHydrating,\n/m, ""],
  ],
  "src/component.js": [
    [/^\t+component\._globalContext,\n/m, ""],
    [/^\tthis\.context = context;\n/m, ""],
    [/^\tlet s = this\._nextState;\n[^]*?(?=^\tif \(this\._vnode\))/m, ""],
    [/^BaseComponent\.prototype\.render = Fragment;\n/m, ""],
    [/^\t+oldVNode\._flags & MODE_HYDRATE \? .*,\n/m, ""],
    [/^\t+oldVNode\._flags & MODE_HYDRATE,\n/m, ""],
    [/^BaseComponent\.prototype\.forceUpdate = function[^]*?\n\};\n/m, ""],
    [/ && !vnode\.props\._parentDom/g, ""],
    [/options\.vnode/g, "undefined"],
    [/^\t\tif \(callback\) \{\n[^]*?\n\t\t\}\n/m, ""],
    [/ \|\|\n\t+prevDebounce != options\.debounceRendering/g, ""],
    [/^\t+prevDebounce = options\.debounceRendering;\n/m, ""],
    [/\(prevDebounce \|\| queueMicrotask\)/g, "queueMicrotask"],
  ],
  "src/create-element.js": [
    [/options\.vnode/g, "undefined"],
  ],
  "src/diff/catch-error.js": [
    [/^\t\/\*\* @type \{import\('\.\.\/internal'\)\.Component\} \*\/\n[^]*?(?=^\t\/\/ Reset rerender)/m, ""],
  ],
  "src/diff/props.js": [
    [/useCapture = name != \(name = name\.replace\(CAPTURE_REGEX, '\$1'\)\);/g, ""],
    [/, useCapture\)/g, ")"],
    [/options\.event \? options\.event\(e\) : e/g, "e"],
    [/name == 'popover' && value == true \? '' : value/g, "value"],
    [/name = name\.replace\(\/xlink.*;/g, ";"],
    [/^\t+name != '(?:width|height|list|form|download|rowSpan|colSpan|popover)' &&\n/gm, ""],
    [/^\t+if \(typeof value == 'function'\) return;\n/m, ""],
    [/^\t+if \(typeof value == 'string'\) \{\n\t+dom\.style\.cssText = value;\n\t+\} else/m, ""],
    [/^\t+if \(typeof oldValue == 'string'\) \{\n.*\n\t+\}\n/m, ""],
    [/^\tif \(key\[0\] == '-'\) \{\n.*\n\t\} else/m, ""],
  ],
  "hooks/src/index.js": [
    [/^let old\w+ = options\.\w+;\n/gm, ""],
    [/^\tif \(old\w+\) old\w+\(.*\);\n/gm, ""],
    [/^options\._root = [^]*?\n\};\n/m, ""],
    [/^\tif \(options\._hook\) \{\n[^]*?\n\t\}\n/m, ""],
    [/^\tcurrentHook = \d+;\n/gm, ""],
    [/!options\._skipEffects && /g, ""],
    [/ \|\| prevRaf != options\.requestAnimationFrame/g, ""],
    [/^\t+prevRaf = options\.requestAnimationFrame;\n/m, ""],
    [/\(prevRaf \|\| afterNextFrame\)/g, "afterNextFrame"],
    [/^\t+const prevScu = .*\n/m, ""],
    [/^\t+if \(prevScu\) \{\n[^]*?\n\t+\}\n/m, ""],
    [/^\t+if \(errorParent === undefined\) \{\n[^]*?\n\t{5}\}\n/m, ""],
    [/^\t+s\._passive = errorParent;\n/m, ""],
    [/^\t+component = \/\*\* @type \{any\} \*\/ \(component\._passive\);\n/m, ""],
    [/(options\._catchError\(\w+), .*\);/g, "$1);"],
    [/!init \? (invokeOrReturn\(undefined, initialState\)) : init\(initialState\)/g, "$1"],
    [/^let HAS_RAF = .*;\n/m, ""],
    [/\bHAS_RAF\b/g, "true"],
  ],
};

export const preact = {
  name: "preact",
  setup(build) {
    build.onResolve({ filter: /^preact(\/hooks)?$/ }, ({ path }) => ({
      path: join(library, path.slice("preact".length), "src", "index.js"),
      sideEffects: path !== "preact",
    }));
    build.onLoad({ filter: /[\\/]preact[\\/].*\.js$/ }, async ({ path }) => {
      const name = path.slice(library.length + 1).replaceAll("\\", "/");
      let contents = await readFile(path, "utf8");
      for (const [form, instead] of changes[name] ?? []) {
        const less = contents.replace(form, instead);
        if (less === contents) throw new Error(`${name}: no ${form}`);
        contents = less;
      }
      return { contents, loader: "js" };
    });
  },
};
