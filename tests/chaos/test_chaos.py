"""The short version of the chaos suite; `make chaos` runs the long one."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import get_args

from count import table
from stage import Kind

import chaos


def test_the_promise_holds_while_everything_is_killed_stopped_and_cut_off(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    reports = asyncio.run(chaos.run_all(get_args(Kind), chaos.Extent(15), seed, tmp_path))

    print(table(reports))
    words = [word for each in reports for word in each.words]
    assert all(each.kept for each in reports), "\n".join([table(reports), *words])
    for each in reports:
        assert each.outcomes["succeeded"] > 0
        assert each.late.refused > 0
        assert each.files_read > 0
