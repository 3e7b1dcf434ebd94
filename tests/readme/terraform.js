// Reads Terraform files with HashiCorp's own parser and formatter (compiled to WebAssembly) and prints what the test
// asks about each: its text as `terraform fmt` would write it, and its content as JSON.
const fs = require("fs");
const { format } = require("@cdktf/hcl-tools");
const { parse } = require("@cdktf/hcl2json");

(async () => {
  const files = {};
  for (const path of process.argv.slice(2)) {
    const text = fs.readFileSync(path, "utf8");
    const content = await parse(path, text);
    files[path] = { formatted: await format(text), content };
  }
  console.log(JSON.stringify(files));
})().catch((error) => {
  console.error(error.message ?? error);
  process.exit(1);
});
