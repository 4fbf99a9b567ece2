// Asks before something is gone for good.

import { find } from "./dom.js";

/** Whether the reader says yes to a question; `yes` is the word on the button. */
export function confirmed(question, yes) {
  const dialog = find("#confirm");
  find(".question", dialog).textContent = question;
  find("[value=yes]", dialog).textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
