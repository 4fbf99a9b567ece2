// Two pictures, one over the other, with an edge between them that moves by pointer and by arrow keys.

import { make } from "./dom.js";
import { t } from "./text.js";

/** The pictures at these paths, laid over each other. */
export function compare(before, after) {
  const first = make("img", { class: "before", src: before, alt: t("run.before"), draggable: "false" });
  const second = make("img", { src: after, alt: t("run.after"), draggable: "false" });
  const edge = make("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "aria-label": t("run.compare_edge") });
  const element = make("div", { class: "compare" }, second, first,
    make("span", { class: "corner start", "aria-hidden": "true" }, t("run.before")),
    make("span", { class: "corner end", "aria-hidden": "true" }, t("run.after")),
    make("span", { class: "edge", "aria-hidden": "true" }), edge);
  const place = () => {
    element.style.setProperty("--at", `${edge.value}%`);
    edge.setAttribute("aria-valuetext", `${edge.value} %`);
  };
  edge.addEventListener("input", place);
  place();
  return element;
}
