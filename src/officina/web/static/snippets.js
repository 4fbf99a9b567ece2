// The present input as a program: curl, Python, JavaScript. The same programs as samples.py writes.

import { facts } from "./handed.js";

const quoted = (text) => `'${text.replaceAll("'", `'"'"'`)}'`;
const pretty = (value) => JSON.stringify(value, null, 2);

function python(value, indent = 0) {
  const inner = " ".repeat(indent + 4);
  const outer = " ".repeat(indent);
  if (Array.isArray(value) && value.length)
    return `[\n${value.map((each) => `${inner}${python(each, indent + 4)},\n`).join("")}${outer}]`;
  if (value && typeof value === "object" && Object.keys(value).length)
    return `{\n${Object.entries(value).map(([name, each]) => `${inner}${JSON.stringify(name)}: ${python(each, indent + 4)},\n`).join("")}${outer}}`;
  return { true: "True", false: "False", null: "None" }[String(value)] ?? JSON.stringify(value);
}

export const SNIPPETS = {
  curl: (url, body) => `curl --request POST \\
  --url ${quoted(url)} \\
  --header "Content-Type: application/json" \\
  --header "Authorization: Bearer $${facts.variable}" \\
  --data ${quoted(pretty(body))}`,

  Python: (_, body) => `import os

import httpx

headers = {"Authorization": f"Bearer {os.environ['${facts.variable}']}"}
api = httpx.Client(base_url=${JSON.stringify(facts.publicUrl)}, headers=headers, timeout=70)
answer = api.post(${JSON.stringify(`/v1/models/${facts.modelId}`)}, json=${python(body)}).raise_for_status().json()

result = {"status": "in_queue"}
while result["status"] in ("in_queue", "in_progress"):
    url = f"/v1/requests/{answer['request_id']}/result"
    result = api.get(url, params={"wait": 60}).raise_for_status().json()
print(result["status"], result.get("output") or result.get("error"))`,

  JavaScript: (url, body) => `const base = ${JSON.stringify(facts.publicUrl)};
const headers = { Authorization: \`Bearer \${process.env.${facts.variable}}\` };
const answer = await (await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers,
  body: JSON.stringify(${pretty(body).replaceAll("\n", "\n  ")}),
})).json();

let result = { status: "in_queue" };
while (["in_queue", "in_progress"].includes(result.status)) {
  const url = \`\${base}/v1/requests/\${answer.request_id}/result?wait=60\`;
  result = await (await fetch(url, { headers })).json();
}
console.log(result.status, result.output ?? result.error);`,
};
