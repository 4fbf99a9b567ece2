"""The road of one lease in a worker: fetch the inputs, run the engine, store what it made, finish."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from officina.child.frames import Done, Failed, Start
from officina.errors import RUN_ERRORS, LeaseLost, OperatorError, RunError
from officina.fetch.admit import files_by_field, public_urls, wanted_files
from officina.fetch.fetcher import Fetcher
from officina.job import Failure, Outcome, Output
from officina.worker.gateway import Gateway, LinkRefused
from officina.worker.lease import Held, Leases, Reason
from officina.worker.outputs import Made, made_files
from officina.worker.seats import Seat, Seats, load_of

MAX_UPLOADS = 4

log = structlog.get_logger("officina.worker")


@dataclass(frozen=True, slots=True)
class Tools:
    """What every attempt of a worker needs."""

    gateway: Gateway
    fetcher: Fetcher
    leases: Leases
    seats: Seats
    folder: Path
    engines: tuple[str, ...]
    max_output_bytes: int


class Attempt:
    """One lease on its way from the claim to its end, whatever that is."""

    def __init__(self, held: Held, seat: Seat, tools: Tools) -> None:
        self._held = held
        self._work = held.work
        self._seat = seat
        self._tools = tools
        name = f"{held.work.job_id}-{held.work.token[:8]}"
        self._inputs, self._scratch = tools.folder / f"{name}.in", tools.folder / f"{name}.out"
        self._run_s = 0.0

    async def carry_out(self) -> None:
        """Go the road, or leave it early when the lease is interrupted; the gateway is told either way."""
        try:
            end = await self._until_interrupted()
            if end == "hand_back":
                await self._tools.gateway.hand_back([self._work.ref])
            elif end != "lost":
                await self._finish(Outcome("cancelled", run_s=self._run_s) if end == "stop" else end)
            log.info("lease.ended", **self._named, how=end if isinstance(end, str) else end.kind)
        except LeaseLost:
            log.info("lease.ended", **self._named, how="lost")
        except LinkRefused as error:
            log.warning("lease.abandoned", **self._named, message=error.message)
        finally:
            self._tools.leases.drop(self._held)
            await asyncio.to_thread(_remove, self._inputs, self._scratch)

    @property
    def _named(self) -> dict[str, str | int]:
        return {"job_id": self._work.job_id, "attempt": self._work.attempt}

    async def _until_interrupted(self) -> Outcome | Reason:
        road = asyncio.create_task(self._road())
        try:
            either: set[asyncio.Future[Any]] = {road, self._held.interrupted}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if road.done():
                return road.result()
        finally:
            if road.cancel():
                await asyncio.gather(road, return_exceptions=True)
            self._tools.seats.leave(self._seat)
        return self._held.interrupted.result()

    async def _road(self) -> Outcome:
        try:
            return await self._steps()
        except RunError as error:
            return _failed(Failure(error.type, error.message, error.run_detail), error.retry, self._run_s)
        except (LeaseLost, OperatorError):
            raise
        except Exception:
            log.exception("attempt.failed", **self._named)
            message = "The worker could not carry the run out; the operator finds details in its log."
            return _failed(Failure("worker_lost", message), RUN_ERRORS["worker_lost"].retry, self._run_s)

    async def _steps(self) -> Outcome:
        files = await self._fetch()
        self._tools.seats.line_up(self._seat)
        end = await self._run(files)
        if isinstance(end, Failed):
            if end.trace:
                log.error("run.failed", **self._named, type=end.failure.type, trace=end.trace)
            await self._tools.leases.flush(self._held)
            return _failed(end.failure, end.retry, self._run_s)
        made = made_files(end, self._scratch, self._tools.max_output_bytes)
        outputs = await self._store(made)
        return Outcome("succeeded", outputs, end.notes, run_s=self._run_s, charged_usd=end.cost_usd)

    async def _fetch(self) -> dict[str, tuple[str, ...]]:
        work, tools = self._work, self._tools
        if work.engine not in tools.engines:
            raise RunError("engine_unavailable", f"This worker does not serve the engine {work.engine!r}.")
        wanted = wanted_files(work.media, work.accepts, work.input)
        if not wanted:
            return {}
        self._inputs.mkdir(mode=0o700)
        fetched = await tools.fetcher.fetch_all(wanted, self._inputs, tools.gateway.open_file)
        return {name: tuple(map(str, paths)) for name, paths in files_by_field(fetched).items()}

    async def _run(self, files: dict[str, tuple[str, ...]]) -> Done | Failed:
        """Wait for the turn and run; the slot is free for the next before the outputs are on their way."""
        work = self._work
        self._scratch.mkdir(mode=0o700)
        start = Start(
            work.job_id,
            work.attempt,
            work.input,
            files,
            str(self._scratch),
            urls=public_urls(wanted_files(work.media, work.accepts, work.input), work.files_url),
            memo=work.memo,
        )
        slot = await self._seat.turn()
        self._held.begin()
        try:
            return await slot.run(load_of(work), start, work.deadline_s, self._held.hear)
        finally:
            self._run_s = slot.worked_s
            self._tools.seats.leave(self._seat)

    async def _store(self, made: Sequence[Made]) -> tuple[Output, ...]:
        """Send the files side by side, and the last news with them."""
        uploads = asyncio.Semaphore(MAX_UPLOADS)

        async def put(each: Made) -> Output:
            async with uploads:
                return await self._tools.gateway.put_output(self._work.ref, each)

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tools.leases.flush(self._held))
                puts = [tasks.create_task(put(each)) for each in made]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return tuple(each.result() for each in puts)

    async def _finish(self, outcome: Outcome) -> None:
        """Commit the end. An outcome that the gateway refuses ends as a failure that says why."""
        try:
            await self._tools.gateway.finish(self._work.ref, outcome)
        except LinkRefused as error:
            failure = Failure("output_refused", f"The gateway refused the result: {error.message}")
            refused = _failed(failure, RUN_ERRORS["output_refused"].retry, outcome.run_s)
            await self._tools.gateway.finish(self._work.ref, refused)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _failed(failure: Failure, retry: bool, run_s: float) -> Outcome:
    return Outcome("failed", failure=failure, retry=retry, run_s=run_s)
