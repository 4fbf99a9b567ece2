"""One row of the collage benchmark in a process of its own: reads a Task, prints what it took.

The floor is what no engine could do without: decoding the inputs, the nets' inferences, encoding the
output. It is measured with the engine's own reader, nets and writer, in turn with its runs, so that both meet
the same machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

STATUS = Path("/proc/self/status")


class Task(msgspec.Struct, frozen=True):
    """What to run: a prompt on pictures at a size, and how many inferences of each net its floor holds."""

    prompt: str
    pictures: tuple[str, ...]
    size: int
    salient: int
    detect: int
    rounds: int
    started_at: float
    """When the parent started this process, by the wall clock."""


class Took(msgspec.Struct, frozen=True):
    """Seconds and megabytes of one row; nothing but `refused` when the engine does not do it."""

    refused: str = ""
    cold_s: float = 0.0
    """From the start of the process to its first picture."""
    warm_s: tuple[float, ...] = ()
    floor_s: tuple[float, ...] = ()
    peak_mb: float = 0.0
    idle_mb: float = 0.0
    """What the process holds after its first picture."""


def main() -> None:
    """Measure one task."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(_measured(task)))


def _measured(task: Task) -> Took:
    from officina.engines.collage import CollageEngine
    from officina.errors import RunError

    engine = CollageEngine({})
    with tempfile.TemporaryDirectory(prefix="officina-bench-") as name:
        folder = Path(name)
        try:
            made = _run(engine, task, folder)
        except RunError as refusal:
            return Took(refused=str(refusal))
        cold_s = time.time() - task.started_at
        idle_mb = _status_mb("VmRSS")
        _run(engine, task, folder)
        peak_mb = _status_mb("VmHWM")
        floor = _floor(task, made)
        floor()
        warm, floors = [], []
        for _ in range(task.rounds):
            warm.append(_timed(lambda: _run(engine, task, folder)))
            floors.append(_timed(floor))
    return Took("", cold_s, tuple(warm), tuple(floors), peak_mb, idle_mb)


def _run(engine: object, task: Task, folder: Path) -> Path:
    from officina.engines.collage import CollageEngine
    from officina.run import Run

    assert isinstance(engine, CollageEngine)
    given = {"prompt": task.prompt, "width×height": f"{task.size}x{task.size}(1:1)", "scale": 0.5}
    files = {"image_urls": tuple(Path(picture) for picture in task.pictures)}
    result = engine.run(Run("bench", 1, given, files, folder, lambda *_: None, lambda _: None))
    return result.images[0]


def _floor(task: Task, made: Path) -> Callable[[], None]:
    """A function that does the floor's work once."""
    from officina.engines.collage.album import LOOK_SIDE
    from officina.engines.collage.frugal import give_back
    from officina.engines.collage.nets import Nets
    from officina.engines.collage.pictures import Picture, read, write

    nets = Nets()
    first = read(Path(task.pictures[0]), 0, task.size)
    small = first.reduced(LOOK_SIDE).pixels
    output = read(made, 0, task.size)
    output = Picture(output.pixels.copy(), None if output.alpha is None else output.alpha.copy())

    def floor() -> None:
        for index, picture in enumerate(task.pictures):
            read(Path(picture), index, task.size)
        for _ in range(task.detect):
            nets.detect(small)
        for _ in range(task.salient):
            nets.salient(small)
        write(output, made.parent, 99)
        give_back()

    return floor


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _status_mb(field: str) -> float:
    if not STATUS.exists():
        return 0.0
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
