"""Files that go straight between a worker and the object store; the gateway grants, looks, and confirms.

A worker puts into `incoming/`, where nothing is served from. To confirm, the object is copied inside the
store to its true key, for which nobody holds a grant, and only then looked at: what was checked cannot
change any more. The digest is taken by reading the object back: obstore's signatures bind method, key and
time alone, and no digest of one kind is known to all providers. So no word of a worker is believed.
"""

from __future__ import annotations

import contextlib
import hashlib

from officina.errors import InvalidInput, Problem, TooLarge, UnknownFile
from officina.job import FILE_ID, Lease, LeaseRef, Output, incoming_key, output_key
from officina.link import Grant, Upload
from officina.picture import FileType, sniff
from officina.store import Grant as StoreGrant
from officina.store import Seen, Served, Store
from officina.store.protocol import discard
from officina.web.call import Call
from officina.web.render import Answer, json
from officina.web.worker_link import FILE_NAME, MAX_OUTPUT_BYTES

GRANT_S = 300.0


async def grant_output(call: Call) -> Answer:
    """The right to put one output of a run into the store, for exactly one key, for five minutes."""
    lease, _, found = await _asked(call)
    key = incoming_key(lease.job_id, lease.attempt, int(call.params["n"]))
    return json(_told(await call.gateway.store.grant_put(key, Served(found.mime), GRANT_S)))


async def confirm_output(call: Call) -> Answer:
    """Check what a worker has put, and take it; the same again gets the same answer."""
    lease, said, found = await _asked(call)
    n, store = int(call.params["n"]), call.gateway.store
    source = incoming_key(lease.job_id, lease.attempt, n)
    key = output_key(lease.job_id, lease.attempt, n, found.suffix)
    with contextlib.suppress(UnknownFile):  # an earlier call whose answer was lost has taken it
        await store.copy(source, key)
    try:
        await _check(store, key, said, found, n)
    except InvalidInput:
        await discard(store, [source, key])
        raise
    await discard(store, [source])
    return json(Output(n, said.kind, found.mime, found.suffix, said.size_bytes, said.sha256))


async def grant_file(call: Call) -> Answer:
    """The right to read one stored file from the store."""
    await call.key("worker")
    name = call.params["name"].removeprefix(FILE_ID)
    if not FILE_NAME.fullmatch(name):
        raise UnknownFile
    file = await call.gateway.queue.file(name)
    return json(_told(await call.gateway.store.grant_get(file.store_key, GRANT_S)))


async def _asked(call: Call) -> tuple[Lease, Upload, FileType]:
    """The lease, what the worker says of an output, and its type by its first bytes."""
    await call.key("worker")
    lease = await call.gateway.queue.leased(LeaseRef(call.params["job_id"], call.query.get("token", "")))
    said = await call.read(Upload)
    if said.size_bytes > MAX_OUTPUT_BYTES:
        raise TooLarge(f"The file is larger than the {MAX_OUTPUT_BYTES:,} bytes allowed here.")
    found = sniff(said.head)
    if found is None or found.kind != said.kind:
        n = call.params["n"]
        raise _refused(f"output {n} is no picture or video that can be served")
    return lease, said, found


async def _check(store: Store, key: str, said: Upload, found: FileType, n: int) -> None:
    """Hold a stored output against what was said of it. Raises InvalidInput."""
    try:
        seen = await store.look(key)
    except UnknownFile:
        raise _refused(f"output {n} has not been put") from None
    if seen.size_bytes != said.size_bytes:
        raise _refused(f"output {n} has {seen.size_bytes} bytes, not {said.size_bytes}")
    if sniff(seen.head) != found or not _is_served_right(store, seen, found):
        raise _refused(f"output {n} is not of the type {found.mime}, or was put with other headers")
    digest = hashlib.sha256()
    async for chunk in store.read(key):
        digest.update(chunk)
    if digest.hexdigest() != said.sha256:
        raise _refused(f"output {n} has another SHA-256 than was said")


def _is_served_right(store: Store, seen: Seen, found: FileType) -> bool:
    """Whether the object has the headers of its grant, and none beside them that change how it is read."""
    wanted = store.headers(Served(found.mime))
    return all(seen.headers.get(name) == text for name, text in wanted.items()) and not (
        {"Content-Encoding", "Content-Language"} & seen.headers.keys()
    )


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput(detail=[Problem(("body",), sentence, "output")])


def _told(grant: StoreGrant | None) -> Grant:
    return Grant(grant.url, grant.headers) if grant else Grant()
