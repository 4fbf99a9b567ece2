"""Claims on PostgreSQL: the fairest jobs for a group of workers, under the limits of keys and models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec

from officina.job import Lease, new_secret
from officina.queue.order import Head, choose, virtual
from officina.queue.postgres_batch import SQL, Batch, Row
from officina.queue.postgres_jobs import lease_of
from officina.queue.postgres_limits import Room, number, room
from officina.queue.protocol import Taker, Want
from officina.queue.rows import limits_of

LOOKS = 3
"""How often a claim looks for jobs when another gateway was quicker with what it saw."""


class Claim(msgspec.Struct, frozen=True):
    """A worker that asks for jobs."""

    taker: Taker
    wants: Sequence[Want]


async def claim(batch: Batch, group: Sequence[Claim]) -> list[list[Lease]]:
    """Lease the fairest jobs to those who ask, in the order in which they asked.

    A claim and its repetition, perhaps at two gateways at once, wait for each other by their nonce.
    """
    asked = {(each.taker.worker, each.taker.nonce): each for each in group}
    claims = list(asked.values())
    seen = await _look(batch, claims)
    given = [[lease_of(row) for row in seen.before if _is_of(row, each.taker)] for each in claims]
    limited = await room(batch, [want for each in claims for want in each.wants], seen.limited)
    if limited is None:
        await _give(batch, claims, given, seen)
    else:
        await _give_within(batch, claims, given, limited)
    return [given[claims.index(asked[each.taker.worker, each.taker.nonce])] for each in group]


def lock(group: Sequence[Claim]) -> str:
    """What a transaction of claims begins with: wait for whoever claims with one of these nonces."""
    numbers = {number(each.taker.worker, each.taker.nonce) for each in group}
    return SQL["lock_claims"] % ",".join(map(str, sorted(numbers)))


class _Seen(NamedTuple):
    """What a group of claims finds."""

    before: Sequence[Row]
    """What was leased under its nonces already."""
    limited: Sequence[tuple[str, bytes | None]]
    """Keys with limits of their own of which something waits, and those limits."""
    heads: Sequence[tuple[str, float]]
    """Models and since when each of their next jobs waits, in order."""
    picked: Sequence[tuple[Any, ...]] | None
    """The next jobs, locked, with the limits of their keys; None: not looked for yet."""


async def _look(batch: Batch, claims: Sequence[Claim]) -> _Seen:
    """Look at all that decides; where one model is wanted and nothing limited, take its next jobs, too."""
    models = _models(claims)
    is_open = batch.terms.limits.max_running is None and not any(
        want.max_running is not None for each in claims for want in each.wants
    )
    names = sorted((each.taker.worker, each.taker.nonce) for each in claims)
    workers, nonces = zip(*names, strict=True)
    most = sum(each.taker.n for each in claims)
    takes = is_open and len(models) == 1
    text = SQL["to_claim_of_one"] % most if takes else SQL["to_claim"] % (_rounded(most) if is_open else 0)
    found = await batch.db.fetchrow(text, batch.clock, workers, nonces, models[0] if takes else models)
    assert found is not None, "a SELECT without FROM has one row"  # noqa: S101
    batch.now, rows, limited, last = found
    before = [Row(*row) for row in rows]
    if not takes:
        return _Seen(before, limited, last, None)
    return _Seen(before, limited, (), None if before or limited else last)


def _models(claims: Sequence[Claim]) -> list[str]:
    return sorted({want.model for each in claims for want in each.wants})


def _rounded(most: int) -> int:
    """The next power of two, so that there are few different statements."""
    return 1 << (most - 1).bit_length()


def _is_of(row: Row, taker: Taker) -> bool:
    return (row.worker, row.nonce) == (taker.worker, taker.nonce)


async def _give(batch: Batch, claims: Sequence[Claim], given: Sequence[list[Lease]], seen: _Seen) -> None:
    """Give what waits where nothing is limited: a few statements, however many are asked for.

    Another gateway may hold what was seen, and look for what is held here: nobody looks without end.
    """
    models, heads, picked = _models(claims), seen.heads, seen.picked
    for _ in range(LOOKS):
        plan = _plan(batch, claims, given, heads)
        if not plan or not await _pick(batch, claims, given, plan, picked) or len(models) == 1:
            break
        await batch.flush()  # another gateway was quicker with what was seen: look again
        most = _rounded(sum(each.taker.n for each in claims))
        heads = [(row[0], row[1]) for row in await batch.db.fetch(SQL["heads"] % most, models)]


async def _pick(
    batch: Batch,
    claims: Sequence[Claim],
    given: Sequence[list[Lease]],
    plan: Sequence[tuple[int, Want]],
    picked: Sequence[tuple[Any, ...]] | None,
) -> bool:
    """Take the next jobs as planned; whether there were fewer of a model than planned."""
    short = False
    for model in dict.fromkeys(want.model for _, want in plan):
        served = [(place, want) for place, want in plan if want.model == model]
        found = picked
        if found is None:
            found = [tuple(row) for row in await batch.db.fetch(SQL["pick"] % len(served), model)]
        rows = [row for row in found if not _is_limited(batch, row[-1])]
        if len(rows) < len(found):  # a limited key began to wait just now; the next claim counts it
            plan = ()
        short = short or len(rows) < len(served)
        for (place, want), row in zip(served, rows, strict=False):
            given[place].append(_take(batch, Row(*row[:-1]), want, claims[place].taker, given[place]))
    return short and bool(plan)


def _is_limited(batch: Batch, limits: bytes | None) -> bool:
    return limits_of(limits).over(batch.terms.limits).max_running is not None


async def _give_within(
    batch: Batch, claims: Sequence[Claim], given: Sequence[list[Lease]], limited: Room
) -> None:
    """Give what waits and may run, one job after the other: first to idle slots, then ahead of a start."""
    if await _give_starts(batch, claims, given, limited):
        await batch.flush()  # what was given is no longer at the head
    await _give_ahead(batch, claims, given, limited)


async def _give_starts(
    batch: Batch, claims: Sequence[Claim], given: Sequence[list[Lease]], limited: Room
) -> int:
    """Give idle slots what may start now, past keys that are full; how many."""
    idle = [
        max(0, min(each.taker.n, each.taker.idle) - len(have))
        for each, have in zip(claims, given, strict=True)
    ]
    lacking = sum(idle)
    while lacking > 0:
        full = limited.full()
        ready = await _ready(batch, claims, lacking, limited)
        taken = sum(
            _give_start(batch, each, have, ready, limited)
            for each, have in zip(claims, given, strict=True)
            for _ in range(min(each.taker.n, each.taker.idle) - len(have))
        )
        lacking -= taken
        if full == limited.full() or not taken:
            break
        await batch.flush()  # what a key that is full now has at the head hid others
    return sum(idle) - lacking


async def _ready(batch: Batch, claims: Sequence[Claim], lacking: int, limited: Room) -> dict[str, list[Row]]:
    """The next jobs of each model, locked, but for those of keys that are full.

    A limited key that began to wait just now is not counted yet; the next claim does.
    """
    full = limited.full()
    most = _rounded(lacking)
    ready: dict[str, list[Row]] = {}
    for model in _models(claims):
        if full:
            rows = await batch.db.fetch(SQL["pick_beyond"] % (most, most), model, full)
        else:
            rows = await batch.db.fetch(SQL["pick"] % most, model)
        ready[model] = [
            Row(*row[:-1]) for row in rows if row["key_id"] in limited.keys or not _is_limited(batch, row[-1])
        ]
    return ready


def _give_start(
    batch: Batch, each: Claim, have: list[Lease], ready: dict[str, list[Row]], limited: Room
) -> bool:
    """Give an idle slot the fairest job that may start now; whether there was one."""
    first: dict[int, Row] = {}
    for n, want in enumerate(each.wants):
        if limited.for_model(want):
            row = next((row for row in ready.get(want.model, []) if limited.for_key(row.key_id)), None)
            if row is not None:
                first[n] = row
    return _give_fairest(batch, each, have, ready, limited, first)


async def _give_ahead(
    batch: Batch, claims: Sequence[Claim], given: Sequence[list[Lease]], limited: Room
) -> None:
    """Give what has no limit ahead of its start, up to the first job of a limited key: none passes it."""
    asking = [
        (each, have)
        for each, have in zip(claims, given, strict=True)
        if each.taker.idle <= len(have) < each.taker.n
    ]
    lacking = sum(each.taker.n - len(have) for each, have in asking)
    if not lacking:
        return
    most = _rounded(lacking)
    ready: dict[str, list[Row]] = {}
    for model in sorted(
        {want.model for each, _ in asking for want in each.wants if want.max_running is None}
    ):
        rows = await batch.db.fetch(SQL["pick"] % most, model)
        free = takewhile(
            lambda row: row["key_id"] not in limited.keys and not _is_limited(batch, row[-1]), rows
        )
        ready[model] = [Row(*row[:-1]) for row in free]
    for each, have in asking:
        while len(have) < each.taker.n:
            first = {
                n: ready[want.model][0]
                for n, want in enumerate(each.wants)
                if want.max_running is None and ready[want.model]
            }
            if not _give_fairest(batch, each, have, ready, limited, first):
                break


def _give_fairest(
    batch: Batch,
    each: Claim,
    have: list[Lease],
    ready: dict[str, list[Row]],
    limited: Room,
    first: dict[int, Row],
) -> bool:
    """Give the fairest of the jobs that stand first for each want; whether there was one."""
    wants = each.wants
    head = choose(
        [Head(n, wants[n].model, batch.now - row.created_at, wants[n].warm) for n, row in first.items()]
    )
    if head is None:
        return False
    row = first[head.seq]
    ready[row.model].remove(row)
    limited.take(row.model, row.key_id)
    have.append(_take(batch, row, wants[head.seq], each.taker, have))
    return True


def _plan(
    batch: Batch,
    group: Sequence[Claim],
    given: Sequence[list[Lease]],
    heads: Sequence[tuple[str, float]],
) -> list[tuple[int, Want]]:
    """Who shall get the next job of which model: one pair (place in the group, want) for each job."""
    lacking = [max(0, each.taker.n - len(have)) for each, have in zip(group, given, strict=True)]
    models = sorted({want.model for each, n in zip(group, lacking, strict=True) if n for want in each.wants})
    if not models:
        return []
    if len(models) == 1:  # nothing to choose
        return [(place, group[place].wants[0]) for place, n in enumerate(lacking) for _ in range(n)]
    waiting: dict[str, list[float]] = defaultdict(list)
    for model, created_at in heads:
        waiting[model].append(created_at)
    return [
        (place, want)
        for place, n in enumerate(lacking)
        for _ in range(n)
        if (want := _choose(batch.now, waiting, group[place].wants)) is not None
    ]


def _choose(now: float, waiting: dict[str, list[float]], wants: Sequence[Want]) -> Want | None:
    heads = [
        Head(n, want.model, now - waiting[want.model][0], want.warm)
        for n, want in enumerate(wants)
        if waiting[want.model]
    ]
    head = choose(heads)
    if head is None:
        return None
    waiting[head.model].pop(0)
    return wants[head.seq]


def _take(batch: Batch, row: Row, want: Want, taker: Taker, have: Sequence[Lease]) -> Lease:
    started = len(have) < taker.idle
    row.state, row.attempts, row.stop_wish = "running", row.attempts + 1, 0
    row.worker, row.nonce, row.token = taker.worker, taker.nonce, new_secret()
    if not row.memo:  # what has left a memo is known to one engine alone: no other takes it over
        row.engine = want.engine
    row.lease_until = batch.now + batch.terms.lease_s
    row.started_at = batch.now if started else None
    batch.changed(row)
    batch.advance(virtual(row.model), row.tag)
    batch.count_waiting(row.model, row.key_id, -1)
    if started:
        batch.tell(row, "started", {"attempt": row.attempts, "engine": row.engine})
    batch.topics.add(f"job:{row.id}")
    return lease_of(row)
