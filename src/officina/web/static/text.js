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

/** A moment (ISO 8601, or a Date) in the reader's own time. */
export function moment(at) {
  return moments.format(new Date(at));
}
