// What a run made: pictures to zoom, to compare with what went in, to keep and to use again.

import { pathOf } from "./api.js";
import { compare } from "./compare.js";
import { announce, find, icon, make } from "./dom.js";
import { facts } from "./handed.js";
import { t } from "./text.js";

/** Every output of `output`; `befores` are pictures that went in, `use(url)` takes an output as an input. */
export function gallery(output, { befores = [], use = null } = {}) {
  const pictures = [output?.images ?? output?.image ?? []].flat();
  const videos = [output?.videos ?? output?.video ?? []].flat();
  const element = make("div", { class: `gallery n-${Math.min(pictures.length + videos.length, 4)}` });
  pictures.forEach((url, n) => element.append(picture(url, n, pictures, befores, use)));
  videos.forEach((url) => element.append(make("figure", { class: "output" },
    make("video", { src: shown(url), controls: true, preload: "metadata" }), make("figcaption", { class: "row" }, ...taking(url)))));
  const own = [...pictures, ...videos].map(shown).filter((path) => path.startsWith("/"));
  if (own.length > 1) element.append(make("p", { class: "row all" }, action("download", "run.download_all", () => own.forEach(take))));
  return element;
}

function take(path) {
  make("a", { href: path, download: path.split("/").pop() }).click();
}

/** Where the browser loads one of our files from: the address bar's own origin, whatever the public URL is. */
export const shown = (url) => (url.startsWith(`${facts.publicUrl}/`) ? pathOf(url) : url);

function picture(url, n, all, befores, use) {
  const path = shown(url);
  const label = t("run.picture", { n: n + 1 });
  const zoomed = () => zoom(all.map(shown), n);
  const plain = make("button", { type: "button", class: "frame zoom", "aria-label": t("run.zoom", { n: n + 1 }), onclick: zoomed },
    make("img", { src: path, alt: label, decoding: "async" }));
  const stage = make("div", { class: "stage" }, plain);
  const tools = taking(url);
  if (befores.length) tools.unshift(...comparing(stage, plain, path, befores));
  if (use) tools.push(action("reuse", "run.use", () => use(url)));
  return make("figure", { class: "output" }, stage, make("figcaption", { class: "row" }, ...tools));
}

function comparing(stage, plain, path, befores) {
  let chosen = befores.length - 1; // the scene usually comes last
  const show = () => {
    const pressed = button.getAttribute("aria-pressed") === "true";
    stage.replaceChildren(pressed ? compare(befores[chosen], path) : plain);
    which.hidden = !pressed || befores.length < 2;
  };
  const button = action("compare", "run.compare", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    show();
    if (button.getAttribute("aria-pressed") === "true") find("input", stage).focus();
  });
  button.setAttribute("aria-pressed", "false");
  const which = make("select", { class: "small", hidden: true, "aria-label": t("run.compare_with"),
    onchange: () => { chosen = Number(which.value); show(); } },
    ...befores.map((_, n) => make("option", { value: n, selected: n === chosen }, t("run.input_picture", { n: n + 1 }))));
  return [button, which];
}

function taking(url) {
  const name = url.split("/").pop();
  return [
    make("a", { class: "button slim", href: shown(url), download: name }, icon("download"), t("run.download")),
    action("link", "run.copy_link", async () => { await navigator.clipboard.writeText(url); announce(t("script.copied")); }),
  ];
}

function action(glyph, key, does) {
  return make("button", { type: "button", class: "slim", onclick: does }, icon(glyph), t(key));
}

/** Show pictures as large as the window; arrow keys go from one to the next. */
export function zoom(paths, at) {
  const dialog = find("#zoom");
  const image = find("img", dialog);
  const show = (n) => {
    at = (n + paths.length) % paths.length;
    image.src = paths[at];
    image.alt = t("run.picture", { n: at + 1 });
    find(".count", dialog).textContent = paths.length > 1 ? `${at + 1} / ${paths.length}` : "";
  };
  const step = { ArrowRight: 1, ArrowLeft: -1 };
  const onkeydown = (event) => { if (step[event.key] && paths.length > 1) show(at + step[event.key]); };
  const onclick = (event) => { if (event.target === dialog || event.target === image) dialog.close(); };
  dialog.addEventListener("keydown", onkeydown);
  dialog.addEventListener("click", onclick);
  dialog.addEventListener("close", () => {
    dialog.removeEventListener("keydown", onkeydown);
    dialog.removeEventListener("click", onclick);
  }, { once: true });
  show(at);
  dialog.showModal();
}
