"""Hand memory back to the system, so that an idle process stays small."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """The C library keeps what was freed, some hundred MB after a large picture, unless told otherwise."""
    gc.collect()
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
    if trim is not None:
        trim(0)
