// What an engine has to say: what it understood, what it left out, and why it failed.

import { make } from "./dom.js";
import { t } from "./text.js";

const OWN = ["understood", "ignored", "not_understood", "ignored_fields", "approximate"];
const GROUPS = [
  [/^(url_|input_|file_|picture_|not_a_picture|validation_)/, "run.advice_input"],
  [/^not_understood/, "run.advice_words"],
  [/^(engine_|out_of_memory|deadline_|output_)/, "run.advice_engine"],
];

function list(key, values) {
  const said = [values].flat().filter((each) => each !== null && each !== "");
  if (!said.length) return [];
  return [make("dt", {}, t(key)), make("dd", {}, make("ul", { lang: "en" }, ...said.map((each) => make("li", {}, String(each)))))];
}

/** The notes of a run, or nothing when there are none. */
export function notes(said) {
  if (!said || !Object.keys(said).length) return [];
  const rows = [...list("run.understood", said.understood ?? []), ...list("run.ignored", said.ignored ?? []),
    ...list("run.not_understood", said.not_understood ?? []), ...list("run.ignored_fields", said.ignored_fields ?? [])];
  const others = Object.entries(said).filter(([name]) => !OWN.includes(name));
  if (others.length)
    rows.push(make("dt", {}, t("run.other_notes")), make("dd", {}, make("code", {}, JSON.stringify(Object.fromEntries(others)))));
  const loose = said.approximate === true ? [make("p", { class: "quiet small" }, t("run.approximate"))] : [];
  return [make("section", { class: "notes" }, make("h4", {}, t("run.notes")), make("dl", {}, ...rows), ...loose)];
}

/** Why a run failed, and what can be done about it. */
export function failure({ type, message, detail }) {
  const advice = GROUPS.find(([pattern]) => pattern.test(type))?.[1] ?? "run.advice_ours";
  const understood = Object.fromEntries(["understood", "not_understood"].map((name) => [name, detail?.[name]]).filter(([, value]) => value));
  return make("div", { class: "problem failure" }, make("p", {}, make("code", {}, type)),
    make("p", { lang: "en" }, message), make("p", { class: "advice" }, t(advice)), ...notes(understood));
}
