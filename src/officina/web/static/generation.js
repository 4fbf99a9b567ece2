// One run of the library: followed to its end, shared or made private, run again.

import { call } from "./api.js";
import { announce, find } from "./dom.js";
import { facts } from "./handed.js";
import { runCard } from "./run_card.js";
import { t } from "./text.js";

const sharing = find("#sharing");
const playground = `/${facts.locale}/models/${facts.modelId}`;

function complain(problem) {
  const place = find(".problem", sharing);
  place.textContent = problem.message;
  place.hidden = false;
}

function showShare(url) {
  find("#share").hidden = Boolean(url);
  find("#share-copy").hidden = find("#unshare").hidden = find("#sharing-link").hidden = !url;
  find("#sharing-state").textContent = t(url ? "generations.shared" : "generations.private");
  const link = find("#sharing-link a");
  link.textContent = link.href = url;
}

find("#share").addEventListener("click", () =>
  call("POST", `/v1/requests/${facts.requestId}/share`).then(({ url }) => { showShare(url); find("#share-copy").focus(); }, complain));
find("#unshare").addEventListener("click", () =>
  call("DELETE", `/v1/requests/${facts.requestId}/share`).then(() => { showShare(""); find("#share").focus(); }, complain));
find("#share-copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(find("#sharing-link a").textContent);
  announce(t("script.copied"));
});
showShare(sharing.dataset.url);

find("#run").replaceChildren(runCard(facts.requestId, {
  ended: (record) => { sharing.hidden = record.status !== "succeeded"; },
  again: (input) => call("POST", `/v1/models/${facts.modelId}`, input)
    .then(({ request_id: id }) => { location.href = `${playground}?request=${id}`; }, complain),
  edit: () => { location.href = `${playground}?from=${facts.requestId}`; },
  gone: () => { location.href = `/${facts.locale}/generations`; },
}));
