// Every rule of a field that can be checked before a run. A file that breaks one is told in the model's words.

import { facts } from "./handed.js";
import { number, t } from "./text.js";

const MEGABYTE = 2 ** 20;
const OPERATORS = {
  "<=": (a, b) => a <= b, ">=": (a, b) => a >= b, "<": (a, b) => a < b, ">": (a, b) => a > b,
  "==": (a, b) => Math.abs(a - b) < 1e-9,
};
const METRICS = {
  file_size_mb: ({ bytes }) => bytes / MEGABYTE,
  width_pixels: ({ width }) => width,
  height_pixels: ({ height }) => height,
  "width/height": ({ width, height }) => width / height,
};

/** How many characters people would count. */
export const length = (text) => [...text].length;

/** What is wrong with a measured file; nothing where a measure is not known. */
export function fileProblems(field, measured) {
  if (measured.problem) return [measured.problem];
  const found = [];
  if (field.media === "image" && measured.format && !facts.accepts.includes(measured.format))
    found.push(t("form.format", { formats: facts.accepts.map((each) => each.toUpperCase()).join(", ") }));
  if (measured.file && measured.bytes > facts.maxUploadMb * MEGABYTE)
    found.push(t("form.too_many_bytes", { n: facts.maxUploadMb }));
  for (const rule of field.rules) {
    const value = METRICS[rule.metric](measured);
    if (Number.isFinite(value) && !OPERATORS[rule.operator](value, rule.value)) found.push(rule.error);
  }
  return [...new Set(found)];
}

/** What is wrong with a value, files aside; an empty list when it is good. */
export function problems(field, value) {
  const empty = value === undefined || value === "" || (Array.isArray(value) && !value.length);
  if (value === null && field.nullable) return [];
  if (empty || value === null) return field.required ? [t("form.required")] : [];
  return [...CHECKS[field.control](field, value)];
}

const CHECKS = {
  *text(field, value) {
    if (typeof value !== "string") return yield t("form.must_be_text");
    const { minLength, maxLength } = field.limits;
    if (length(value) < minLength) yield t("form.too_short", { low: minLength, n: length(value) });
    if (length(value) > maxLength) yield t("form.too_long", { high: maxLength, n: length(value) });
    if (field.pattern && !fits(field.pattern, value)) yield t("form.pattern", { pattern: field.pattern });
  },
  *number(field, value) {
    if (typeof value !== "number" || !Number.isFinite(value)) return yield t("form.must_be_number");
    if (field.integer && !Number.isInteger(value)) yield t("form.must_be_whole");
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field.limits;
    if (value < minimum || value <= exclusiveMinimum)
      yield t("form.too_low", { low: number(minimum ?? exclusiveMinimum) });
    if (value > maximum || value >= exclusiveMaximum)
      yield t("form.too_high", { high: number(maximum ?? exclusiveMaximum) });
  },
  *choice(field, value) {
    if (!field.options.includes(value)) yield t("form.not_an_option");
  },
  *shape(field, value) {
    if (!field.options.includes(value)) yield t("form.not_an_option");
  },
  *switch(field, value) {
    if (typeof value !== "boolean") yield t("form.must_be_boolean");
  },
  *files(field, value) {
    const many = Array.isArray(value);
    if (many !== field.many || (many ? value : [value]).some((each) => typeof each !== "string"))
      return yield t(field.many ? "form.must_be_files" : "form.must_be_file");
    const { minItems, maxItems } = field.limits;
    if (many && value.length < minItems) yield t("form.too_few", { n: minItems });
    if (many && value.length > maxItems) yield t("form.too_many", { n: maxItems });
  },
  *json() {}, // only the server knows
};

function fits(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // not every pattern of the server is one of the browser; the server decides
  }
}
