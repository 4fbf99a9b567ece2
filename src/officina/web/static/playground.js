// The playground: a form and its JSON in step, runs that are followed, and what they made.

import { ApiError, call } from "./api.js";
import { wordsOf } from "./asked.js";
import { announce, find, make } from "./dom.js";
import { makeForm } from "./form.js";
import { facts } from "./handed.js";
import { runCard } from "./run_card.js";
import { SNIPPETS } from "./snippets.js";
import { duration, money, t } from "./text.js";

const MOST_KEPT = 8; // runs whose ids the address remembers
const READY_MS = 10_000;
const DRAFT = `officina.draft.${facts.modelId}`;
const place = new URL(location.href);
const json = find("#json");
const runs = find("#runs");
const button = find("#run");

const form = makeForm(facts.fields, (values) => {
  json.value = JSON.stringify(values, null, 2);
  complainJson([]);
  snippets(values);
});

function snippets(values) {
  tellPrice(values);
  const url = `${facts.publicUrl}/v1/models/${facts.modelId}`;
  for (const [name, write] of Object.entries(SNIPPETS)) find(`[data-snippet="${name}"]`).textContent = write(url, values);
}

function fill(values, options) {
  form.fill(values, options);
  json.value = JSON.stringify(form.values(), null, 2);
  complainJson([]);
  snippets(form.values());
}

function complainJson(sentences) {
  find("#json-wrong").replaceChildren(...sentences.map((each) => make("li", {}, each)));
  find("#json-wrong").hidden = !sentences.length;
  json.setAttribute("aria-invalid", String(sentences.length > 0));
}

json.addEventListener("input", () => {
  let said;
  try {
    said = JSON.parse(json.value);
  } catch {
    return complainJson([t("form.not_json")]);
  }
  if (said === null || typeof said !== "object" || Array.isArray(said)) return complainJson([t("form.not_an_object")]);
  form.fill(said, { quiet: false });
  const unknown = Object.keys(said).filter((name) => !facts.fields.some((field) => field.name === name));
  complainJson([...form.complaints(), ...unknown.map((name) => t("form.unknown", { name }))]);
  snippets(form.values());
});

// Runs

const actions = {
  details: true,
  use(url) {
    if (form.use(url)) announce(t("form.added", { n: 1 }));
    find("#input").scrollIntoView({ block: "start" });
  },
  again: (input) => submit(input),
  edit(input) {
    fill(input);
    find("#input").scrollIntoView({ block: "start" });
    find("#input").focus();
  },
  gone: (id) => remember(remembered().filter((each) => each !== id)),
};

const remembered = () => place.searchParams.getAll("request");

function remember(ids) {
  place.searchParams.delete("request");
  place.searchParams.delete("from");
  for (const id of ids.slice(-MOST_KEPT)) place.searchParams.append("request", id);
  history.replaceState(null, "", place);
  find("#no-runs").hidden = ids.length > 0;
}

function follow(id, words = "") {
  const card = runCard(id, actions, words);
  runs.prepend(card);
  return card;
}

function refuse(problem) {
  const others = problem.detail?.length ? form.refuse(problem.detail) : [problem.message];
  find("#refused").textContent = others.join(" ");
  find("#refused").hidden = !others.length;
  if (others.length) announce(others.join(" "));
}

function toSignIn() {
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify(form.values()));
  } catch {
    // without storage the form begins anew
  }
  location.href = `/${facts.locale}/sign-in?next=${encodeURIComponent(place.pathname + place.search)}`;
}

async function submit(input) {
  button.disabled = true;
  find("#refused").hidden = true;
  try {
    const { request_id: id } = await call("POST", `/v1/models/${facts.modelId}`, input);
    announce(t("run.submitted"));
    remember([...remembered(), id]);
    const card = follow(id, wordsOf(input));
    card.scrollIntoView({ block: "nearest" });
  } catch (problem) {
    if (problem.status === 401) toSignIn();
    else refuse(problem instanceof ApiError ? problem : new ApiError(0, { message: t("run.no_answer") }));
  } finally {
    button.disabled = false;
  }
}

