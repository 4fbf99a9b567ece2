"""Listens to what a ComfyUI server says over its WebSocket, and connects again when that drops.

What is heard shortens waits and tells of progress. It is never the truth: messages are lost while the socket
is away, and nobody repeats them.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

Message = Mapping[str, Any]

_OPEN_S = 5.0
_CLOSE_S = 1.0
_LISTEN_S = 0.3
_AGAIN_S = 1.0
_MAX_BYTES = 2**26
"""Previews come as binary frames, which may be large."""


class Listener:
    """A thread that keeps a WebSocket to one server open, as long as the block of `with` lasts."""

    def __init__(self, url: str, client_id: str, headers: Mapping[str, str]) -> None:
        scheme, rest = url.split("://", 1)
        self._url = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?{urlencode({'clientId': client_id})}"
        self._headers = dict(headers)
        self.opened = 0
        """How often the socket was opened: when this grows, messages may have been missed."""
        self._heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="comfyui-listener", daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()  # it closes the socket by itself: a run that stops has no time to wait for that

    @property
    def is_open(self) -> bool:
        """Whether messages can be heard now."""
        return self._open.is_set()

    def wait_open(self, timeout_s: float) -> bool:
        """Wait for the socket; whether it is open."""
        return self._open.wait(timeout_s)

    def next(self, timeout_s: float) -> Message | None:
        """The next message, `{"type": …, "data": …}`; None when none came in time."""
        try:
            return self._heard.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                with self._connected() as socket:
                    self.opened += 1
                    self._open.set()
                    self._hear(socket)
            except (OSError, WebSocketException):
                pass  # dropped, or nobody there: the follower asks over HTTP meanwhile
            finally:
                self._open.clear()
            self._ended.wait(_AGAIN_S)

    def _connected(self) -> ClientConnection:
        return connect(
            self._url,
            additional_headers=self._headers,
            open_timeout=_OPEN_S,
            close_timeout=_CLOSE_S,
            ping_timeout=None,  # the server's loop stands still while it loads weights
            max_size=_MAX_BYTES,
            proxy=None,
        )

    def _hear(self, socket: ClientConnection) -> None:
        while not self._ended.is_set():
            try:
                frame = socket.recv(timeout=_LISTEN_S)
            except TimeoutError:
                continue
            if isinstance(frame, str) and (message := _read(frame)):  # binary frames are previews
                self._heard.put(message)


def _read(frame: str) -> Message | None:
    try:
        message = json.loads(frame)
    except ValueError:
        return None
    known = isinstance(message, dict) and isinstance(message.get("type"), str)
    return message if known and isinstance(message.get("data"), dict) else None
