"""The short version of the chaos suite; `make chaos` runs the long one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import get_args

import pytest
from count import table
from stage import Kind

import chaos


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_promise_holds_while_everything_is_killed_stopped_and_cut_off(kind: Kind, tmp_path: Path) -> None:
    report = chaos.reported(kind, kills=25, seed=random.SystemRandom().randrange(10**6), folder=tmp_path)

    print(table([report]))
    assert report.kept, "\n".join([table([report]), *report.words])
    assert report.outcomes["succeeded"] > 0
    assert report.late.refused > 0
    assert report.files_read > 0