find("#form").addEventListener("submit", async (event) => {
  event.preventDefault();
  find("#refused").hidden = true;
  if (!form.check({ focus: !json.checkVisibility() })) {
    complainJson(form.complaints());
    return announce(t("form.wrong"));
  }
  if (!facts.signedIn) return toSignIn();
  button.disabled = true;
  await form.settle();
  button.disabled = false;
  const left = JSON.stringify(form.values()).includes('"blob:');
  if (form.check() && !left) await submit(form.values());
});

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length && form.addFiles(files, event.target)) event.preventDefault();
});
for (const kind of ["dragover", "drop"])
  document.addEventListener(kind, (event) => {
    if (event.dataTransfer?.types.includes("Files") && !event.defaultPrevented) {
      event.preventDefault(); // a file that misses its field shall not replace the page
      if (kind === "drop") form.addFiles([...event.dataTransfer.files], event.target);
    }
  });
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("#form").requestSubmit();
});

// What a run costs and how long it takes, told before it

const MOST_PICTURES = 15; // inputs and outputs together, where the prompt says how many

/** How many pictures a run makes at most, as far as its input tells. */
function mostPictures(values) {
  if (values.force_single === true || !facts.fields.some(({ name }) => name === "force_single")) return values.num_images ?? 1;
  const given = facts.fields.filter(({ media }) => media === "image").flatMap(({ name }) => values[name] ?? []);
  return Math.max(1, MOST_PICTURES - given.length);
}

function tellPrice(values) {
  const { priceUsd, priceUnit } = facts;
  const price = money(priceUsd);
  const parts = !priceUsd ? [t("before.free")] : priceUnit === "second" ? [t("before.per_second", { price })]
    : [t("before.per_output", { price }), t("before.most", { price: money(priceUsd * mostPictures(values)) })];
  find("#price").textContent = parts.join(" · ");
}

function tellOutlook({ waiting, wait_s: wait, usual_run_s: usual }) {
  const parts = [...(wait === 0 ? [t("before.at_once")] : waiting ? [t("before.ahead", { n: waiting })] : []),
    ...(wait > 0 ? [t("before.wait", { time: duration(wait) })] : []),
    usual === null ? t("before.unknown") : t("before.takes", { time: duration(usual) })];
  find("#outlook").textContent = parts.join(" · ");
}

async function watchEngine() {
  if (!document.hidden) {
    const now = await call("GET", `/v1/models/${facts.modelId}`).catch(() => null);
    if (now) tellOutlook(now.outlook);
    for (const badge of now ? document.querySelectorAll(".model-head .badge:first-child, #engine .badge") : []) {
      badge.className = `badge ${now.ready ? "good" : "wait"}`;
      badge.textContent = t(now.ready ? "explore.ready" : "explore.not_ready", { engine: now.engine });
      badge.title = now.not_ready_reason ?? "";
    }
  }
  setTimeout(watchEngine, READY_MS);
}

/** What the form begins with: what was written before signing in, a former run's input, or the example. */
async function start() {
  const from = place.searchParams.get("from");
  const draft = sessionStorage.getItem(DRAFT);
  sessionStorage.removeItem(DRAFT);
  fill(facts.example);
  if (draft) fill(JSON.parse(draft));
  else if (from && facts.signedIn)
    await call("GET", `/v1/requests/${encodeURIComponent(from)}`).then(({ input }) => fill(input), (problem) => refuse(problem));
}

find("#fields").append(form.element);
find("#form").hidden = false;
find("#example").addEventListener("click", () => fill(facts.example));
find("#clear").addEventListener("click", () => fill({}));
start();
if (facts.signedIn) {
  remembered().forEach((id) => follow(id));
  find("#no-runs").hidden = remembered().length > 0;
  watchEngine();
}
