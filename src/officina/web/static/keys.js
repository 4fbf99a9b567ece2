// Keys: make one, show its secret once, change what it may take, revoke one.

import { call } from "./api.js";
import { all, announce, find } from "./dom.js";
import { t } from "./text.js";

const form = find("#new-key");
const sure = find("#sure");
const limit = find("#limit");
const LIMITS = ["rate_per_min", "burst", "max_waiting", "max_running", "daily_outputs", "daily_usd"];

/** The limits in a form; an empty field is null. */
function limits(within) {
  return Object.fromEntries(LIMITS.map((name) => {
    const { value } = find(`[name=${name}]`, within);
    return [name, value === "" ? null : Number(value)];
  }));
}

function complain(within, problem) {
  const place = find(".problem", within);
  place.textContent = problem.message;
  place.hidden = false;
}

async function create(event) {
  event.preventDefault();
  const scopes = all("[name=scope]:checked", form).map((box) => box.value);
  try {
    const made = await call("POST", "/v1/keys", { name: form.elements.name.value, scopes, limits: limits(form) });
    find("#secret").textContent = made.key;
    const shown = find("#made");
    shown.addEventListener("close", () => location.reload());
    shown.showModal();
    announce(t("keys.made"));
  } catch (problem) {
    complain(form, problem);
  }
}

async function change(event) {
  if (event.submitter?.value !== "yes") return;
  event.preventDefault();
  try {
    await call("PATCH", `/v1/keys/${limit.dataset.id}`, { limits: limits(limit) });
    location.reload();
  } catch (problem) {
    complain(limit, problem);
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
find("form", limit).addEventListener("submit", change);
for (const button of all(".limit")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    limit.dataset.id = button.dataset.id;
    find(".name", limit).textContent = button.dataset.name;
    find(".problem", limit).hidden = true;
    const own = JSON.parse(button.dataset.limits);
    for (const name of LIMITS) find(`[name=${name}]`, limit).value = own[name] ?? "";
    limit.showModal();
  });
}
for (const button of all(".revoke")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    sure.dataset.id = button.dataset.id;
    find(".name", sure).textContent = button.dataset.name;
    find(".problem", sure).hidden = true;
    sure.showModal();
  });
}
