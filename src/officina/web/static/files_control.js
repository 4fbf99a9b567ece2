// A list of files: dropped, pasted, chosen or named by a URL; shown with size and pixels; put in order.

import { call } from "./api.js";
import { announce, find, icon, make } from "./dom.js";
import { facts } from "./handed.js";
import { measureFile, measureValue, sourceOf } from "./measure.js";
import { fileProblems } from "./rules.js";
import { number, size, t } from "./text.js";

const ACCEPT = { image: facts.accepts.map((each) => `image/${each}`).join(","), video: "video/*", audio: "audio/*" };
const known = new Map(); // value → what was measured of it, and `sending` while it is uploaded

/** The control of a field of files. `changed(value)` is told what the reader made of it. */
export function filesControl(field, id, changed) {
  let values = [];
  const asked = new Map(); // value → the measuring of it
  const list = make("ol", { class: "files" });
  const url = make("input", { type: "url", placeholder: "https://…", "aria-label": t("form.url", { field: field.title }) });
  const picker = make("input", { type: "file", id, class: "covered", accept: ACCEPT[field.media], multiple: field.many,
    onchange: () => { add([...picker.files]); picker.value = ""; } });
  const face = make("label", { for: id, class: "button" }, icon("plus"), t(field.many ? "form.choose_files" : "form.choose_file"));
  const zone = make("div", { class: "zone" }, picker, face,
    make("span", { class: "quiet small" }, t("form.drop")),
    make("div", { class: "url-row" }, url, make("button", { type: "button", onclick: addUrl }, t("form.add"))));
  const element = make("div", { class: "files-control", ondragover: over, ondragleave: out, ondrop: drop }, list, zone);
  url.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); addUrl(); } });

  const put = (next) => {
    values = next;
    render();
    changed(field.many ? values : values[0]);
  };
  const place = (added) => put(field.many ? [...values, ...added] : added.slice(0, 1));

  async function add(files) {
    const added = await Promise.all(files.map(async (file) => {
      const measured = await measureFile(file, field.media);
      const value = measured.source || URL.createObjectURL(file);
      known.set(value, measured);
      return value;
    }));
    if (!added.length) return;
    place(added);
    announce(t("form.added", { n: added.length }));
    await send();
  }

  function addUrl() {
    if (!url.value.trim()) return;
    place([url.value.trim()]);
    url.value = "";
  }

  /** Upload what is good and still only in this browser; resolves when all of it has arrived or failed. */
  async function send() {
    if (!facts.signedIn) return;
    await Promise.all(values.map((value) => asked.get(value)));
    await Promise.all(values.map((value) => {
      const measured = known.get(value);
      if (!measured?.file || fileProblems(field, measured).length) return null;
      measured.sending ??= upload(value, measured);
      return measured.sending;
    }));
  }

  async function upload(value, measured) {
    try {
      const kept = await call("POST", `/v1/files?filename=${encodeURIComponent(measured.name)}`, measured.file);
      known.set(kept.url, { ...measured, file: null, sending: null });
      if (values.includes(value)) put(values.map((each) => (each === value ? kept.url : each)));
    } catch (problem) {
      measured.sending = null;
      measured.failed = problem.message;
      render();
    }
  }

  function move(from, to) {
    if (to < 0 || to >= values.length || from === to) return;
    const next = [...values];
    next.splice(to, 0, ...next.splice(from, 1));
    put(next);
    announce(t("form.moved", { n: to + 1 }));
  }

  function over(event) {
    event.preventDefault();
    element.classList.add("over");
  }

  function out(event) {
    if (!element.contains(event.relatedTarget)) element.classList.remove("over");
  }

  function drop(event) {
    event.preventDefault();
    element.classList.remove("over");
    const from = event.dataTransfer.getData("application/x-officina-place");
    const target = event.target.closest("li[data-n]");
    if (from !== "") move(Number(from), target ? Number(target.dataset.n) : values.length - 1);
    else if (event.dataTransfer.files.length) add([...event.dataTransfer.files]);
    else if (/^https?:/.test(event.dataTransfer.getData("text/uri-list"))) place([event.dataTransfer.getData("text/uri-list")]);
  }

  function measure(value) {
    if (!asked.has(value)) asked.set(value, measured(value));
  }

  async function measured(value) {
    const found = await measureValue(value, field);
    if (!known.has(value)) known.set(value, found);
    render();
    changed(null, true);
  }

  /** The language of what is wrong with a file, where it is not the page's. */
  function tongue(sentence, measured) {
    if (sentence === measured.failed) return "en";
    return (field.rules.some((rule) => rule.error === sentence) && field.tongue) || null;
  }

  function item(value, n) {
    const measured = known.get(value);
    if (!measured) measure(value);
    const facts_ = [measured?.bytes && size(measured.bytes),
      measured?.width && `${number(measured.width)} × ${number(measured.height)}`].filter(Boolean).join(" · ");
    const remote = measured && !measured.source && !measured.problem && !measured.failed ? t("form.remote") : "";
    const name = measured?.name || value;
    const waiting = facts.signedIn && /^https?:/i.test(value) && !sourceOf(value) ? t("probe.looking") : "…";
    const tool = (label, glyph, does, off) => make("button", { type: "button", class: "plain tool", disabled: off,
      "aria-label": t(label, { n: n + 1 }), title: t(label, { n: n + 1 }), onclick: () => does(glyph) }, icon(glyph));
    const shown = measured?.source && field.media === "image"
      ? make("img", { src: measured.source, alt: name, draggable: "false" })
      : make("span", { class: "blank", "aria-hidden": "true" }, icon("link"));
    return make("li", { "data-n": n, draggable: field.many ? "true" : "false",
      ondragstart: (event) => event.dataTransfer.setData("application/x-officina-place", String(n)) },
      make("span", { class: "thumb" }, shown, make("b", { "aria-hidden": "true" }, number(n + 1))),
      make("span", { class: "about" }, make("span", { class: "name" }, name), make("span", { class: "quiet small" }, facts_ || remote || (measured ? "" : waiting)),
        ...(measured ? [...fileProblems(field, measured), ...(measured.failed ? [measured.failed] : [])] : [])
          .map((sentence) => make("span", { class: "wrong", lang: tongue(sentence, measured) }, sentence))),
      make("span", { class: "tools-row" },
        ...(field.many ? [tool("form.earlier", "up", () => step(n, -1), n === 0), tool("form.later", "down", () => step(n, 1), n === values.length - 1)] : []),
        tool("form.remove", "close", () => { put(values.filter((_, at) => at !== n)); announce(t("form.removed")); })));
  }

  /** Move by one place and keep the focus on the button that was pressed. */
  function step(n, by) {
    move(n, n + by);
    const buttons = list.children[n + by].querySelectorAll("button");
    const wanted = buttons[by < 0 ? 0 : 1];
    (wanted.disabled ? buttons[by < 0 ? 1 : 0] : wanted).focus();
  }

  function render() {
    list.replaceChildren(...values.map(item));
    list.hidden = !values.length;
    zone.hidden = !field.many && values.length > 0;
  }

  return {
    element,
    add,
    send,
    first: () => find("input", element),
    set(value) {
      values = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === "string" && each);
      render();
    },
    /** Problems of the files that are shown at them, for whoever asks before a run. */
    problems: () => values.flatMap((value, n) => fileProblems(field, known.get(value) ?? {})
      .map((sentence) => `${field.many ? `${n + 1}: ` : ""}${sentence}`)),
  };
}
