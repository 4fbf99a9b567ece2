// Operate: queue and workers as they are now, every two seconds while somebody looks.

import { call } from "./api.js";
import { confirmed } from "./confirm.js";
import { find, make } from "./dom.js";
import { duration, number, t } from "./text.js";

const EVERY_MS = 2000;

function row(name, depth) {
  const cell = (text) => make("td", { class: "number" }, text);
  return make("tr", {}, make("th", { scope: "row" }, name), cell(number(depth.waiting)),
    cell(number(depth.running)), cell(depth.waiting ? duration(depth.oldest_s) : "–"));
}

function fill(id, rows) {
  const idle = make("tr", { class: "none" }, make("td", { colspan: 4, class: "quiet" }, t("operate.idle")));
  find(`#${id} tbody`).replaceChildren(...(rows.length ? rows : [idle]));
}

function worker(said) {
  const busy = said.running.length;
  const slots = Math.max(said.slots ?? 0, busy);
  const words = t("operate.slots", { busy, n: said.slots ?? 0 });
  const heard = make("span", { class: `badge ${said.is_heard ? "good" : "bad"}` },
    t(said.is_heard ? "operate.heard" : "operate.silent"));
  const local = said.is_local ? [" ", make("span", { class: "quiet" }, t("operate.local"))] : [];
  const dots = Array.from({ length: slots }, (_, n) => make("span", { class: n < busy ? "slot busy" : "slot" }));
  const runs = said.running.map((run) => make("p", { class: "small" }, make("code", {}, run.model_id),
    make("br"), make("code", { class: "id" }, run.request_id)));
  const draining = said.is_draining ? [" ", make("span", { class: "badge bare" }, t("operate.draining"))] : [];
  const labels = Object.entries(said.labels).map(([name, value]) => ` · ${name}=${value}`).join("");
  const button = said.is_heard && !said.is_draining
    ? [make("p", {}, make("button", { type: "button", class: "slim", "data-drain": said.worker_id }, t("operate.drain")))]
    : [];
  return make("li", { class: "panel" },
    make("p", { class: "row" }, heard, ...draining, " ", make("strong", {}, said.name || said.worker_id), ...local),
    make("p", { class: "slots", role: "img", "aria-label": words }, ...dots),
    make("p", { class: "quiet" }, `${words} · ${said.engines.join(", ")}${labels}`), ...runs, ...button);
}

async function refresh() {
  const [queue, { workers }] = await Promise.all([call("GET", "/v1/queue"), call("GET", "/v1/workers")]);
  const summary = t("operate.summary", { waiting: queue.waiting, running: queue.running });
  if (find("#summary").textContent !== summary) find("#summary").textContent = summary;
  fill("models", queue.models.map((each) => row(make("code", {}, each.model_id), each)));
  fill("keys", queue.keys.map((each) => row(each.key_name || each.key_id, each)));
  const none = make("li", { class: "empty" }, t("operate.no_workers"));
  find("#workers").replaceChildren(...(workers.length ? workers.map(worker) : [none]));
}

async function drain(event) {
  const id = event.target.dataset.drain;
  if (!id || !await confirmed(t("operate.drain_sure"), t("operate.drain"))) return;
  await call("POST", `/v1/workers/${id}/drain`).catch(() => {}); // the list shows whether it was heard
  await refresh().catch(() => {});
}

async function watch() {
  if (!document.hidden) await refresh().catch(() => {}); // the next look may find the server again
  setTimeout(watch, EVERY_MS);
}

find("#workers").addEventListener("click", drain);
refresh().catch(() => {}); // the buttons need scripts
setTimeout(watch, EVERY_MS);
