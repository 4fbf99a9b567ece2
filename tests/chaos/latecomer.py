"""A worker that always comes too late: it claims, is silent until its lease is lost, and writes all the same."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from callers import Line
from road_engines import png
from stage import ENGINE

ROOT = "/worker/v1"


@dataclass
class Late:
    """What became of late writes."""

    refused: int = 0
    accepted: int = 0

    def note(self, status: int) -> None:
        """Count one late write by how it was answered."""
        self.refused += status == 409
        self.accepted += status < 300


class Latecomer:
    """Speaks the worker's link itself, since a real worker would stop when it hears that its lease is lost."""

    def __init__(self, link: Line, admin: Line, dice: random.Random, over: asyncio.Event) -> None:
        self._link = link
        self._admin = admin
        self._dice = dice
        self._over = over
        self.late = Late()

    async def come_too_late(self) -> None:
        """Work until it is over, and at least once."""
        async with self._link.http, self._admin.http:
            while not self._over.is_set() or not self.late.refused:
                work = await self._claim()
                if work is not None:
                    await self._is_lost(work)
                    await self._write(work)

    async def _claim(self) -> dict[str, Any] | None:
        hello = {"name": "latecomer", "engines": [ENGINE], "version": 1}
        said = await self._link.insist("POST", f"{ROOT}/register", json=hello)
        asked = {
            "worker_id": said.json()["worker_id"],
            "nonce": f"{self._dice.getrandbits(64):016x}",
            "engines": [ENGINE],
            "wait_s": 2.0,
        }
        answer = await self._link.ask("POST", f"{ROOT}/claim", json=asked)
        work = answer.json().get("work") if answer else None
        return dict(work[0]) if work else None

    async def _is_lost(self, work: dict[str, Any]) -> None:
        """Wait until the attempt is known to have failed, or the request to have ended without it."""
        path = f"/v1/requests/{work['job_id']}"
        while True:
            record = (await self._admin.insist("GET", path)).json()
            lost = [each["attempt"] for each in record["history"]]
            if work["attempt"] in lost or record["finished_at"]:
                return
            await asyncio.sleep(0.2)

    async def _write(self, work: dict[str, Any]) -> None:
        """Put a picture, and finish with it."""
        token, job_id = work["token"], work["job_id"]
        where = f"{ROOT}/jobs/{job_id}/outputs/0"
        picture = png(3, 3)
        put = await self._link.insist("PUT", where, params={"token": token}, data=picture)
        self.late.note(put.status)
        output = {"n": 0, "kind": "image", "content_type": "image/png", "suffix": ".png"}
        made = {**output, "size_bytes": len(picture), "sha256": "0" * 64}
        outcome = {"kind": "succeeded", "outputs": [made], "notes": {"attempt": -1}}
        lease = {"job_id": job_id, "token": token}
        said = {"worker_id": "latecomer", "lease": lease, "outcome": outcome}
        finish = await self._link.insist("POST", f"{ROOT}/finish", json=said)
        self.late.note(finish.status)
