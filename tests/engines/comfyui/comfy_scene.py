"""Workflows, models and runs for the tests of the comfyui engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from officina.engines.comfyui.engine import ComfyUIEngine
from officina.run import Result, Run, Stopped

JOB = "019a2f0e-7b41-7c03-9a55-0d1c2e3f4a5b"
Workflow = dict[str, dict[str, Any]]


def node(kind: str, title: str = "", /, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title or kind}}


def inverted() -> Workflow:
    """A picture is scaled to a size, inverted and saved."""
    return {
        "1": node("LoadImage", "Subject", image="example.png"),
        "2": node(
            "ImageScale", image=["1", 0], upscale_method="lanczos", width=64, height=64, crop="disabled"
        ),
        "3": node("ImageInvert", image=["2", 0]),
        "9": node("SaveImage", images=["3", 0], filename_prefix="studio/inverted"),
    }


def blended() -> Workflow:
    """Two pictures are blended; both the blend and the first picture are saved."""
    return {
        "1": node("LoadImage", "Subject", image="a.png"),
        "2": node("LoadImage", "Background", image="b.png"),
        "3": node("ImageBlend", image1=["1", 0], image2=["2", 0], blend_factor=0.5, blend_mode="normal"),
        "8": node("SaveImage", "Blend", images=["3", 0], filename_prefix="blend"),
        "9": node("SaveImage", "Copy", images=["1", 0], filename_prefix="copy"),
        "10": node("PreviewImage", images=["3", 0]),
    }


def side_by_side() -> Workflow:
    """One picture, or two beside each other."""
    return {
        "1": node("LoadImage", image="a.png"),
        "2": node("LoadImage", image="b.png"),
        "3": node("ImageInvert", image=["2", 0]),
        "4": node("TwoPictures", first=["1", 0], second=["3", 0]),
        "9": node("SaveImage", images=["4", 0], filename_prefix="both"),
    }


def waiting() -> Workflow:
    """A workflow whose middle holds until the gate of the server is opened."""
    return {
        "1": node("EmptyImage", width=16, height=16, batch_size=1, color=0x336699),
        "2": node("Wait", "Slow sampler", image=["1", 0], steps=4),
        "9": node("SaveImage", images=["2", 0], filename_prefix="waited"),
    }


PICTURE = {"image": {"files": "1.inputs.image"}}


@dataclass
class Told:
    """A run with all that it said."""

    run: Run
    steps: list[tuple[float, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    memos: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[str]:
        return list(dict.fromkeys(message for _, message in self.steps))


def prepared(scratch: Path, files: Mapping[str, Any] | None = None, memo: str = "", **given: Any) -> Told:
    """A run that is not started yet."""
    told: Told
    lines: list[str] = []
    memos: list[str] = []

    def report(fraction: float, message: str) -> None:
        told.steps.append((fraction, message))
        if told.stop.is_set():
            raise Stopped

    scratch.mkdir(parents=True, exist_ok=True)
    run = Run(
        job_id=given.pop("job_id", JOB),
        attempt=given.pop("attempt", 1),
        input=given,
        files={name: tuple(paths) for name, paths in (files or {}).items()},
        scratch=scratch,
        report=report,
        say=lines.append,
        memo=memo,
        note=memos.append,
    )
    told = Told(run, lines=lines, memos=memos)
    return told


class Running:
    """A run in a thread, so that a test can do things to it and to its server meanwhile."""

    def __init__(self, engine: ComfyUIEngine, told: Told) -> None:
        self.told = told
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.ended_at = 0.0
        self._engine = engine
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.result = self._engine.run(self.told.run)
        except BaseException as error:  # noqa: BLE001 - Stopped too
            self.error = error
        self.ended_at = time.monotonic()

    def end(self) -> Result:
        """Wait for the end; raises what the run raised."""
        self._thread.join(30)
        assert not self._thread.is_alive(), self.told.steps[-3:]
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result
