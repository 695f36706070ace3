// One page of all pictures that the browser tests took (make screenshots):
// build/screenshots/index.html.  A screen stands in a row of its own, once for
// each way of looking at it.

import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { web } from "./build.mjs";

const folder = join(web, "..", "build", "screenshots");
const WAYS = ["desktop-light", "phone-light", "desktop-dark", "phone-dark"];
const NAME = new RegExp(
  `^([a-z-]+?)-(\\d{3})-(.+?)(?:-(${WAYS.join("|")}))?\\.png$`,
);

const stories = new Map();
for (const file of (await readdir(folder)).sort()) {
  const [, story, , screen, way = "as it is"] = NAME.exec(file) ?? [];
  if (story === undefined) continue;

  const screens = stories.get(story) ?? new Map();
  stories.set(story, screens);
  screens.set(screen, [...(screens.get(screen) ?? []), { file, way }]);
}

const figure = ({ file, way }) => `
      <figure class="${way.split("-")[0]}">
        <a href="${file}"><img src="${file}" alt="" loading="lazy"></a>
        <figcaption>${way.replace("-", ", ")}</figcaption>
      </figure>`;

const section = ([story, screens]) => `
  <section>
    <h2 id="${story}">${story}</h2>${[...screens]
      .map(
        ([screen, shots]) => `
    <h3>${screen.replaceAll("-", " ")}</h3>
    <div class="row">${shots.map(figure).join("")}
    </div>`,
      )
      .join("")}
  </section>`;

const count = [...stories.values()].reduce((sum, s) => sum + s.size, 0);
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>SealChat: every screen</title>
<style>
  body { margin: 24px; background: #cfd5de; color: #161b24; font: 15px/1.45 system-ui, sans-serif; }
  h2 { margin-top: 48px; }
  h3 { margin: 24px 0 8px; font-weight: 500; }
  .row { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 16px; }
  figure { margin: 0; }
  img { display: block; height: 400px; border-radius: 6px; }
  figcaption { font-size: 12px; color: #3c4656; }
</style>
<h1>SealChat: every screen</h1>
<p>${count} screens, taken by the browser tests.
${[...stories.keys()].map((s) => `<a href="#${s}">${s}</a>`).join(", ")}</p>
${[...stories].map(section).join("")}
</html>
`;

await writeFile(join(folder, "index.html"), page);
console.log(`${count} screens in build/screenshots/index.html`);
