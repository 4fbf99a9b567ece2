// What every page has: the theme, the menus, copy buttons, tabs, and times in the reader's own zone.

import { all, announce, find } from "./dom.js";
import { moment, t } from "./text.js";

const YEAR_S = 31_536_000;
const remember = (name, value) => {
  document.cookie = `${name}=${value}; Path=/; Max-Age=${value ? YEAR_S : 0}; SameSite=Lax`;
};

/** On a narrow screen the menu scrolls, and the present page may be at its end. */
function present() {
  find(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function themes() {
  const button = find("#theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  button.hidden = false;
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    remember("officina_theme", next);
    announce(t(`script.theme_${next}`));
  });
}

function menus() {
  const open = () => all("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      find("summary", menu).focus();
    }
  });
  for (const link of all("[data-locale]"))
    link.addEventListener("click", () => remember("officina_locale", link.dataset.locale));
}

/** A button in a `.sample` copies its text; a `data-copy` inside it stands for what is shown masked. */
function copying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const shown = document.getElementById(button.getAttribute("aria-controls"));
    const copy = shown.cloneNode(true);
    for (const masked of all("[data-copy]", copy)) masked.textContent = masked.dataset.copy;
    await navigator.clipboard.writeText(copy.textContent.trim());
    button.classList.add("done");
    announce(t("script.copied"));
    setTimeout(() => button.classList.remove("done"), 1500);
  });
}

/** `[role=tablist]` over panels; a choice holds for every list on the page with the same labels. */
function tabs() {
  const lists = all("[role=tablist]");
  const choose = (list, tab) => {
    for (const each of all("[role=tab]", list)) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
    }
  };
  const chooseAll = (name) => {
    for (const list of lists) {
      const tab = all("[role=tab]", list).find((each) => each.dataset.tab === name);
      if (tab) choose(list, tab);
    }
  };
  for (const list of lists) {
    list.hidden = false;
    choose(list, find("[role=tab]", list));
    list.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) chooseAll(tab.dataset.tab);
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const each = all("[role=tab]", list);
      const next = each[(each.indexOf(document.activeElement) + step + each.length) % each.length];
      chooseAll(next.dataset.tab);
      next.focus();
    });
  }
}

function times() {
  for (const time of all("time[datetime]")) time.textContent = moment(time.dateTime);
}

present();
themes();
menus();
copying();
tabs();
times();
