// Texts, numbers and times in the language of the page. The same files and rules as locale.py.

import { facts } from "./handed.js";

const plurals = new Intl.PluralRules(facts.locale);
const numbers = new Intl.NumberFormat(facts.locale, { maximumFractionDigits: 2 });
const moments = new Intl.DateTimeFormat(facts.locale, { dateStyle: "medium", timeStyle: "short" });

/** A text with its values filled in; with plural forms, chosen by `values.n`. */
export function t(key, values = {}) {
  let text = facts.texts[key];
  if (text === undefined) throw new Error(`no text ${key}`);
  if (typeof text !== "string") text = text[plurals.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? number(values[name]) : String(values[name]));
}

/** A number as the reader writes it. */
export function number(value) {
  return numbers.format(value);
}

/** US dollars, with as many digits as a small price needs. */
export function money(usd) {
  return new Intl.NumberFormat(facts.locale, { style: "currency", currency: "USD",
    maximumFractionDigits: usd < 0.1 && usd > 0 ? 4 : 2 }).format(usd);
}

/** A moment (ISO 8601, or a Date) in the reader's own time. */
export function moment(at) {
  return moments.format(new Date(at));
}

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** A length of time in its two largest units. */
export function duration(seconds) {
  const show = (value, unit, digits = 0) => new Intl.NumberFormat(facts.locale,
    { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits }).format(value);
  if (seconds < 60) return show(seconds, "second", seconds < 10 ? 1 : 0);
  const parts = [];
  let left = Math.floor(seconds);
  for (const [unit, length] of UNITS) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count && parts.length < 2) parts.push(show(count, unit));
  }
  return parts.join(" ");
}

const BYTES = ["byte", "kilobyte", "megabyte", "gigabyte"];

/** Bytes, in the unit in which they are few. */
export function size(bytes) {
  const step = Math.min(BYTES.length - 1, bytes >= 1 ? Math.floor(Math.log10(bytes) / 3) : 0);
  return new Intl.NumberFormat(facts.locale, { style: "unit", unit: BYTES[step], unitDisplay: "short",
    maximumFractionDigits: step ? 1 : 0 }).format(bytes / 1000 ** step);
}
