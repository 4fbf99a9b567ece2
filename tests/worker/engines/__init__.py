"""Engines of one behaviour each; tests name them as `engines.<module>:Engine`."""

from __future__ import annotations

from pathlib import Path

from officina.run import Run

PICTURE = b"\x89PNG\r\n\x1a\n a picture, as far as the double of the gateway looks"


def picture(run: Run, name: str = "0.png", data: bytes = PICTURE) -> Path:
    """Write a file as if it were a picture."""
    path = run.scratch / name
    path.write_bytes(data)
    return path
