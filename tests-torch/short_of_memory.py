"""Runs the tiny klein of a folder in a process that may not grow, and says what came of it."""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import torch

from officina.engines.diffusers import DiffusersEngine
from officina.errors import RunError
from officina.run import Result, Run
from torch_scene import klein_options

ROOM = 24 * 2**20


def run(engine: DiffusersEngine, size: str) -> Result:
    wish = {"prompt": "turn the sky red", "size": size, "seed": 7, "num_inference_steps": 1}
    scratch = Path(tempfile.mkdtemp())
    return engine.run(Run("job", 1, wish, {}, scratch, lambda *_: None, print))


def grown() -> int:
    """The address space of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def main() -> None:
    torch.set_num_threads(1)
    engine = DiffusersEngine(klein_options(Path(sys.argv[1]), max_pixels=1536 * 1536))
    run(engine, "64x64")
    resource.setrlimit(resource.RLIMIT_AS, (grown() + ROOM, resource.RLIM_INFINITY))
    try:
        run(engine, "1536x1536")
    except RunError as error:
        print(error.type, error.retry, error.message)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    made = len(run(engine, "64x64").images)
    (plan,) = engine._plans.values()
    print(f"{made} picture, {'with' if plan.tiles else 'without'} tiles")


if __name__ == "__main__":
    main()
