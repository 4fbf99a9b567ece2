// Explore: the cards that fit what is being typed, at once. Without this script, Enter asks the server.

import { all, find } from "./dom.js";
import { t } from "./text.js";

const field = find("#search");
const cards = all("[data-words]");

field.addEventListener("input", () => {
  const wanted = field.value.trim().toLocaleLowerCase();
  let shown = 0;
  for (const card of cards) {
    card.hidden = !card.dataset.words.includes(wanted);
    if (!card.hidden) shown += 1;
  }
  find("#nothing").hidden = shown > 0;
  find("#found").textContent = t("explore.found", { n: shown });
});
