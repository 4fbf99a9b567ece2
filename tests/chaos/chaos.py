"""The chaos suite: kill, stop and cut off anything at any moment under load, and count what the promise is worth.

    python tests/chaos/chaos.py --kills 1000 --database both

Real gateways, workers and, with PostgreSQL, a real database take submits, waits, event streams, cancels, forced
stops, uploads and downloads from several keys, while all of them die at random. Afterwards every acknowledged
request must be there, must have ended as it may, and must show the one result that was ever seen of it.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

sys.path.insert(1, str(Path(__file__).parent.parent))
sys.path.insert(1, str(Path(__file__).parent.parent / "road"))

from callers import Caller, Line, Told
from count import Report, count, table
from latecomer import Latecomer
from stage import Kind, Stage, staged
from trouble import Trouble

KEYS = 3
CALLERS = 4
"""How many call at one time with each key."""


class Extent(NamedTuple):
    """How much trouble is made on one database: so many kills, or for so long."""

    kills: int
    seconds: float = math.inf


async def run(kind: Kind, extent: Extent, seed: int, folder: Path) -> Report:
    """Load, trouble, rest, and a look at everything."""
    dice = random.Random(seed)
    async with staged(kind, folder) as stage:
        told, over = Told(), asyncio.Event()
        trouble = Trouble(stage, random.Random(dice.random()))
        latecomer = await _latecomer(stage, told, dice, over)
        begun = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            async for each in callers(stage, told, dice, over, stage.urls):
                tasks.create_task(each.call())
            tasks.create_task(latecomer.come_too_late())
            await trouble.make(*extent)
            took = time.monotonic() - begun
            over.set()
        report = await count(stage, told, line(stage, told, dice))
    report.seconds, report.seed = took, seed
    report.mishaps, report.late = trouble.done, latecomer.late
    return report


async def callers(
    stage: Stage, told: Told, dice: random.Random, over: asyncio.Event, urls: Sequence[str]
) -> AsyncIterator[Caller]:
    """Callers with several keys, who call at these URLs."""
    for number in range(KEYS):
        key = (await stage.make_key(f"caller {number}", "caller"))["key"]
        for _ in range(CALLERS):
            own = random.Random(dice.random())
            yield Caller(Line(urls, key, own, told), told, own, over)


def line(stage: Stage, told: Told, dice: random.Random) -> Line:
    """The operator's way to the gateways."""
    return Line(stage.urls, stage.key, dice, told)


async def _latecomer(stage: Stage, told: Told, dice: random.Random, over: asyncio.Event) -> Latecomer:
    key = (await stage.make_key("latecomer", "worker"))["key"]
    refusals = Told()  # which are what it wants
    return Latecomer(Line(stage.urls, key, dice, refusals), line(stage, told, dice), dice, over)


async def run_all(kinds: Sequence[Kind], extent: Extent, seed: int, folder: Path) -> list[Report]:
    """Run the suite on several databases at one time: much of it is waiting for something to be up again."""
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
    return list(await asyncio.gather(*(run(kind, extent, seed, folder / kind) for kind in kinds)))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000, help="processes killed, in all")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end the trouble then at the latest")
    parser.add_argument("--database", choices=(*get_args(Kind), "both"), default="both")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--folder", type=Path, help="keep the data and the logs here")
    options = parser.parse_args()
    kinds = get_args(Kind) if options.database == "both" else (options.database,)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="officina-chaos-") as made:
        folder = options.folder or Path(made)
        extent = Extent(-(-options.kills // len(kinds)), options.seconds)
        reports = asyncio.run(run_all(kinds, extent, options.seed, folder))
    print(table(reports))
    for each in reports:
        print(*each.words[:20], sep="\n")
    return 0 if all(each.kept for each in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
