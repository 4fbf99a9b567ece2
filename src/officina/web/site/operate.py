"""Operate: what waits and runs, the workers and their slots, failures with their reasons, storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from officina.job import Filter, Job
from officina.web import operate
from officina.web.call import Call
from officina.web.render import Answer
from officina.web.site.page import Page

FAILURES = 25


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed run, and why it failed."""

    job: Job
    type: str
    message: str


async def show(page: Page) -> Answer:
    """Render the page from what the API says; its script keeps queue and workers up to date."""
    page.require("admin")
    call = page.call
    failed = await call.gateway.queue.list(Filter(states=("failed",), limit=FAILURES))
    return page.html(
        "operate.html",
        script=("operate",),
        queue=await _said(operate.queue, call),
        workers=(await _said(operate.workers, call))["workers"],
        storage=await _said(operate.storage, call),
        failures=[_reason(job) for job in failed],
        names={key.id: key.name for key in await call.gateway.queue.keys()},
    )


async def _said(route: Any, call: Call) -> dict[str, Any]:
    answer: Answer = await route(call)
    said: dict[str, Any] = msgspec.json.decode(answer.body)
    return said


def _reason(job: Job) -> Failed:
    error: dict[str, Any] = msgspec.json.decode(job.error or b"{}")
    return Failed(job, str(error.get("type", "")), str(error.get("message", "")))
