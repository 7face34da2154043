// Writes static/app.css from app.scss; with --check it compares instead, and exits 1 where the bytes differ.
//
// Only people who change the style sheet need this (npm ci, then npm run build): the result is committed.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "sass";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = fileURLToPath(new URL("../../static/app.css", import.meta.url));
const notice = `@charset "UTF-8";
/*! Built from connecting_families/styles. Do not edit.
 * Contains parts of GOV.UK Frontend and of MOJ Frontend, both MIT: see licences.txt. */
`;

const { css } = compile(`${here}app.scss`, { loadPaths: [here], style: "expanded", charset: false });

// Both packages point at pictures of their own (a crest, icons): we ship none, and no page may ask for one.
const withoutPictures = css.replace(/^[ \t]*[\w-]+:[^;{}]*url\([^;{}]*;\n/gm, "");
const built = notice + withoutPictures.replace(/\n{3,}/g, "\n\n").trimEnd() + "\n";

if (/url\(|@import|@font-face/.test(built)) {
  throw new Error("The style sheet would ask for another file.");
}
if (!process.argv.includes("--check")) {
  writeFileSync(target, built);
} else if (readFileSync(target, "utf8") !== built) {
  console.error("static/app.css is not what app.scss builds. Run: npm run build");
  process.exit(1);
}
