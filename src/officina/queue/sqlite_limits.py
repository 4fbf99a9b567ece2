"""Limits on SQLite: whether a submit is let in, which head a claim may take, and what a key takes now."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import msgspec

from officina.job import Allowance, NewJob
from officina.keys import KeyLimits
from officina.queue import limits as rules
from officina.queue import sql
from officina.queue.limits import Rate
from officina.queue.order import Head
from officina.queue.protocol import Terms, Use, Want
from officina.queue.rows import limits_of as own_limits
from officina.queue.writer import Transaction

SQL = sql.statements("sqlite")


def admit(tx: Transaction, job: NewJob, max_waiting: int, terms: Terms) -> Allowance | None:
    """Count a submit against the limits of its key. Raises as Queue.submit, having counted nothing then."""
    limits = limits_of(tx, job.key_id, terms)
    most = max_waiting if limits.max_waiting is None else limits.max_waiting
    rules.check_waiting(int(tx.waiting[("key", job.key_id)]), most)
    if limits.is_budgeted:
        rules.check_budget(limits, _spending(tx, job.key_id), job, tx.now)
    allowance = _spend_rate(tx, job.key_id, Rate.of(limits))
    hold(tx, job.key_id, (job.most_outputs, job.most_usd), terms)
    return allowance


def _spend_rate(tx: Transaction, key_id: str, rate: Rate | None) -> Allowance | None:
    if rate is None:
        return None
    due_at = rate.spend(tx.rates[key_id], tx.now)
    tx.rates[key_id] = due_at
    return rate.allowance(due_at, tx.now)


def hold(tx: Transaction, key_id: str, most: tuple[float, float], terms: Terms, sign: int = 1) -> None:
    """Hold back what a job takes at most, or with `sign` -1 release it, before its row is written."""
    if limits_of(tx, key_id, terms).is_budgeted:
        tx.held[(key_id, "outputs")] += sign * most[0]
        tx.held[(key_id, "usd")] += sign * most[1]


def limits_of(tx: Transaction, key_id: str, terms: Terms) -> KeyLimits:
    """The limits that hold for a key: its own, else those of the terms."""
    found = tx.limits.get(key_id)
    if found is None:
        row = tx.row(SQL["limits"], (key_id,))
        own = own_limits(row[0]) if row else KeyLimits()
        found = tx.limits[key_id] = own.over(terms.limits)
    return found


def open_head(tx: Transaction, want: Want, terms: Terms, *, starts: bool) -> Head | None:
    """The next job of a model that may be leased: its key, and the model itself, run less than they may.

    One probe of an index while the first of all may be taken. Else the next few are looked at, and then the
    first of each key, so what a key at its limit has waiting costs nothing.
    """
    if not tx.waiting[("model", want.model)] or _is_full(want.max_running, "model", want.model, tx, starts):
        return None
    row = tx.row(SQL["head"], (want.model,))
    if row and _is_full(limits_of(tx, row[3], terms).max_running, "key", row[3], tx, starts):
        row = _beyond_full_keys(tx, want.model, terms) if starts else None
    return Head(row[0], want.model, tx.now - row[1], want.warm) if row else None


def _is_full(most: int | None, kind: str, name: str, tx: Transaction, starts: bool) -> bool:
    """Whether no more may be leased; of what has a limit, nothing ahead of its start."""
    return most is not None and (not starts or tx.running[(kind, name)] >= most)


def _beyond_full_keys(tx: Transaction, model: str, terms: Terms) -> tuple[Any, ...] | None:
    full = [
        name
        for kind, name in tx.running
        if kind == "key" and _is_full(limits_of(tx, name, terms).max_running, kind, name, tx, starts=True)
    ]
    told = msgspec.json.encode(full).decode()
    return tx.row(SQL["open_among_first"], (model, told)) or tx.row(SQL["open_by_key"], (model, told))


def count_running(tx: Transaction, model: str, key_id: str, change: int) -> None:
    """Keep the counts of jobs under lease. Where one ends, others of its model or key may begin."""
    tx.running[("model", model)] += change
    tx.running[("key", key_id)] += change
    if change < 0:
        models = [model]
        if tx.waiting[("key", key_id)] and tx.limits.get(key_id, KeyLimits()).max_running is not None:
            models = [name for kind, name in tx.waiting if kind == "model"]
        tx.topics.update(f"model:{each}" for each in models if tx.waiting[("model", each)])


def use(tx: Transaction, key_ids: Collection[str], terms: Terms) -> dict[str, Use]:
    """What keys take now and have taken today."""
    return {key_id: _use(tx, key_id, limits_of(tx, key_id, terms)) for key_id in key_ids}


def _use(tx: Transaction, key_id: str, limits: KeyLimits) -> Use:
    rate = Rate.of(limits)
    return msgspec.structs.replace(
        _spending(tx, key_id, budgeted=limits.is_budgeted),
        waiting=int(tx.waiting[("key", key_id)]),
        running=int(tx.running[("key", key_id)]),
        allowance=rate.allowance(tx.rates[key_id], tx.now) if rate else None,
    )


def _spending(tx: Transaction, key_id: str, *, budgeted: bool = True) -> Use:
    day = time.strftime("%Y-%m-%d", time.gmtime(tx.now))
    row = tx.row(SQL["used_on"], (key_id, day))
    outputs, cost_usd = row or (0, 0.0)
    if not budgeted:
        return Use(outputs=outputs, cost_usd=cost_usd)
    held_outputs, held_usd = int(tx.held[(key_id, "outputs")]), round(tx.held[(key_id, "usd")], 6)
    return Use(outputs=outputs, cost_usd=cost_usd, held_outputs=held_outputs, held_usd=held_usd)
