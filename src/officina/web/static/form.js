// The form of a model. What it holds is one plain object, the input as it is sent.

import { make } from "./dom.js";
import { CONTROLS } from "./controls.js";
import { filesControl } from "./files_control.js";
import { problems } from "./rules.js";
import { t } from "./text.js";

/** Build the form; `heard(values)` is told of every change that the reader makes in it. */
export function makeForm(fields, heard) {
  let values = {};
  const rows = fields.map((field, n) => row(field, `field-${n}`));
  const folded = rows.filter(({ field }) => field.isFolded);
  const advanced = make("details", { class: "advanced" }, make("summary", {}, t("form.advanced")),
    ...folded.map((each) => each.element));
  const element = make("div", { class: "form" }, ...rows.filter(({ field }) => !field.isFolded).map((each) => each.element));
  if (folded.length) element.append(advanced);

  function row(field, id) {
    const own = { field, sayings: [], wrong: "" };
    const changed = (value, aside) => {
      if (aside === true) return own.isTouched && show(own); // only what is known of the files has changed
      own.wrong = aside ?? "";
      if (value === undefined) delete values[field.name];
      else values = { ...values, [field.name]: value };
      own.isTouched = true;
      own.refused = [];
      show(own);
      heard(values);
    };
    own.control = (field.control === "files" ? filesControl : CONTROLS[field.control])(field, id, changed);
    const isGroup = field.control === "shape";
    const label = make(isGroup ? "span" : "label", { class: "label", lang: field.tongue || null, id: `${id}-label`, for: isGroup ? null : id }, field.title,
      ...(field.required ? [make("span", { class: "must", title: t("form.required_mark"), "aria-hidden": "true" }, "*")] : []));
    own.complaint = make("ul", { class: "wrong", id: `${id}-wrong`, hidden: true });
    const hint = field.description ? [make("p", { class: "quiet small hint", lang: field.tongue || null, id: `${id}-hint` }, field.description)] : [];
    const first = own.control.first();
    first.setAttribute("aria-describedby", [...hint.map((each) => each.id), own.complaint.id].join(" "));
    if (field.required && !isGroup) first.setAttribute("aria-required", "true");
    own.element = make("div", { class: `field is-${field.control}`, "data-name": field.name },
      ...(field.control === "switch" ? [make("div", { class: "row" }, own.control.element, label)] : [label, own.control.element]), ...hint, own.complaint);
    return own;
  }

  /** What is wrong with a field as a whole; a list of files tells itself what is wrong with each of them. */
  function sentences(own) {
    const said = own.wrong ? [own.wrong] : problems(own.field, values[own.field.name]);
    return [...said, ...(own.refused ?? [])];
  }

  function show(own) {
    const said = sentences(own);
    own.complaint.replaceChildren(...said.map((each) => make("li", {}, each)));
    own.complaint.hidden = !said.length;
    own.count = said.length + (own.control.problems?.().length ?? 0);
    own.control.first().setAttribute("aria-invalid", String(own.count > 0));
    return own.count;
  }

  function focusFirst() {
    const own = rows.find(({ count }) => count > 0);
    if (!own) return;
    if (own.field.isFolded) advanced.open = true;
    own.control.first().focus();
  }

  return {
    element,
    values: () => values,
    /** Take another input, in the order of the schema; what the form has no field for is not sent. */
    fill(next, { quiet = true } = {}) {
      values = Object.fromEntries(fields.filter(({ name }) => Object.hasOwn(next, name)).map(({ name }) => [name, next[name]]));
      for (const own of rows) {
        own.wrong = "";
        own.refused = [];
        own.isTouched = !quiet;
        own.control.set(values[own.field.name]);
        if (quiet) own.complaint.hidden = true;
        else show(own);
      }
    },
    /** Whether all is well; shows what is not, and goes to the first of it. */
    check({ focus = true } = {}) {
      const count = rows.map(show).reduce((a, b) => a + b, 0);
      for (const own of rows) own.isTouched = true;
      if (count && focus) focusFirst();
      return count === 0;
    },
    /** Show what the server refused, at the fields; what belongs to none comes back. */
    refuse(detail) {
      const others = [];
      for (const { loc, msg } of detail) {
        const own = rows.find(({ field }) => field.name === loc?.[1]);
        if (own) (own.refused ??= []).push(msg);
        else others.push(msg);
      }
      rows.forEach(show);
      focusFirst();
      return others;
    },
    complaints: () => rows.flatMap((own) => [...sentences(own), ...(own.control.problems?.() ?? [])].map((each) => `${own.field.name}: ${each}`)),
    /** Wait until all files have arrived at the server. */
    settle: () => Promise.all(rows.map(({ control }) => control.send?.())),
    addFiles(files, within) {
      const takers = rows.filter(({ field }) => field.control === "files" && files.some((file) => file.type.startsWith(`${field.media}/`)));
      const own = takers.find((each) => each.element.contains(within)) ?? takers.find(({ field }) => field.many) ?? takers[0];
      own?.control.add(files.filter((file) => file.type.startsWith(`${own.field.media}/`)));
      return own !== undefined;
    },
    /** Put an output into the first field that takes pictures. */
    use(url) {
      const own = rows.find(({ field }) => field.control === "files" && field.media === "image");
      if (!own) return false;
      const next = own.field.many ? [...(values[own.field.name] ?? []), url] : url;
      values = { ...values, [own.field.name]: next };
      own.control.set(next);
      show(own);
      heard(values);
      return true;
    },
  };
}
