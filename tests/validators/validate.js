// Usage: node validate.js asyncapi.json openapi.json
// Says what is wrong with the two documents, and ends with status 1 if anything is.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";

const WARNING = 1; // below it are hints, such as that there is a later AsyncAPI than 3.0
const [asyncapi, openapi] = process.argv.slice(2).map((file) => readFileSync(file, "utf8"));

const { diagnostics } = await new Parser().parse(asyncapi);
const found = diagnostics.filter(({ severity }) => severity <= WARNING);
const problems = found.map(({ code, message, path }) => `asyncapi: ${code}: ${message} at ${path.join("/")}`);

const { valid, errors } = await new Validator().validate(JSON.parse(openapi));
if (!valid) problems.push(`openapi: ${JSON.stringify(errors)}`);

for (const problem of problems) console.log(problem);
process.exitCode = problems.length ? 1 : 0;
