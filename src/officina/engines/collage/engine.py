"""Runs one prompt: parse, look, paint, write."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2

from officina.engines.collage.album import Album
from officina.engines.collage.bench import Bench, Canvas
from officina.engines.collage.framing import Size
from officina.engines.collage.frugal import give_back
from officina.engines.collage.moods import mood
from officina.engines.collage.nets import Nets
from officina.engines.collage.operations import PAINTERS
from officina.engines.collage.operations.order import in_painting_order
from officina.engines.collage.pictures import Picture, write
from officina.engines.collage.plan import NotUnderstood, Plan
from officina.engines.collage.prompt.language import languages
from officina.engines.collage.prompt.parse import read
from officina.engines.collage.refusal import CannotDo, cannot_do, not_understood
from officina.errors import RunError
from officina.run import Result, Run

DEFAULT_SIZE = "2048x2048(1:1)"
DEFAULT_SCALE = 0.5
MOST_PICTURES = 15
"""Inputs and outputs together, as the model's contract has it."""
_SIZE = re.compile(r"(\d{2,5})\s*[x×]\s*(\d{2,5})")


class CollageEngine:
    """Places, cuts out, blurs and desaturates; it generates nothing, and says so when asked to."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        """The options: `language` forces a vocabulary, else each prompt tells its own; `png`: PNG always."""
        cv2.setNumThreads(min(2, os.cpu_count() or 1))
        self._language = (options or {}).get("language")
        self._png = bool((options or {}).get("png", False))
        self._nets = Nets()  # which loads in the background, while the words are read here
        languages()

    def run(self, run: Run) -> Result:
        """Do what the prompt asks, all of it, or raise RunError with what stood in the way."""
        prompt = str(run.input.get("prompt", ""))
        run.progress(0.02, "reading the prompt")
        try:
            plan = read(prompt, self._language)
        except NotUnderstood as cause:
            raise not_understood(cause) from cause
        wish = _wish(run.input, plan, len(run.files.get("image_urls", ())))
        job = _Job(run, plan, wish, self._nets, png=self._png)
        try:
            return job.done()
        except CannotDo as cause:
            raise cannot_do(cause, job.understood, prompt) from cause
        finally:
            del job
            give_back()


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the input asks for besides the prompt."""

    size: Size
    scale: float
    copies: int


def _wish(given: Mapping[str, Any], plan: Plan, pictures: int) -> _Wish:
    match = _SIZE.match(str(given.get("width×height") or DEFAULT_SIZE))
    if match is None:
        raise RunError(
            "validation_failed", "width×height is not a size like “2048x2048(1:1)”; choose a listed one."
        )
    scale = given.get("scale")
    copies = 1 if given.get("force_single") else min(plan.copies, max(MOST_PICTURES - pictures, 1))
    return _Wish(
        Size(int(match[1]), int(match[2])),
        DEFAULT_SCALE if scale is None else min(max(float(scale), 0.0), 1.0),
        copies,
    )


class _Job:
    """One prompt on its way to pictures."""

    def __init__(self, run: Run, plan: Plan, wish: _Wish, nets: Nets, *, png: bool):
        self.run = run
        self.plan = plan
        self.wish = wish
        self.understood: list[str] = []
        longest = max(wish.size.width, wish.size.height)
        self.album = Album(run.files.get("image_urls", ()), nets, max(longest, 1024))
        self.nets = nets
        self.png = png
        self._steps = 0
        self._stepping = Lock()  # two threads may be at work, and progress never goes back

    def done(self) -> Result:
        """Every variant, painted and written."""
        if not len(self.album):
            raise RunError("validation_failed", "No picture was given; send at least one in image_urls.")
        benches = [self._painted(variant) for variant in range(self.wish.copies)]
        notes = {
            "understood": list(dict.fromkeys(line for _, bench in benches for line in bench.done)),
            "ignored": list(self.plan.ignored) + self._left_out() + _unused(benches[0][1]),
            "approximate": any(bench.approximate for _, bench in benches),
        }
        self.run.progress(1.0, "done")
        return Result(images=tuple(path for path, _ in benches), notes=notes)

    def _painted(self, variant: int) -> tuple[Any, Bench]:
        bench = Bench(self.album, self.nets, self.wish.size, self.wish.scale, variant, self._step)
        if self.wish.scale == 0:
            bench.canvas = self._reference(bench)
        else:
            for operation in in_painting_order(self.plan.operations or mood(variant)):
                bench.canvas = PAINTERS[type(operation)](operation, bench)
                self.understood = list(bench.done)
        assert bench.canvas is not None  # noqa: S101 (a plan has at least one operation)
        self._step("bringing it to size")
        picture = _framed(bench.canvas, self.wish.size)
        bench.canvas = None
        self._step("writing the picture")
        return write(picture, self.run.scratch, variant + 1, png=self.png), bench

    def _reference(self, bench: Bench) -> Canvas:
        """Scale 0 gives the prompt no influence: the first picture, resized."""
        bench.done.append("scale 0: picture 1 was only resized")
        return bench.opened(0)

    def _left_out(self) -> list[str]:
        if self.plan.copies > self.wish.copies:
            return [f"{self.plan.copies} variations (made {self.wish.copies})"]
        return []

    def _step(self, message: str) -> None:
        """Each step brings the work a share of the way nearer to its end, whatever their number."""
        with self._stepping:
            self._steps += 1
            self.run.progress(1 - 0.86 ** (self._steps / self.wish.copies), message)


def _unused(bench: Bench) -> list[str]:
    return [f"picture {index + 1}" for index in bench.unused]


def _framed(canvas: Canvas, size: Size) -> Picture:
    picture = canvas.framed(size)
    if (picture.width, picture.height) != (size.width, size.height):
        raise RunError("engine_failed", "The collage engine made a picture of the wrong size; report this.")
    return picture
