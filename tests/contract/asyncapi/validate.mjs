// Reads an AsyncAPI document on standard input; prints every diagnostic of the parser and what it understood, as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

// The modules are installed outside of the repository, in the folder that the first argument names.
const require = createRequire(join(process.argv[2], "package.json"));
const { Parser } = require("@asyncapi/parser");

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf-8"));
const found = diagnostics.map(({ severity, code, path, message }) => ({ severity, code, path: path.join("."), message }));
const understood = document && {
  version: document.version(),
  channels: document.channels().all().map((channel) => channel.id()).sort(),
  operations: document.operations().all().map((operation) => operation.id()).sort(),
  payloads: document.messages().all().map((message) => message.payload()?.title() ?? null).sort(),
};
console.log(JSON.stringify({ diagnostics: found, understood: understood ?? null }));
