// Keys: make one, show its secret once, revoke one.

import { call } from "./api.js";
import { all, announce, find } from "./dom.js";
import { t } from "./text.js";

const form = find("#new-key");
const sure = find("#sure");

function complain(within, problem) {
  const place = find(".problem", within);
  place.textContent = problem.message;
  place.hidden = false;
}

async function create(event) {
  event.preventDefault();
  const scopes = all("[name=scope]:checked", form).map((box) => box.value);
  try {
    const made = await call("POST", "/v1/keys", { name: form.elements.name.value, scopes });
    find("#secret").textContent = made.key;
    const shown = find("#made");
    shown.addEventListener("close", () => location.reload());
    shown.showModal();
    announce(t("keys.made"));
  } catch (problem) {
    complain(form, problem);
  }
}

async function revoke(event) {
  if (event.submitter?.value !== "yes") return;
  event.preventDefault();
  const waiting = find("[name=cancel]", sure).checked;
  try {
    await call("DELETE", `/v1/keys/${sure.dataset.id}${waiting ? "?cancel_waiting=true" : ""}`);
    location.reload();
  } catch (problem) {
    complain(sure, problem);
  }
}

form.hidden = false;
form.addEventListener("submit", create);
find("form", sure).addEventListener("submit", revoke);
for (const button of all(".revoke")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    sure.dataset.id = button.dataset.id;
    find(".name", sure).textContent = button.dataset.name;
    find(".problem", sure).hidden = true;
    sure.showModal();
  });
}
