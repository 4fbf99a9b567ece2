"""Bodies as streams of chunks: look at the beginning, and still have the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator

SNIFFED_BYTES = 512
"""Enough to tell any type that we know."""


async def peek(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes, and the whole again."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= SNIFFED_BYTES:
            break
    return head, chain(head, chunks)


async def chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`first`, then the rest."""
    if first:
        yield first
    async for chunk in rest:
        yield chunk


async def opened(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes with the first chunk read already, so that what fails at once fails here."""
    first = await anext(aiter(body), b"")
    return chain(first, body)


async def nothing() -> AsyncIterator[bytes]:
    """No bytes: the body of an answer to HEAD."""
    empty: tuple[bytes, ...] = ()
    for chunk in empty:
        yield chunk
