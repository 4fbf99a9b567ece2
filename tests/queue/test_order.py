"""The arithmetic of the order: tags stamped at submit, and which model's head a slot takes."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from officina.job import Level
from officina.queue.order import WARM_PATIENCE_S, Clock, Head, choose, stamp, virtual

MODEL = "studio/canvas/edit"
COSTS = st.floats(min_value=0.1, max_value=20, allow_nan=False)
WEIGHTS = st.sampled_from([0.5, 1.0, 2.0, 5.0])
KEYS = st.sampled_from("abc")
LEVELS = st.sampled_from([0, 1, 2])


class Line:
    """A queue of one model in memory: stamps at submit, claims the least (tag, seq)."""

    def __init__(self) -> None:
        self.clocks: dict[Clock, float] = {}
        self.waiting: list[tuple[float, int, str, float]] = []
        self.seq = 0

    def submit(self, key: str, cost: float = 1.0, weight: float = 1.0, level: Level = 1) -> float:
        """Stamp a job and let it wait; its tag."""
        tag = stamp(self.clocks, (MODEL, key, level), cost / weight)
        self.seq += 1
        heapq.heappush(self.waiting, (tag, self.seq, key, cost))
        return tag

    def claim(self) -> tuple[str, float, int]:
        """Take the next job: its key, cost and number."""
        tag, seq, key, cost = heapq.heappop(self.waiting)
        self.clocks[virtual(MODEL)] = max(self.clocks.get(virtual(MODEL), 0.0), tag)
        return key, cost, seq


# Stamping


def test_each_job_of_a_key_is_one_step_after_the_one_before() -> None:
    line = Line()
    assert [line.submit("a", cost=2.0, weight=4.0) for _ in range(3)] == [0.5, 1.0, 1.5]


def test_a_key_that_comes_late_starts_at_the_virtual_time() -> None:
    line = Line()
    for _ in range(10):
        line.submit("a")
    for _ in range(4):
        line.claim()
    assert line.submit("b") == 5.0


def test_a_stamp_lifts_the_clocks_of_the_levels_below_and_no_other() -> None:
    clocks: dict[Clock, float] = {}
    stamp(clocks, (MODEL, "a", 1), 3.0)
    assert clocks == {(MODEL, "a", 1): 3.0, (MODEL, "a", 2): 3.0}
    stamp(clocks, (MODEL, "a", 0), 1.0)
    assert clocks == {(MODEL, "a", 0): 1.0, (MODEL, "a", 1): 3.0, (MODEL, "a", 2): 3.0}


def test_models_have_their_own_clocks() -> None:
    clocks: dict[Clock, float] = {virtual("studio/other"): 100.0}
    assert stamp(clocks, (MODEL, "a", 1), 1.0) == 1.0


# Fairness


@given(
    costs=st.lists(st.tuples(KEYS, COSTS), min_size=10, max_size=60),
    weights=st.fixed_dictionaries(dict.fromkeys("abc", WEIGHTS)),
    head_start=st.integers(0, 10),
)
@settings(deadline=None)
def test_keys_that_always_have_something_waiting_are_served_in_proportion_to_their_weights(
    costs: list[tuple[str, float]], weights: dict[str, float], head_start: int
) -> None:
    """Between any two, the service received per weight differs by at most one largest job of each."""
    line = Line()
    for _ in range(head_start):
        line.submit("earlier")
        line.claim()
    largest = {key: max([cost for owner, cost in costs if owner == key], default=1.0) for key in weights}
    backlog = {key: deque(cost for owner, cost in costs if owner == key) for key in weights}
    for key, weight in weights.items():
        line.submit(key, backlog[key].popleft() if backlog[key] else 1.0, weight)
    served = Counter[str]()
    while True:
        key = line.waiting[0][2]
        if not backlog[key]:
            break
        line.submit(key, backlog[key].popleft(), weights[key])
        _, cost, _ = line.claim()
        served[key] += cost / weights[key]
        for one, two in combinations(weights, 2):
            bound = largest[one] / weights[one] + largest[two] / weights[two]
            assert abs(served[one] - served[two]) <= bound + 1e-6


@given(arrivals=st.lists(st.sampled_from("ab"), max_size=80), late=st.integers(0, 20))
@settings(deadline=None)
def test_two_equal_keys_that_always_have_something_waiting_take_turns(arrivals: list[str], late: int) -> None:
    line = Line()
    for _ in range(late):
        line.submit("earlier")
        line.claim()
    for key in ("a", "b", *arrivals):
        line.submit(key)
    waiting = Counter(("a", "b", *arrivals))
    served = Counter[str]()
    while min(waiting.values()) > 0:
        key, _, _ = line.claim()
        waiting[key] -= 1
        served[key] += 1
        assert abs(served["a"] - served["b"]) <= 1


@given(levels=st.lists(LEVELS, min_size=2, max_size=40), claims=st.lists(st.booleans(), max_size=40))
@settings(deadline=None)
def test_inside_a_key_a_job_never_overtakes_an_earlier_one_of_its_level_or_a_higher(
    levels: list[Level], claims: list[bool]
) -> None:
    line = Line()
    tags: list[tuple[Level, float]] = []
    for at, level in enumerate(levels):
        tags.append((level, line.submit("a", level=level)))
        if at < len(claims) and claims[at]:
            line.claim()
    for (earlier_level, earlier), (later_level, later) in combinations(tags, 2):
        if later_level >= earlier_level:
            assert later > earlier


@given(greedy=st.lists(LEVELS, min_size=30, max_size=90))
@settings(deadline=None)
def test_levels_give_a_key_at_most_three_turns_for_one_of_another(greedy: list[Level]) -> None:
    line = Line()
    for level in greedy:
        line.submit("greedy", level=level)
    for _ in range(10):
        line.submit("modest")
    order = [line.claim()[0] for _ in range(len(line.waiting))]
    last = max(at for at, key in enumerate(order) if key == "modest")
    assert order[: last + 1].count("greedy") <= 3 * 10


def test_twenty_light_keys_never_wait_behind_the_backlog_of_a_heavy_one() -> None:
    """Simulated: 10,000 jobs of one key wait, 20 keys send one every 2 s; 40 slots take 0.5 s a job."""
    line = Line()
    for _ in range(10_000):
        line.submit("heavy")
    arrivals = deque(
        sorted((2 * turn + 0.1 * key, f"light-{key}") for turn in range(60) for key in range(20))
    )
    arrived_at: dict[int, float] = {}
    waits: list[float] = []
    heavy = 0
    free_at = [slot * 0.5 / 40 for slot in range(40)]
    while (now := heapq.heappop(free_at)) < 120:
        while arrivals and arrivals[0][0] <= now:
            at, key = arrivals.popleft()
            line.submit(key)
            arrived_at[line.seq] = at
        key, _, seq = line.claim()
        heapq.heappush(free_at, now + 0.5)
        heavy += key == "heavy"
        if key != "heavy":
            waits.append(now - arrived_at[seq])
    assert len(waits) == 1200
    assert max(waits) < 0.5
    assert heavy > 8000


# Choosing a model


def head(model: str, waited_s: float, *, warm: bool = False) -> Head:
    return Head(1, model, waited_s, warm)


def test_nothing_waiting_is_nothing_to_choose() -> None:
    assert choose([]) is None


def test_a_cold_slot_takes_the_head_that_has_waited_longest() -> None:
    assert choose([head("a", 1), head("b", 3), head("c", 2)]) == head("b", 3)


@pytest.mark.parametrize(("waited_s", "chosen"), [(0, "warm"), (WARM_PATIENCE_S, "warm"), (10.1, "cold")])
def test_a_warm_model_is_kept_until_another_has_waited_ten_seconds_longer(
    waited_s: float, chosen: str
) -> None:
    found = choose([head("cold", 5 + waited_s), head("warm", 5, warm=True)])
    assert found is not None
    assert found.model == chosen


def test_of_two_warm_models_the_longer_waiting_goes_first() -> None:
    assert choose([head("a", 1, warm=True), head("b", 2, warm=True)]) == head("b", 2, warm=True)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.floats(0, 1000), st.booleans()),
        min_size=1,
        unique_by=lambda each: each[0],
    )
)
def test_the_choice_is_one_of_the_heads_and_no_head_is_passed_over_for_long(
    drawn: list[tuple[str, float, bool]],
) -> None:
    heads = [head(model, waited_s, warm=warm) for model, waited_s, warm in drawn]
    chosen = choose(heads)
    assert chosen in heads
    assert chosen is not None
    assert all(other.waited_s <= chosen.waited_s + WARM_PATIENCE_S for other in heads)
