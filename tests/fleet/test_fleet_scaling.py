"""How many workers a fleet should have: the pure decision."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from officina.fleet.order import Bounds
from officina.fleet.scaling import Placed, decide, who_goes

BOUNDS = Bounds(least=0, most=4, quiet_s=9, every_s=3)
PHASES = st.sampled_from(["placing", "working", "silent", "draining"])
FLEETS = st.lists(st.builds(Placed, st.uuids().map(str), PHASES, st.booleans()), max_size=12)


def working(count: int) -> list[Placed]:
    return [Placed(f"worker-{n}", "working") for n in range(count)]


def test_what_waits_is_met_at_once() -> None:
    assert decide(3, working(1), (1, 1, 1), BOUNDS).place == 2


def test_the_slots_of_a_worker_are_counted() -> None:
    assert decide(5, [], (), Bounds(least=0, most=9, slots=2)).place == 3


def test_no_more_are_placed_than_the_upper_bound_allows_those_that_drain_included() -> None:
    draining = [Placed("worker-9", "draining")]
    assert decide(1000, [], (), BOUNDS).place == 4
    assert decide(1000, [*working(2), *draining], (), BOUNDS).place == 1


def test_the_lower_bound_is_kept_when_nothing_waits() -> None:
    bounds = Bounds(least=2, most=4, quiet_s=0)
    assert decide(0, [], (), bounds).place == 2
    assert decide(0, working(3), (0,), bounds).surplus == 1


def test_a_worker_too_many_is_let_go_only_when_the_quiet_time_has_passed() -> None:
    recent: tuple[int, ...] = ()
    surplus = []
    for _ in range(4):
        step = decide(1, working(3), recent, BOUNDS)
        recent = step.recent
        surplus.append(step.surplus)
    assert surplus == [0, 0, 2, 2]


def test_one_busy_moment_begins_the_quiet_time_anew() -> None:
    assert decide(0, working(2), (0, 0, 2), BOUNDS).surplus == 0


def test_a_driver_that_begins_takes_the_fleet_that_it_finds_for_what_was_wanted() -> None:
    assert decide(0, working(4), (), BOUNDS).surplus == 0


def test_without_a_quiet_time_a_worker_goes_at_once() -> None:
    assert decide(0, working(4), (), Bounds(least=1, most=4, quiet_s=0)).surplus == 3


def test_a_lower_upper_bound_is_kept_at_once() -> None:
    assert decide(9, working(6), (6, 6, 6), BOUNDS).surplus == 2


def test_a_worker_with_other_terms_does_not_count_and_takes_room_until_it_has_ended() -> None:
    old = [Placed(f"old-{n}", "working", is_current=False) for n in range(3)]
    step = decide(4, old, (), BOUNDS)
    assert (step.place, step.surplus) == (1, 0)


def test_who_is_not_even_placed_goes_first_and_who_is_busy_last() -> None:
    fleet = [Placed("silent", "silent"), Placed("busy", "working"), Placed("idle", "working")]
    fleet += [Placed("placing", "placing"), Placed("draining", "draining"), Placed("old", "working", False)]
    assert who_goes(fleet, {"busy"}, 3) == ["placing", "idle", "busy"]
    assert who_goes(fleet, {"busy"}, 9) == ["placing", "idle", "busy", "silent"]


@given(st.integers(0, 10**6), FLEETS, st.lists(st.integers(0, 9), max_size=3).map(tuple), st.integers(0, 4))
def test_the_bounds_are_kept_whatever_happens(
    open_jobs: int, fleet: list[Placed], recent: tuple[int, ...], least: int
) -> None:
    bounds = Bounds(least=least, most=4, quiet_s=9, every_s=3)
    step = decide(open_jobs, fleet, recent, bounds)
    stay = sum(each.stays for each in fleet)

    assert step.place == 0 or len(fleet) + step.place <= bounds.most
    assert step.surplus == 0 or stay - step.surplus >= bounds.least
    assert step.place == 0 or step.surplus == 0
    assert len(step.recent) <= bounds.patience
    assert len(who_goes(fleet, set(), step.surplus)) == step.surplus
