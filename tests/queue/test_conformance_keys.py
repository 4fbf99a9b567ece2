"""API keys: stored by their hash, revoked, noted when used; and a queue that is closed says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from queue_implementations import OpenQueue
from queue_scene import (
    DONE,
    TRY_AGAIN,
    Clock,
    all_jobs,
    claim,
    claim_one,
    new_job,
    news,
    ref,
    state_of,
    submit,
    submit_many,
    upload,
)

from officina.errors import Unavailable, UnknownRequest
from officina.job import Filter, Job, LeaseRef
from officina.keys import Key, KeyChange, Session, digest_of, mint
from officina.link import Register
from officina.queue.protocol import Queue, Worker

# Keys


async def test_a_key_is_found_by_the_hash_of_its_secret(queue: Queue) -> None:
    key, secret = mint("Ada's laptop", ("caller", "admin"))
    await queue.add_key(key)
    assert await queue.key_by_hash(digest_of(secret)) == key
    assert await queue.key_by_hash(digest_of("ofk_wrong")) is None


async def test_keys_are_listed_oldest_first(queue: Queue) -> None:
    keys = [Key(f"key_{n}", f"k{n}", bytes([n]), ("caller",), 100.0 - n, weight=n + 0.5) for n in range(3)]
    for key in keys:
        await queue.add_key(key)
    assert list(await queue.keys()) == keys[::-1]


async def test_a_revoked_key_is_still_known_as_revoked(queue: Queue, clock: Clock) -> None:
    key, secret = mint("Ada", ("caller",))
    await queue.add_key(key)
    revoked = await queue.revoke_key(key.id)
    revoked_at = clock.now
    assert revoked.revoked_at == revoked_at
    clock.forward(60)
    assert (await queue.revoke_key(key.id)).revoked_at == revoked_at
    assert await queue.key_by_hash(digest_of(secret)) == revoked
    assert list(await queue.keys()) == [revoked]


async def test_an_unknown_key_cannot_be_revoked(queue: Queue) -> None:
    with pytest.raises(UnknownRequest):
        await queue.revoke_key("key_none", cancel_waiting=True)


async def test_revoking_a_key_lets_its_waiting_jobs_run_unless_asked_otherwise(queue: Queue) -> None:
    await queue.add_key(Key("ada", "Ada", b"a", ("caller",), 0.0))
    running, again, *waiting = await submit_many(queue, 4, "ada")
    other = await submit(queue, "bob")
    await claim_one(queue)
    second, bobs = await claim(queue, 2)
    assert {second.job_id, bobs.job_id} == {again, other}
    await queue.finish(ref(second if second.job_id == again else bobs), TRY_AGAIN)
    await queue.revoke_key("ada")
    assert await state_of(queue, waiting[0]) == "queued"
    await queue.revoke_key("ada", cancel_waiting=True)
    assert {await state_of(queue, job_id) for job_id in [again, *waiting]} == {"cancelled"}
    assert {await state_of(queue, job_id) for job_id in (running, other)} == {"running"}


async def test_the_last_use_of_a_key_only_moves_forward(queue: Queue) -> None:
    for name in ("ada", "bob"):
        await queue.add_key(Key(name, name, name.encode(), ("caller",), 0.0))
    await queue.key_used({"ada": 200.0, "gone": 300.0})
    await queue.key_used({"ada": 100.0})
    used = {key.id: key.last_used_at for key in await queue.keys()}
    assert used == {"ada": 200.0, "bob": None}


# Sessions


async def test_a_session_acts_for_its_key_until_it_expires(queue: Queue, clock: Clock) -> None:
    key, _ = mint("Ada", ("caller",))
    await queue.add_key(key)
    await queue.add_session(Session(b"ada's browser", key.id, clock.now, clock.now + 60))
    assert await queue.key_by_session(b"ada's browser") == key
    assert await queue.key_by_session(b"another") is None
    clock.forward(60)
    assert await queue.key_by_session(b"ada's browser") is None
    await queue.sweep()
    clock.forward(-60)
    assert await queue.key_by_session(b"ada's browser") is None, "the sweep has removed it"


async def test_the_session_of_a_revoked_key_shows_that_it_is_revoked(queue: Queue, clock: Clock) -> None:
    key, _ = mint("Ada", ("caller",))
    await queue.add_key(key)
    await queue.add_session(Session(b"browser", key.id, clock.now, clock.now + 60))
    revoked = await queue.revoke_key(key.id)
    assert revoked.revoked_at
    assert await queue.key_by_session(b"browser") == revoked


async def test_sessions_end_one_by_one_or_all_of_a_key(queue: Queue, clock: Clock) -> None:
    keys = {name: Key(name, name, name.encode(), ("caller",), 0.0) for name in ("ada", "bob")}
    for key in keys.values():
        await queue.add_key(key)
    sessions = {b"a1": "ada", b"a2": "ada", b"a3": "ada", b"b1": "bob"}
    for digest, key_id in sessions.items():
        await queue.add_session(Session(digest, key_id, clock.now, clock.now + 60))
    await queue.end_session(b"a1")
    await queue.end_session(b"a1")
    found = {digest: await queue.key_by_session(digest) for digest in sessions}
    assert found == {b"a1": None, b"a2": keys["ada"], b"a3": keys["ada"], b"b1": keys["bob"]}
    assert await queue.end_sessions("ada") == 2
    assert await queue.end_sessions("ada") == 0
    assert await queue.key_by_session(b"a3") is None
    assert await queue.key_by_session(b"b1") == keys["bob"]


async def test_sessions_outlive_a_restart(open_queue: OpenQueue, clock: Clock) -> None:
    queue = await open_queue()
    key, _ = mint("Ada", ("caller",))
    await queue.add_key(key)
    await queue.add_session(Session(b"browser", key.id, clock.now, clock.now + 60))
    await queue.close()
    assert await (await open_queue()).key_by_session(b"browser") == key


# After the close


NO_JOB = Job("none", "studio/none", "ada", "queued", 0.0)
NO_LEASE = LeaseRef("none", "0" * 32)

CALLS: dict[str, Callable[[Queue], Awaitable[object]]] = {
    "submit": lambda queue: queue.submit(new_job(), 1),
    "replay": lambda queue: queue.replay("ada", "order-7", b""),
    "claim": claim,
    "renew": lambda queue: queue.renew("worker-1", []),
    "hand_back": lambda queue: queue.hand_back([NO_LEASE]),
    "finish": lambda queue: queue.finish(NO_LEASE, DONE),
    "leased": lambda queue: queue.leased(NO_LEASE),
    "cancel": lambda queue: queue.cancel("none", None),
    "get": lambda queue: queue.get("none", None),
    "list": lambda queue: queue.list(Filter()),
    "record": lambda queue: queue.record("none", None),
    "inputs": lambda queue: queue.inputs(["none"]),
    "share": lambda queue: queue.share("none", None),
    "unshare": lambda queue: queue.unshare("none", None),
    "shared": lambda queue: queue.shared("0" * 32),
    "position": lambda queue: queue.position(NO_JOB),
    "events": lambda queue: queue.events("none"),
    "delete": lambda queue: queue.delete("none", None),
    "depth": lambda queue: queue.depth(),
    "depth_by_key": lambda queue: queue.depth_by_key(),
    "running": lambda queue: queue.running(),
    "storage": lambda queue: queue.storage(),
    "sweep": lambda queue: queue.sweep(()),
    "lose": lambda queue: queue.lose("worker"),
    "usage": lambda queue: queue.usage("2000-01-01", "2999-12-31"),
    "add_file": lambda queue: queue.add_file(upload(Clock())),
    "file": lambda queue: queue.file("none"),
    "known_store_keys": lambda queue: queue.known_store_keys(["none"]),
    "add_key": lambda queue: queue.add_key(mint("late", ("caller",))[0]),
    "add_first_key": lambda queue: queue.add_first_key(mint("late", ("caller",))[0]),
    "key_by_hash": lambda queue: queue.key_by_hash(b""),
    "keys": lambda queue: queue.keys(),
    "change_key": lambda queue: queue.change_key("none", KeyChange()),
    "use": lambda queue: queue.use(["none"]),
    "add_worker": lambda queue: queue.add_worker(Worker("none", Register("none", ()))),
    "workers": lambda queue: queue.workers(),
    "workers_seen": lambda queue: queue.workers_seen([]),
    "wish_drain": lambda queue: queue.wish_drain("none"),
    "revoke_key": lambda queue: queue.revoke_key("none"),
    "key_used": lambda queue: queue.key_used({"none": 1.0}),
    "add_session": lambda queue: queue.add_session(Session(b"late", "none", 0.0, 1.0)),
    "key_by_session": lambda queue: queue.key_by_session(b""),
    "end_session": lambda queue: queue.end_session(b""),
    "end_sessions": lambda queue: queue.end_sessions("none"),
    "snapshot": lambda queue: queue.snapshot(Path("/dev/null/copy")),
}


async def test_of_several_first_keys_one_is_stored(queue: Queue) -> None:
    made = [mint(f"first {n}", ("caller", "admin"))[0] for n in range(5)]
    stored = await asyncio.gather(*(queue.add_first_key(key) for key in made))
    assert sorted(stored) == [False] * 4 + [True]
    assert [key.id for key in await queue.keys()] == [made[stored.index(True)].id]


def test_every_method_of_the_protocol_is_called_after_a_close() -> None:
    assert {*CALLS, "close"} == {name for name in vars(Queue) if not name.startswith("_")}


@pytest.mark.parametrize("method", CALLS)
async def test_a_closed_queue_says_that_it_is_unavailable(queue: Queue, method: str) -> None:
    await queue.close()
    with pytest.raises(Unavailable):
        await CALLS[method](queue)


async def test_closing_again_does_nothing(queue: Queue) -> None:
    await queue.close()
    await queue.close()


async def test_what_was_asked_before_the_close_is_done(open_queue: OpenQueue) -> None:
    queue = await open_queue()
    asked = [asyncio.ensure_future(queue.submit(new_job(), 1000)) for _ in range(300)]
    await asyncio.sleep(0)
    await queue.close()
    made = {submitted.id for submitted in await asyncio.gather(*asked)}
    assert {job.id for job in await all_jobs(await open_queue())} == made


async def test_reads_that_run_while_it_closes_answer_or_say_unavailable(queue: Queue) -> None:
    await submit_many(queue, 50)
    lease = await claim_one(queue)
    asked = [queue.list(Filter()), queue.depth(), queue.usage("2000", "2999"), queue.sweep()] * 5
    writes = [queue.renew("worker-1", [news(lease)]), queue.cancel(lease.job_id, None)] * 5
    answers = await asyncio.gather(*asked, *writes, queue.close(), return_exceptions=True)
    wrong = [each for each in answers if isinstance(each, Exception) and not isinstance(each, Unavailable)]
    assert wrong == []
