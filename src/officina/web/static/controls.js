// One control for each kind of field. Each has `element`, `set(value)`, and `first()`, which takes the focus.

import { announce, icon, make } from "./dom.js";
import { length } from "./rules.js";
import { number, t } from "./text.js";

const MOST_RANDOM = 2 ** 31 - 1;

function text(field, id, changed) {
  const { maxLength } = field.limits;
  const input = make(field.multiline ? "textarea" : "input", { id, rows: 4, dir: "auto", spellcheck: "true", autocomplete: "off",
    oninput: () => { count(); changed(input.value); } });
  const counter = make("span", { class: "counter quiet small" });
  const count = () => {
    counter.textContent = maxLength ? `${number(length(input.value))} / ${number(maxLength)}` : "";
    counter.classList.toggle("over", length(input.value) > maxLength);
  };
  const set = (value) => { input.value = typeof value === "string" ? value : ""; count(); };
  return { element: make("div", { class: "counted" }, input, counter), set, first: () => input };
}

/** `2496x1664(3:2)` as its parts; sizes that are named otherwise have only their name. */
function parts(option) {
  const size = /^(\d+)\s*[x×]\s*(\d+)/.exec(option);
  const ratio = /\(?(\d+)\s*:\s*(\d+)\)?/.exec(option);
  const [w, h] = (size ?? ratio ?? []).slice(1).map(Number);
  return { ratio: ratio ? `${ratio[1]}:${ratio[2]}` : "", size: size ? `${size[1]} × ${size[2]}` : "", w, h };
}

function shape(field, id, changed) {
  const chips = field.options.map((option, n) => {
    const { ratio, size, w, h } = parts(String(option));
    const box = make("span", { class: "box", "aria-hidden": "true" });
    if (w && h) box.style.aspectRatio = `${w} / ${h}`;
    if (h > w) box.style.width = `${(1.6 * w) / h}rem`;
    const radio = make("input", { type: "radio", name: id, id: n ? `${id}-${n}` : id, class: "covered", onchange: () => changed(option) });
    return { option, radio, label: make("label", { class: "chip", for: radio.id, title: String(option) }, box,
      make("span", {}, make("b", {}, ratio || String(option)), ...(ratio && size ? [make("small", {}, size)] : []))) };
  });
  const element = make("div", { class: "shapes", role: "radiogroup", "aria-labelledby": `${id}-label` },
    ...chips.flatMap(({ radio, label }) => [radio, label]));
  const set = (value) => chips.forEach(({ option, radio }) => { radio.checked = option === value; });
  return { element, set, first: () => chips.find(({ radio }) => radio.checked)?.radio ?? chips[0].radio };
}

function choice(field, id, changed) {
  const select = make("select", { id, onchange: () => changed(select.value === "" ? undefined : field.options[Number(select.value)]) },
    make("option", { value: "" }, "–"), ...field.options.map((option, n) => make("option", { value: n }, String(option))));
  const set = (value) => { const n = field.options.indexOf(value); select.value = n < 0 ? "" : String(n); };
  return { element: select, set, first: () => select };
}

function numeric(field, id, changed) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field.limits;
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  const step = field.integer ? 1 : high - low <= 5 ? 0.05 : 0.5;
  const input = make("input", { type: "number", id, step: field.integer ? 1 : "any", inputmode: field.integer ? "numeric" : "decimal",
    oninput: () => { if (slider && input.value !== "") slider.value = input.value; changed(input.value === "" ? undefined : input.valueAsNumber); } });
  const isSeed = field.name === "seed";
  const slider = Number.isFinite(low) && Number.isFinite(high) && !isSeed
    ? make("input", { type: "range", min: low, max: high, step, "aria-labelledby": `${id}-label`,
      oninput: () => { input.value = slider.value; changed(slider.valueAsNumber); } }) : null;
  const dice = isSeed ? make("button", { type: "button", class: "plain", "aria-label": t("form.dice"), title: t("form.dice"),
    onclick: () => {
      const [random] = crypto.getRandomValues(new Uint32Array(1));
      const top = Math.min(high ?? MOST_RANDOM, MOST_RANDOM);
      input.value = String(Math.max(low ?? 0, random % (top + 1)));
      changed(input.valueAsNumber);
      announce(input.value);
    } }, icon("dice")) : null;
  const set = (value) => {
    input.value = typeof value === "number" ? value : "";
    if (slider) slider.value = typeof value === "number" ? value : low;
  };
  return { element: make("div", { class: "numeric" }, ...[slider, input, dice].filter(Boolean)), set, first: () => input };
}

function toggle(field, id, changed) {
  const box = make("input", { type: "checkbox", role: "switch", class: "switch", id, onchange: () => changed(box.checked) });
  return { element: box, set: (value) => { box.checked = value === true; }, first: () => box };
}

/** What has no control of its own is written as JSON. */
function json(field, id, changed) {
  const area = make("textarea", { id, rows: 4, class: "code", spellcheck: "false", oninput: () => {
    if (!area.value.trim()) return changed(undefined);
    try {
      changed(JSON.parse(area.value));
    } catch {
      changed(area.value, t("form.not_json"));
    }
  } });
  const set = (value) => { area.value = value === undefined ? "" : JSON.stringify(value, null, 2); };
  return { element: area, set, first: () => area };
}

export const CONTROLS = { text, shape, choice, number: numeric, switch: toggle, json };
