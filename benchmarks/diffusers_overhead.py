"""`python -m benchmarks.diffusers_overhead`: the diffusers engine against the bare call of its pipeline.

What is beside the call: reading, watching, cutting, writing. Measured on the tiny random klein of the tests,
which takes seconds here, as a real one does on a GPU. Each round makes one picture by the bare call and one
by the engine, in turn first, so that what else the machine does hits both alike.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
from PIL import Image

from officina.engines.diffusers import DiffusersEngine
from officina.engines.diffusers.pictures import read_all
from officina.engines.diffusers.recipe import References
from officina.run import Run

TARGET = 1.02
STEPS = 4
LAYERS = (1, 2, 3)
PROMPT = "A beautiful girl is sitting on the boat"
TESTS = Path(__file__).parents[1] / "tests-torch"


class Took(NamedTuple):
    """Seconds of one picture: by the clock, and of the processor."""

    wall_s: float
    cpu_s: float


def main() -> None:
    """Measure, print, and exit with 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--side", type=int, default=1024, help="pixels of the square that is made")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pairs = measure(Path(folder), given.side, given.rounds)
    wall, cpu = (median(engine[n] / bare[n] for bare, engine in pairs) for n in range(2))
    extra_ms = 1000 * median(engine.cpu_s - bare.cpu_s for bare, engine in pairs)
    told = {"side": given.side, "rounds": pairs, "wall": wall, "cpu": cpu, "extra_cpu_ms": extra_ms}
    if given.json:
        print(msgspec.json.encode(told).decode())
    else:
        bare_s = median(bare.wall_s for bare, _ in pairs)
        print(
            f"{given.side} × {given.side}, {STEPS} steps, two pictures beside the prompt, bare {bare_s:.2f} s"
        )
        print(
            f"engine over bare: clock {wall:.3f}, processor {cpu:.3f} ({extra_ms:+.0f} ms); target {TARGET}"
        )
    sys.exit(cpu > TARGET)


def measure(folder: Path, side: int, rounds: int) -> list[tuple[Took, Took]]:
    """The bare call and the engine, in pairs; one pair before them warms both up."""
    sys.path.insert(0, str(TESTS))
    importlib.import_module("tiny").klein(folder / "klein")
    paths = _pictures(folder)
    ways = (_bare(folder / "klein", paths, side), _engine(folder, paths, side))
    pairs = []
    for number in range(rounds + 1):
        order = (0, 1) if number % 2 else (1, 0)
        took = {way: _timed(ways[way]) for way in order}
        pairs.append((took[0], took[1]))
    return pairs[1:]


def _bare(weights: Path, paths: tuple[Path, ...], side: int) -> Callable[[], object]:
    """The pipeline as its own documentation has it called."""
    import torch
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(weights, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    pictures = read_all(paths, References())

    def call() -> object:
        return pipe(
            image=pictures,
            prompt=PROMPT,
            width=side,
            height=side,
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            generator=torch.Generator("cpu").manual_seed(7),
            text_encoder_out_layers=LAYERS,
        )

    return call


def _engine(folder: Path, paths: tuple[Path, ...], side: int) -> Callable[[], object]:
    options: dict[str, Any] = {
        "weights": str(folder / "klein"),
        "licence": "Apache-2.0",
        "memory": {"resident": 0.1, "offload": 0.1},
        "steps": STEPS,
        "call": {"guidance_scale": 1.0, "text_encoder_out_layers": LAYERS},
    }
    engine = DiffusersEngine(options)
    wish = {"prompt": PROMPT, "size": f"{side}x{side}", "seed": 7}
    files = {"image_urls": paths}
    return lambda: engine.run(Run("job", 1, wish, files, folder, lambda *_: None, lambda _: None))


def _timed(call: Callable[[], object]) -> Took:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    call()
    return Took(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def _pictures(folder: Path) -> tuple[Path, ...]:
    made = []
    for name, colour in (("one", "steelblue"), ("two", "darkorange")):
        made.append(folder / f"{name}.jpg")
        Image.new("RGB", (768, 512), colour).save(made[-1])
    return tuple(made)


if __name__ == "__main__":
    main()
