"""Looks at the machine: its cards, their free memory, and its RAM. Needs torch."""

from __future__ import annotations

import os
from pathlib import Path

from officina.engines.diffusers.plan import Card, Machine

GB = 1e9
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def look() -> Machine:
    """Describe this machine as it is now."""
    import torch

    return Machine(ram_gb=ram_gb(), cards=_cards(), mps=bool(torch.backends.mps.is_available()))


def ram_gb(cgroup: Path = _CGROUP) -> float:
    """The machine's RAM, or the part of it that a container may use."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    try:
        allowed = cgroup.read_text(encoding="ascii").strip()
    except OSError:
        return installed
    return min(installed, int(allowed) / GB) if allowed.isdigit() else installed


def _cards() -> tuple[Card, ...]:
    import torch

    if not torch.cuda.is_available():
        return ()
    return tuple(_card(index) for index in range(torch.cuda.device_count()))


def _card(index: int) -> Card:
    import torch

    free, total = torch.cuda.mem_get_info(index)
    facts = torch.cuda.get_device_properties(index)
    # From compute capability 8 on bfloat16 is native; ROCm's numbers are higher throughout.
    return Card(index, str(facts.name), total / GB, free / GB, bfloat16=facts.major >= 8)
