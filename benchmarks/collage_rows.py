"""The collage engine against its floor: what is asked, each row in a process of its own, and the tables."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from benchmarks.collage_child import Task, Took
from benchmarks.report import Verdict, table

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "src/officina/models/bytedance/dreamina-4-0/edit/example"
SIZES = (1024, 2048, 4096)


class Row(NamedTuple):
    """What is asked of how many pictures, and the inferences that it cannot do without.

    A subject takes a look with both nets and a closer one at its rectangle, a scene takes a look.
    """

    name: str
    prompt: str
    pictures: int = 1
    salient: int = 2
    detect: int = 1
    most: float = 2.0
    """Of the floor, from 2048 on."""


ROWS = (
    Row("compose", "A beautiful girl is sitting on the boat", 2, 3, 2),
    Row("remove background", "remove the background"),
    Row("replace background", "replace the background with pink"),
    Row("blur background", "blur the background"),
    Row("watercolor", "make it a watercolor painting", 1, 0, 0, 0.0),
    Row("text", "write 'Hello' at the bottom", 1, 0, 0, 3.0),
)


class Asked(NamedTuple):
    """How large, how often, and in which environment rows are run."""

    size: int
    rounds: int
    environment: dict[str, str]


WATERCOLOR_S = {2048: 1.0, 4096: 3.0}


class Measured(msgspec.Struct, frozen=True):
    """One row at one size."""

    name: str
    size: int
    took: Took

    @property
    def ratio(self) -> float:
        """How the engine compares with the floor of the same round; the median."""
        return median(w / f for w, f in zip(self.took.warm_s, self.took.floor_s, strict=True))


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    found = []
    with tempfile.TemporaryDirectory(prefix="officina-bench-") as name:
        installed = _installed(Path(name) / "bytecode")
        for size in asked.sizes:
            pictures = _inputs(Path(name), size)
            for row in ROWS:
                print(f"{row.name} at {size}", file=sys.stderr, flush=True)
                found.append(
                    Measured(row.name, size, _measured(row, pictures, Asked(size, asked.rounds, installed)))
                )
    print(_json(found).decode() if asked.json else _text(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the collage engine against its floor, in one run.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="sides of inputs and outputs")
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="runs of each row, and of its floor"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    return parser.parse_args()


def _inputs(folder: Path, size: int) -> tuple[Path, ...]:
    """The example's portrait and scene as square pictures of that side."""
    from PIL import Image, ImageOps

    made = []
    for name in ("portrait.jpg", "boat.jpg"):
        path = folder / f"{size}-{name}"
        with Image.open(EXAMPLE / name) as opened:
            ImageOps.fit(opened.convert("RGB"), (size, size)).save(path, quality=92)
        made.append(path)
    return tuple(made)


def _installed(folder: Path) -> dict[str, str]:
    """An environment with bytecode for all that a row imports, as an installer leaves it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(folder)}
    imports = "import onnxruntime, benchmarks.collage_child, officina.engines.collage"
    subprocess.run([sys.executable, "-c", imports], cwd=ROOT, env=environment, check=True)
    return environment


def _measured(row: Row, pictures: tuple[Path, ...], asked: Asked) -> Took:
    paths = tuple(str(path) for path in pictures[: row.pictures])
    task = Task(row.prompt, paths, asked.size, row.salient, row.detect, asked.rounds, time.time())
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.collage_child"],
        input=msgspec.json.encode(task),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=asked.environment,
        check=True,
    )
    return msgspec.json.decode(ran.stdout, type=Took)


def _verdicts(found: list[Measured]) -> list[Verdict]:
    """Every target that was measured."""
    verdicts = []
    most = {row.name: row.most for row in ROWS}
    for each in found:
        if each.took.refused:
            continue
        where = f"{each.name} at {each.size}"
        if each.size >= 2048 and most[each.name]:
            verdicts.append(Verdict(where, each.ratio, most[each.name], "of the floor"))
        if each.name == "watercolor" and each.size in WATERCOLOR_S:
            verdicts.append(Verdict(where, median(each.took.warm_s), WATERCOLOR_S[each.size], "s"))
        if each.size == 2048:
            verdicts.append(Verdict(f"{where}, peak", each.took.peak_mb, 1024.0, "MB"))
            verdicts.append(Verdict(f"{where}, idle after it", each.took.idle_mb, 200.0, "MB"))
            verdicts.append(Verdict(f"{where}, first picture", each.took.cold_s, 3.0, "s"))
    return verdicts


def _text(found: list[Measured]) -> str:
    rows = []
    for each in found:
        took = each.took
        if took.refused:
            rows.append([each.name, str(each.size), *["not done"] * 6])
            continue
        numbers = (took.cold_s, median(took.warm_s), median(took.floor_s), each.ratio)
        rows.append(
            [
                *(each.name, str(each.size)),
                *(f"{number:.2f}" for number in numbers),
                *(f"{number:.0f}" for number in (took.peak_mb, took.idle_mb)),
            ]
        )
    head = ["collage", "side", "cold s", "warm s", "floor s", "of floor", "peak MB", "idle MB"]
    verdicts = [
        [v.what, f"{v.measured:.2f}", f"{v.target:g} {v.unit}", "met" if v.met else "MISSED"]
        for v in _verdicts(found)
    ]
    return f"{table(head, rows)}\n\n{table(['target', 'measured', 'at most', ''], verdicts)}"


def _json(found: list[Measured]) -> bytes:
    whole = {
        "environment": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
            "load": os.getloadavg()[0],
        },
        "targets": [{**msgspec.structs.asdict(v), "met": v.met} for v in _verdicts(found)],
        "rows": found,
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2)
