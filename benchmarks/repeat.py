"""An engine that gives its input back in the notes, after a while if asked, beside the smallest picture."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from typing import Any

from officina.run import Result, Run


class RepeatEngine:
    """Reads no files and computes nothing; a result must hold a picture, so it writes one of one pixel."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """There is nothing to load."""

    def run(self, run: Run) -> Result:
        """Note the time first of all, wait, and give back what came."""
        called_at = time.time()
        if run.input["seconds"]:
            time.sleep(run.input["seconds"])
        made = run.scratch / "pixel.png"
        made.write_bytes(_PIXEL)
        return Result(images=(made,), notes={"text": run.input["text"], "called_at": called_at})


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


_HEADER = (1).to_bytes(4, "big") * 2 + bytes((8, 0, 0, 0, 0))
_PIXEL = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", _HEADER)
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
