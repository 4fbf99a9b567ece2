// One run: where it stands, how it goes on, and what came of it.

import { call } from "./api.js";
import { wordsOf } from "./asked.js";
import { confirmed } from "./confirm.js";
import { announce, find, icon, make } from "./dom.js";
import { follow } from "./follow.js";
import { gallery, shown } from "./gallery.js";
import { facts } from "./handed.js";
import { sourceOf } from "./measure.js";
import { failure, notes } from "./said.js";
import { duration, moment, money, t } from "./text.js";

const TICK_MS = 200;
const LOOKS = { in_queue: "wait", in_progress: "wait", succeeded: "good", failed: "bad", cancelled: "bare" };

/** A card that follows a request to its end; `asked` are its words, where they are known. `actions`: `again(input)`, `edit(input)`, `gone()`;
 *  and where they make sense `use(url)`, `ended(record)`, and `details`, which links to the run's own page. */
export function runCard(requestId, actions, asked = "") {
  const badge = make("span", { class: "badge wait" }, t("run.in_queue"));
  const clock = make("span", { class: "quiet clock" });
  const engine = make("span", { class: "quiet" });
  const words = make("p", { class: "words", dir: "auto" }, asked);
  const progress = make("progress", { max: 1, "aria-label": t("run.progress") });
  const message = make("span", { class: "quiet small message", lang: "en" });
  const cancel = make("button", { type: "button", class: "slim danger", onclick: stop }, icon("close"), t("run.cancel"));
  const going = make("div", { class: "going" }, progress, make("div", { class: "row" }, message, cancel));
  const outcome = make("div", { class: "outcome" });
  const element = make("article", { class: "run panel", "aria-label": t("run.title"), "data-id": requestId },
    make("header", { class: "row" }, badge, clock, engine), words, going, outcome);
  let begun = Date.now();
  let state = "in_queue";
  const timer = setInterval(() => { clock.textContent = duration((Date.now() - begun) / 1000); }, TICK_MS);

  function become(next, detail = "") {
    if (state !== next) announce(`${t(`run.${next}`)} ${detail}`.trim());
    state = next;
    badge.className = `badge ${LOOKS[next]}`;
    badge.textContent = t(`run.${next}`);
    element.dataset.state = next;
  }

  const hearing = {
    queued: () => { become("in_queue"); progress.removeAttribute("value"); },
    place: ({ place }) => { if (state === "in_queue") message.textContent = t("run.place", { place }); },
    started: (data) => {
      if (state !== "in_progress") message.textContent = "";
      if (data.at) begun = Math.min(Date.now(), Date.parse(data.at));
      if (data.engine) engine.textContent = data.engine;
      become("in_progress");
    },
    progress: (data) => { become("in_progress"); progress.value = data.fraction; message.textContent = data.message ?? ""; },
    log: () => {},
    ended: () => load(),
  };
  const unfollow = follow(requestId, (kind, data) => hearing[kind](data));

  async function stop() {
    cancel.disabled = true;
    try {
      const said = await call("POST", `/v1/requests/${requestId}/cancel?force=true`);
      if (said.outcome !== "cancelled") message.textContent = t("run.stopping");
    } catch (problem) {
      message.textContent = problem.message;
      cancel.disabled = false;
    }
  }

  async function load() {
    try {
      show(await call("GET", `/v1/requests/${requestId}`));
    } catch (problem) {
      end(make("p", { class: "quiet" }, problem.status === 404 ? t("run.gone") : problem.message));
    }
  }

  function end(...parts) {
    clearInterval(timer);
    going.hidden = true;
    outcome.replaceChildren(...parts);
  }

  function show(record) {
    words.textContent = wordsOf(record.input);
    become(record.status);
    engine.textContent = record.engine ?? "";
    const seconds = (Date.parse(record.finished_at) - Date.parse(record.started_at ?? record.created_at)) / 1000;
    clock.textContent = duration(Math.max(0, seconds));
    const befores = pictures(record.input);
    actions.ended?.(record);
    end(...(record.output ? [gallery(record.output, { befores, use: actions.use })] : []),
      ...(record.error ? [failure(record.error)] : []), ...notes(record.notes), foot(record));
  }

  function foot(record) {
    const tool = (glyph, key, does) => make("button", { type: "button", class: "slim", onclick: does }, icon(glyph), t(key));
    const id = make("code", { class: "id", id: `id-${requestId}` }, requestId);
    return make("footer", {}, make("div", { class: "row" },
      tool("again", "run.again", () => actions.again(record.input)), tool("edit", "run.edit", () => actions.edit(record.input)),
      ...(actions.details ? [make("a", { class: "button slim", href: `/${facts.locale}/generations/${requestId}` }, icon("more"), t("run.details"))] : []),
      tool("bin", "run.delete", remove)),
      make("p", { class: "quiet small row" }, ...(record.expires_at ? [make("span", {}, t("run.expires", { at: moment(record.expires_at) }))] : []),
        ...(record.cost ? [make("span", {}, money(record.cost))] : [])),
      make("p", { class: "quiet small row known" }, t("run.id"), id,
        make("button", { type: "button", class: "plain copy inline", "aria-controls": id.id, "aria-label": t("run.copy_id") }, icon("copy"), icon("check"))));
  }

  async function remove() {
    if (!await confirmed(t("run.delete_sure"), t("run.delete"))) return;
    await call("DELETE", `/v1/requests/${requestId}`).catch(() => {});
    announce(t("run.deleted"));
    const next = element.nextElementSibling ?? find("#run");
    element.remove();
    next?.focus?.();
    actions.gone(requestId);
  }

  element.tabIndex = -1;
  if (!asked) call("GET", `/v1/requests/${requestId}`).then(({ input }) => { words.textContent = wordsOf(input); }, () => {});
  element.unfollow = unfollow;
  return element;
}

/** The paths of the pictures of an input that this browser can show. */
export function pictures(input) {
  const files = (facts.fields ?? []).filter(({ media }) => media === "image");
  return files.flatMap(({ name }) => [input[name] ?? []].flat()).map((each) => sourceOf(shown(each)) || sourceOf(each)).filter(Boolean);
}
