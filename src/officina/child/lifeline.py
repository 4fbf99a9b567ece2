"""Ends a process with its parent, and makes it the one that the system sacrifices when memory runs out."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = "1000"


def end_with_parent(parent_pid: int, sent: signal.Signals) -> None:
    """Have the kernel send a signal when the parent dies (Linux; elsewhere a closed pipe must do).

    A parent that died before this call is noticed too: then the process ends here.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sent))
    if os.getppid() != parent_pid:
        os._exit(0)


def first_to_go() -> None:
    """Ask the kernel's out-of-memory killer to take this process before any other, where it can be asked."""
    try:
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    except OSError:
        return
