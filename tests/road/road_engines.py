"""Engines for the tests of the road: one behaviour for each word of the prompt."""

from __future__ import annotations

import os
import shutil
import struct
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from officina.errors import RunError
from officina.run import Result, Run


class Echo:
    """Does what the first word of the prompt says."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    def run(self, run: Run) -> Result:
        word = run.input["prompt"].split()[0]
        run.log(f"asked to {word}")
        return getattr(self, f"_{word}")(run)

    def _copy(self, run: Run) -> Result:
        self._pass_time(run)
        return Result(
            images=_pictures(run, 1),
            notes={"understood": ["copy"], "files": len(run.files.get("image_urls", ()))},
        )

    def _count(self, run: Run) -> Result:
        return Result(images=_pictures(run, 3))

    def _give(self, run: Run) -> Result:
        """Give the pictures back that it was handed, or a new one."""
        self._pass_time(run)
        given = [run.scratch / path.name for path in run.files.get("image_urls", ())]
        for path, copy in zip(run.files.get("image_urls", ()), given, strict=True):
            shutil.copyfile(path, copy)
        return Result(images=tuple(given) or _pictures(run, 1), notes={"attempt": run.attempt})

    def _stumble(self, run: Run) -> Result:
        """Fail at the first two attempts."""
        if run.attempt <= 2:
            raise RunError("out_of_memory", "Not now.")
        return self._give(run)

    def _fail(self, run: Run) -> Result:
        raise ValueError("a bug")

    def _refuse(self, run: Run) -> Result:
        raise RunError("not_understood", "I only copy.", understood=[], not_understood=["refuse"])

    def _crash(self, run: Run) -> Result:
        os._exit(3)

    def _crash_once(self, run: Run) -> Result:
        if run.attempt == 1:
            os._exit(3)
        return self._copy(run)

    def _order(self, run: Run) -> Result:
        """Order from somebody who charges, and die before the delivery; then resume the same order."""
        if not run.memo:
            run.remember(f"order {run.job_id[-4:]} of attempt {run.attempt}")
            run.progress(0.5, "ordered")
            time.sleep(0.5)
            os._exit(3)
        notes = {"resumed": run.memo, "addresses": [len(each) for each in run.urls.get("image_urls", ())]}
        return Result(images=_pictures(run, 1), notes=notes, cost_usd=0.07)

    def _await(self, run: Run) -> Result:
        """Work until there is a file of that name."""
        gate = Path(run.input["prompt"].split()[1])
        while not gate.exists():
            time.sleep(0.02)
        return self._copy(run)

    def _hang(self, run: Run) -> Result:
        while True:
            time.sleep(1)

    def _pass_time(self, run: Run) -> None:
        seconds = float(run.input.get("seconds", 0))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            run.progress(1 - left / seconds, "passing time")
            time.sleep(min(0.02, left))
        run.progress(1.0, "done")


class Down(Echo):
    """Cannot be reached; with the option `orders`, only after something was ordered."""

    def run(self, run: Run) -> Result:
        if self.options.get("orders"):
            run.remember("order 1")
        raise RunError("engine_unavailable", "The other side is down.", retry=False)


class Unloadable:
    """Cannot even be loaded."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        raise RunError("engine_unavailable", "The weights are not here.")


class Warm(Echo):
    """Says when it was loaded."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._loaded_at = time.time()

    def run(self, run: Run) -> Result:
        return Result(images=_pictures(run, 1), notes={"loaded_at": self._loaded_at})


def _pictures(run: Run, count: int) -> tuple[Path, ...]:
    paths = [run.scratch / f"{n}.png" for n in range(count)]
    for n, path in enumerate(paths):
        path.write_bytes(png(2 + n, 2))
    return tuple(paths)


def png(width: int, height: int) -> bytes:
    """A black picture of that size, made without any library."""
    rows = b"".join(b"\0" + b"\0" * width * 3 for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
