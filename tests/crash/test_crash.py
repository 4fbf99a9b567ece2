"""The short version of the crash suite; `make crash` runs the long one."""

from __future__ import annotations

import crash


def test_nothing_accepted_is_lost_and_nothing_shows_two_results_under_kill_9() -> None:
    report = crash.run(kills=40)

    print("\n".join(report.lines()))
    assert report.kept, "\n".join(report.lines())
    assert report.outcomes["succeeded"] > 0
