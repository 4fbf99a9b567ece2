"""The engine's process keeps to the protocol, and ends when the other side does not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import msgspec
import pytest

from officina.child.frames import (
    MOVES,
    PREFIX_BYTES,
    Begun,
    Done,
    Failed,
    Halted,
    Load,
    Loaded,
    Log,
    OutOfTurn,
    Progress,
    Report,
    Start,
    Stop,
    after,
    pack,
    parse_report,
    size_of,
)
from officina.child.main import publishable
from officina.job import Failure

ECHO = Load("engines.echo:Engine", {})
MESSAGES = (
    ECHO,
    Start("job", 1, {}, {}, "/"),
    Stop(),
    Loaded(),
    Progress(0.5, ""),
    Log(""),
    Done((), (), {}),
    Failed(Failure("engine_failed", ""), retry=False),
    Halted(),
)


class Child:
    """An engine's process, spoken to without a worker."""

    def __init__(self, link: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self.link = link
        self.process = process
        self._stream = link.makefile("rb")

    def say(self, *messages: Load | Start | Stop) -> None:
        self.link.sendall(b"".join(map(pack, messages)))

    def hear(self) -> Report:
        prefix = self._stream.read(PREFIX_BYTES)
        return parse_report(self._stream.read(size_of(prefix)))

    def hang_up(self) -> int:
        self._stream.close()
        self.link.close()
        return self.process.wait(20)


@contextmanager
def child() -> Iterator[Child]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "officina.child", str(theirs.fileno()), str(os.getpid())],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.DEVNULL,
        )
    one = Child(ours, process)
    try:
        yield one
    finally:
        process.kill()
        one.hang_up()


def start(folder: Path, **input: object) -> Start:  # noqa: A002
    return Start("job", 1, input, {}, str(folder))


def test_a_child_that_is_hung_up_on_ends() -> None:
    with child() as one:
        one.say(ECHO)
        assert one.hear() == Loaded()
        assert one.hang_up() == 0


def test_a_child_that_is_hung_up_on_in_a_run_ends(tmp_path: Path) -> None:
    with child() as one:
        one.say(Load("engines.stubborn:Engine", {}))
        assert one.hear() == Loaded()
        one.say(start(tmp_path))
        assert one.hear() == Begun()
        assert isinstance(one.hear(), Progress)
        assert one.hang_up() == 0


@pytest.mark.parametrize(
    "said",
    [
        pack(start(Path("/"))),
        pack(Stop()),
        pack(ECHO) + pack(ECHO),
        pack(Loaded()),
        b"\x00\x00\x00\x05hello",
        b"\xff\xff\xff\xff",
    ],
)
def test_a_child_that_is_told_nonsense_ends(said: bytes) -> None:
    with child() as one:
        one.link.sendall(said)
        assert one.process.wait(20) == os.EX_PROTOCOL


def test_a_stop_that_crosses_the_end_of_its_run_does_not_touch_the_next(tmp_path: Path) -> None:
    with child() as one:
        one.say(Load("engines.slow:Engine", {}))
        assert one.hear() == Loaded()
        for _ in range(2):
            one.say(start(tmp_path, seconds=0))
            assert one.hear() == Begun()
            assert isinstance(one.hear(), Done)
            one.say(Stop(), Stop())


def test_a_child_whose_parent_is_another_process_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "officina.child", "0", "1"]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=20).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be asked")
def test_a_child_is_the_first_to_go_when_memory_runs_out() -> None:
    with child() as one:
        one.say(ECHO)
        assert one.hear() == Loaded()
        score = Path(f"/proc/{one.process.pid}/oom_score_adj").read_text(encoding="ascii")
        assert score.strip() == "1000"


@pytest.mark.parametrize(("state", "message"), list(product(MOVES, MESSAGES)))
def test_only_the_messages_of_a_state_may_come(state: str, message: object) -> None:
    allowed = MOVES[state]  # type: ignore[index]
    if type(message) in allowed:
        assert after(state, message) == allowed[type(message)]  # type: ignore[arg-type,index]
        return
    with pytest.raises(OutOfTurn, match=f"{type(message).__name__} may not come while the child is {state}"):
        after(state, message)  # type: ignore[arg-type]


@pytest.mark.parametrize("message", MESSAGES[3:])
def test_a_report_survives_its_frame(message: Report) -> None:
    frame = pack(message)
    assert size_of(frame[:PREFIX_BYTES]) == len(frame) - PREFIX_BYTES
    assert parse_report(frame[PREFIX_BYTES:]) == message


@pytest.mark.parametrize(
    ("notes", "shown"),
    [
        ({"a": 1, "b": [True, 0.5, "x"]}, {"a": 1, "b": [True, 0.5, "x"]}),
        ({"a": "see http://x", "file://k": 1, "b": [["s3://x"], ("y",)]}, {"b": [[], ["y"]]}),
        ({1: Path("p"), "s": {"one"}}, {"1": "p", "s": ["one"]}),
        ({"nan": float("nan"), "inf": float("-inf"), "none": None}, {}),
        ({"big": 10**30, "bytes": b"\xff"}, {"big": str(10**30), "bytes": "b'\\xff'"}),
        ({"odd": "a\udcffb"}, {"odd": "a?b"}),
        (["not", "a", "mapping"], {}),
    ],
)
def test_notes_are_made_fit_to_show(notes: object, shown: dict[str, object]) -> None:
    found = publishable(notes)  # type: ignore[arg-type]
    assert found == shown
    assert msgspec.json.decode(msgspec.json.encode(found)) == shown
