"""Runs one input: read it, load the weights if they are not warm, make each picture, bring it to size."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from officina.engines.diffusers import pictures, recipe, weights, wish
from officina.engines.diffusers.errand import Errands, Steps
from officina.engines.diffusers.faults import DeviceFailed, OutOfMemory, end_if_dead
from officina.engines.diffusers.machine import look
from officina.engines.diffusers.pipeline import Adapter, Order, Pipeline, free
from officina.engines.diffusers.plan import Plan, budget_gb, choose
from officina.engines.diffusers.recipe import MEGAPIXEL, Recipe
from officina.engines.diffusers.shelf import Shelf
from officina.engines.diffusers.sizes import Size, renderable
from officina.engines.diffusers.wish import Wish
from officina.errors import RunError
from officina.run import Result, Run

_READ = 0.02
_LOADED = 0.25
"""The share of a run's progress that ends with loading; steps fill the rest."""
_HALF_LOADED_S = 20.0


class DiffusersEngine:
    """Serves one model, and keeps its pipelines warm; what the options may say is in `recipe.py`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Begin to load the weights; a run waits for them.

        Raises:
            RunError: the options do not fit, the weights are not here, or the machine cannot hold them.
        """
        _stay_offline()
        self._recipe = recipe.read(options)
        folder = weights.find(self._recipe)
        self._machine = look()
        self._plans: dict[str, Plan] = {}
        self._shelf: Shelf[Pipeline] = Shelf(Pipeline.close)
        self._device = Errands("device")
        self._desk = Errands("pictures")
        plan = self._plan("", self._recipe)
        if plan.warning:
            sys.stderr.write(f"WARNING: {plan.warning}\n")
        self._device.begin(partial(self._warm, self._recipe, folder, plan))

    def run(self, run: Run) -> Result:
        """Make the pictures that the input asks for."""
        name = wish.variant(run.input)
        chosen = self._recipe.variant(name)
        asked = wish.read(run.input, chosen, run.files.keys())
        paths = [path for each in run.files.values() for path in each]
        references = self._desk.run(
            partial(pictures.read_all, paths, chosen.references),
            lambda _: run.progress(_READ, "reading the pictures"),
        )
        job = _Job(run, asked, chosen, references, _size(asked, chosen, references))
        try:
            made, plan = self._made(job, name)
        except DeviceFailed as error:
            end_if_dead(self._plan(name, chosen).device)
            raise RunError(
                "engine_failed", "The device reported an error, and works again.", retry=True
            ) from error
        run.progress(1.0, "done")
        return Result(images=tuple(made), notes=job.notes(plan))

    def close(self) -> None:
        """Let go of everything; for those who start engines in their own process."""
        self._device.close()
        self._desk.close()
        self._shelf.clear()

    def _plan(self, name: str, chosen: Recipe) -> Plan:
        if name not in self._plans:
            self._plans[name] = choose(self._machine, chosen.memory, chosen.device, chosen.dtype)
        return self._plans[name]

    def _made(self, job: _Job, name: str) -> tuple[list[Path], Plan]:
        """Make the pictures; once more with a lighter plan, which then stays, when memory runs out."""
        plan = self._plan(name, job.recipe)
        if plan.warning:
            job.run.log(plan.warning)
        try:
            return self._all(job, plan), plan
        except OutOfMemory:
            lighter = plan.lighter
        self._device.run(self._let_go, job.telling("freeing memory", _LOADED))
        if lighter is None:
            raise _too_much(job)
        job.run.log("There was not enough memory; this is a second try, in a slower way that takes less.")
        self._plans[name] = lighter
        try:
            return self._all(job, lighter), lighter
        except OutOfMemory:
            pass
        self._device.run(self._let_go, job.telling("freeing memory", _LOADED))
        raise _too_much(job)

    def _all(self, job: _Job, plan: Plan) -> list[Path]:
        folder = weights.find(job.recipe)
        pipeline = self._device.run(partial(self._warm, job.recipe, folder, plan), job.loading)
        return [self._one(job, pipeline, number) for number in range(job.wish.count)]

    def _one(self, job: _Job, pipeline: Pipeline, number: int) -> Path:
        order = job.order(number)
        picture = self._device.run(
            partial(pipeline.make, order), partial(job.stepping, order.steps, number), order.steps
        )
        return self._desk.run(
            partial(pictures.write, picture, job.size.delivered, job.run.scratch, number + 1),
            partial(job.writing, number),
        )

    def _warm(self, chosen: Recipe, folder: Path, plan: Plan) -> Pipeline:
        """The pipeline of these weights, loaded now unless it is warm. In the device's thread."""
        key = (str(folder), plan)
        if (warm := self._shelf.get(key)) is not None:
            return warm
        needed = chosen.memory.resident
        budget = chosen.warm_gb if chosen.warm_gb is not None else budget_gb(self._machine, plan)
        self._shelf.make_room(needed, budget)
        pipeline = Pipeline.load(folder, plan)
        self._shelf.put(key, pipeline, needed)
        return pipeline

    def _let_go(self) -> None:
        """Free all that can be freed. In the device's thread."""
        self._shelf.clear()
        free()


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What the caller gets, and what the pipeline renders for it."""

    delivered: Size
    rendered: Size


@dataclass(frozen=True, slots=True)
class _Job:
    """One input on its way to pictures."""

    run: Run
    wish: Wish
    recipe: Recipe
    references: list[Image.Image]
    size: _Sizes

    def order(self, number: int) -> Order:
        """What to make as the picture of that number, from 0."""
        call = dict(self.recipe.call)
        if self.recipe.guidance is not None:
            call[self.recipe.guidance.parameter] = self.wish.guidance
        return Order(
            prompt=self.wish.prompt,
            negative_prompt=self.wish.negative_prompt,
            references=self.references,
            size=self.size.rendered,
            seed=self.wish.seed_of(number),
            steps=Steps(self.wish.steps),
            adapter=self._adapter(),
            call=call,
        )

    def loading(self, seconds: float) -> None:
        """Tell of weights on their way; how long it takes is unknown, so some is always left."""
        share = 1 - 0.5 ** (seconds / _HALF_LOADED_S)
        self.run.progress(_READ + (_LOADED - _READ) * share, f"loading the weights, {seconds:.0f} s")

    def stepping(self, steps: Steps, number: int, _seconds: float) -> None:
        """Tell which picture is at which step."""
        done = min(steps.done, steps.total)
        what = "decoding" if done == steps.total else f"step {done + 1} of {steps.total}"
        self._making(number + done / (steps.total + 2), number, what)  # what is left is decoding and writing

    def writing(self, number: int, _seconds: float) -> None:
        """Tell that a picture is brought to size and written."""
        self._making(number + (self.wish.steps + 1) / (self.wish.steps + 2), number, "writing")

    def telling(self, message: str, fraction: float) -> Callable[[float], None]:
        """What tells one thing for as long as it takes."""
        return lambda _: self.run.progress(fraction, message)

    def notes(self, plan: Plan) -> dict[str, Any]:
        """What its caller may want to know of how the pictures were made."""
        told: dict[str, Any] = {
            "seed": self.wish.seed,
            "steps": self.wish.steps,
            "rendered": str(self.size.rendered),
            "delivered": str(self.size.delivered),
            "device": plan.device.partition(":")[0],
            "ignored": list(self.wish.ignored),
        }
        if self.wish.guidance is not None:
            told["guidance"] = round(self.wish.guidance, 2)
        if plan.warning:
            told["warning"] = plan.warning
        return told

    def _making(self, made: float, number: int, what: str) -> None:
        which = f"picture {number + 1} of {self.wish.count}, " if self.wish.count > 1 else ""
        self.run.progress(_LOADED + (1 - _LOADED) * made / self.wish.count, which + what)

    def _adapter(self) -> Adapter | None:
        if not self.wish.lora:
            return None
        lora = self.recipe.loras[self.wish.lora]
        return Adapter(self.wish.lora, weights.find_lora(lora), lora.file, self.wish.lora_strength)


def _size(asked: Wish, chosen: Recipe, references: list[Image.Image]) -> _Sizes:
    """The wished size; without a wish the shape of the last picture, or a square, at a megapixel."""
    if asked.size is not None:
        return _Sizes(asked.size, renderable(asked.size, chosen.max_pixels, chosen.multiple))
    shape = Size(*references[-1].size) if references else Size(1024, 1024)
    most = min(MEGAPIXEL, chosen.max_pixels)
    own = renderable(shape.times(math.sqrt(most / shape.pixels)), most, chosen.multiple)
    return _Sizes(own, own)


def _too_much(job: _Job) -> RunError:
    count = len(job.references)
    beside = f" with {count} picture{'s' * (count > 1)} beside the prompt" if count else ""
    fewer = " and fewer pictures" if count > 1 else ""
    return RunError(
        "out_of_memory",
        f"Rendering {job.size.rendered}{beside} needs more memory than this worker has, even in the slower "
        f"way that takes less; a smaller size{fewer} may fit.",
        retry=False,
    )


def _stay_offline() -> None:
    """Keep the libraries from asking the hub for anything; they read this when they are loaded."""
    os.environ["HF_HUB_OFFLINE"] = "1"
