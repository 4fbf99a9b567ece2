// The library of one's runs: narrowed as one types, longer on demand, and alive while something runs.

import { call } from "./api.js";
import { wordsOf } from "./asked.js";
import { confirmed } from "./confirm.js";
import { all, announce, find, icon, make } from "./dom.js";
import { shown } from "./gallery.js";
import { facts } from "./handed.js";
import { moment, t } from "./text.js";

const TYPING_MS = 250;
const LOOK_MS = 2500;
const LOOKS = { succeeded: "good", failed: "bad", cancelled: "bare" };
const filter = find("#filter");
const grid = find("#generations");
const more = find("#more");
const here = `/${facts.locale}/generations`;
let typing = 0;
let cursor = null;
let asking = 0;
let chosen = "";

function card(run) {
  const id = run.request_id;
  const words = wordsOf(run.input);
  const output = run.output ?? {};
  const [first] = [output.images ?? output.image ?? []].flat();
  const [video] = [output.videos ?? output.video ?? []].flat();
  const count = [output.images ?? []].flat().length;
  const face = first ? make("img", { src: shown(first), alt: "", loading: "lazy", decoding: "async" })
    : video ? make("video", { src: shown(video), muted: true, preload: "metadata" })
      : make("span", { class: `tile state-${run.status}`, "aria-hidden": "true" }, icon(run.finished_at ? "close" : "more"));
  const tool = (glyph, key, does) => make("button", { type: "button", class: "plain tool", "aria-label": t(key), title: t(key), onclick: does }, icon(glyph));
  const playground = `/${facts.locale}/models/${run.model_id}`;
  return make("li", { class: "card generation", "data-id": id, "data-state": run.status },
    make("a", { class: "frame", href: `${here}/${id}`, "aria-label": words || t("run.details") }, face,
      ...(count > 1 ? [make("b", { class: "count" }, String(count))] : [])),
    make("p", { class: "words", dir: "auto" }, words),
    make("p", { class: "quiet small" }, make("code", { class: "id" }, run.model_id)),
    ...(run.error ? [make("p", { class: "wrong small", lang: "en" }, run.error.message)] : []),
    make("div", { class: "row foot" }, make("span", { class: `badge ${LOOKS[run.status] ?? "wait"}` }, t(`run.${run.status}`)),
      make("time", { class: "quiet small", datetime: run.created_at }, moment(run.created_at))),
    make("div", { class: "row tools-row" },
      make("a", { class: "button tool", href: `${playground}?from=${id}`, "aria-label": t("generations.fork"), title: t("generations.fork") }, icon("edit")),
      tool("again", "run.again", () => again(run, playground)),
      ...(run.status === "succeeded" ? [tool("share", "generations.share_copy", () => share(id))] : []),
      ...(run.finished_at ? [comparing(id), tool("bin", "run.delete", () => remove(id))] : [])));
}

function comparing(id) {
  return make("button", { type: "button", class: "plain tool", "aria-label": t("generations.compare"), title: t("generations.compare"),
    "aria-pressed": String(id === chosen), onclick: () => choose(id) }, icon("compare"));
}

/** Take a run as one of the two to compare, or take it back; with the second one they are shown. */
function choose(id) {
  if (chosen && chosen !== id) {
    location.href = `${here}/compare?a=${chosen}&b=${id}`;
    return;
  }
  chosen = chosen ? "" : id;
  find(`[data-id="${CSS.escape(id)}"] [aria-pressed]`).setAttribute("aria-pressed", String(Boolean(chosen)));
  find("#choosing").hidden = !chosen;
  if (chosen) announce(t("generations.compare_second"));
}

async function again(run, playground) {
  const { request_id: id } = await call("POST", `/v1/models/${run.model_id}`, run.input).catch(complain) ?? {};
  if (id) location.href = `${playground}?request=${id}`;
}

async function share(id) {
  const made = await call("POST", `/v1/requests/${id}/share`).catch(complain);
  if (!made) return;
  await navigator.clipboard.writeText(made.url);
  announce(t("generations.share_copied"));
}

async function remove(id) {
  if (!await confirmed(t("run.delete_sure"), t("run.delete"))) return;
  if (!await call("DELETE", `/v1/requests/${id}`).catch(complain)) return;
  const gone = find(`[data-id="${CSS.escape(id)}"]`);
  (gone.nextElementSibling ?? gone.previousElementSibling ?? find("main")).querySelector("a")?.focus();
  gone.remove();
  tellEmpty();
  announce(t("run.deleted"));
}

function tellEmpty() {
  const isNarrowed = [...new FormData(filter).values()].some(Boolean);
  find("#nothing").hidden = grid.children.length > 0 || !isNarrowed;
  find("#nothing-yet").hidden = grid.children.length > 0 || isNarrowed;
}

function complain(problem) {
  announce(problem.message);
}

function show(said, { onTop = true } = {}) {
  const cards = said.requests.map(card);
  if (onTop) grid.replaceChildren(...cards);
  else grid.append(...cards);
  if (!onTop) find("a", cards[0])?.focus();
  cursor = said.next_cursor;
  more.hidden = !cursor;
  tellEmpty();
}

function query(after) {
  const wanted = new URLSearchParams([...new FormData(filter)].filter(([, value]) => value));
  history.replaceState(null, "", wanted.size ? `?${wanted}` : here);
  for (const [name, value] of [["limit", facts.pageSize], ["include_input", true], ["include_output", true]]) wanted.set(name, value);
  if (after) wanted.set("cursor", after);
  return wanted;
}

async function load(after) {
  asking += 1;
  const mine = asking;
  const said = await call("GET", `/v1/requests?${query(after)}`).catch(complain);
  if (said && mine === asking) show(said, { onTop: !after });
}

async function watch() {
  const going = all("[data-state=in_queue], [data-state=in_progress]", grid).slice(0, 12);
  if (!document.hidden)
    for (const old of going) {
      const run = await call("GET", `/v1/requests/${old.dataset.id}`).catch(() => null);
      if (run && run.status !== old.dataset.state && old.isConnected && !old.contains(document.activeElement)) {
        old.replaceWith(card(run));
        announce(`${wordsOf(run.input)}: ${t(`run.${run.status}`)}`);
      }
    }
  setTimeout(watch, LOOK_MS);
}

filter.addEventListener("submit", (event) => { event.preventDefault(); load(); });
filter.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(load, TYPING_MS); });
more.addEventListener("click", (event) => { event.preventDefault(); load(cursor); });
show(facts.page);
setTimeout(watch, LOOK_MS);
