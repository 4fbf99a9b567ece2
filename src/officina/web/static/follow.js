// Follows a request: its events as they happen, and its place while it waits.

import { call } from "./api.js";

const MOST_STREAMS = 3; // a browser opens six connections to a server; the others stay free for calls
const PLACE_MS = 1500;
const KINDS = ["queued", "started", "progress", "log", "ended"];
let streams = 0;

/** `hear(kind, data)` is told every event, `place` with the position, and `ended` once; the answer stops it. */
export function follow(requestId, hear) {
  const path = `/v1/requests/${requestId}`;
  let source = null;
  let over = false;

  function stop() {
    over = true;
    if (source) streams -= 1;
    source?.close();
    source = null;
  }

  function end(data) {
    if (over) return;
    stop();
    hear("ended", data);
  }

  function listen() {
    streams += 1;
    source = new EventSource(`${path}/events`);
    for (const kind of KINDS)
      source.addEventListener(kind, (event) => {
        const data = JSON.parse(event.data);
        if (kind === "ended") end(data);
        else hear(kind, data);
      });
  }

  async function look() {
    if (over) return;
    if (!source && streams < MOST_STREAMS) listen();
    try {
      const { status, queue_position: place } = await call("GET", `${path}/status`);
      if (over) return;
      if (status === "completed" || status === "cancelled") return end({ status });
      if (status === "in_queue") hear("place", { place });
      else if (!source) hear("started", {});
    } catch (problem) {
      if (problem.status === 404 || problem.status === 403) return end({ status: "gone" });
    }
    setTimeout(look, PLACE_MS);
  }

  look();
  return stop;
}
