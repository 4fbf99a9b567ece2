// What a file is, as far as the browser can tell before a run: its format, bytes and pixels.

import { call, pathOf } from "./api.js";
import { facts } from "./handed.js";
import { t } from "./text.js";

const MAGIC = [
  ["jpeg", [0xff, 0xd8, 0xff]], ["png", [0x89, 0x50, 0x4e, 0x47]], ["gif", [0x47, 0x49, 0x46, 0x38]],
  ["webp", [0x52, 0x49, 0x46, 0x46]], ["bmp", [0x42, 0x4d]],
];

/** Where the browser may load a value from, or "" for what only the server can fetch. */
export function sourceOf(value) {
  if (/^(blob:|data:(image|video|audio)\/)/.test(value)) return value;
  if (/^file_[0-9a-f]+$/.test(value)) return `/files/${value.slice(5)}`;
  return value.startsWith(`${facts.publicUrl}/files/`) ? pathOf(value) : "";
}

/** Measure a file that the reader has chosen. */
export async function measureFile(file, media) {
  const measured = { file, bytes: file.size, name: file.name, source: URL.createObjectURL(file) };
  if (media !== "image") return measured;
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  measured.format = MAGIC.find(([, bytes]) => bytes.every((each, n) => head[n] === each))?.[0] ?? "other";
  if (measured.format === "other") return { ...measured, source: "", problem: t("form.not_a_picture") };
  return { ...measured, ...await pixels(measured.source) };
}

const PASSING = /^url_(timeout|unreachable|server_error)$/; // the run may have better luck

/** Measure what a value of the input points to. */
export async function measureValue(value, { name: field, media }) {
  const source = sourceOf(value);
  const measured = { source, name: facts.exampleNames[value] ?? nameOf(value) };
  if (!source) return facts.signedIn && /^https?:/i.test(value) ? { ...measured, ...await probe(value, field) } : measured;
  if (source.startsWith("/")) {
    const answer = await fetch(source, { method: "HEAD" }).catch(() => null);
    if (!answer?.ok) return { ...measured, source: "", problem: t("form.gone") };
    measured.bytes = Number(answer.headers.get("Content-Length"));
    measured.format = answer.headers.get("Content-Type")?.replace(/^image\//, "");
  }
  return media === "image" ? { ...measured, ...await pixels(source) } : measured;
}

/** What the server finds behind a stranger's URL. It keeps that for an hour, so that it can be shown. */
async function probe(url, field) {
  try {
    const { file, width, height } = await call("POST", "/v1/files/probe", { model_id: facts.modelId, field, url });
    return { bytes: file.size_bytes, format: file.content_type.replace(/^image\//, ""), width, height, source: pathOf(file.url) };
  } catch (problem) {
    const [found] = problem.detail ?? [];
    if (!found) return {}; // too many looks, or no answer: the run will tell
    return PASSING.test(found.type) ? { failed: found.msg } : { problem: found.msg };
  }
}

function nameOf(value) {
  try {
    return value.startsWith("data:") ? value.slice(0, 24) : decodeURIComponent(new URL(value).pathname.split("/").pop());
  } catch {
    return value.slice(0, 60);
  }
}

async function pixels(source) {
  const picture = new Image();
  picture.src = source;
  try {
    await picture.decode();
    return { width: picture.naturalWidth, height: picture.naturalHeight };
  } catch {
    return { source: "", problem: t("form.not_a_picture") };
  }
}
