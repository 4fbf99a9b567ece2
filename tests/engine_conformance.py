"""What every engine keeps to, whoever does its work: one suite, run on each of them.

An engine's own tests derive a class from `EngineConformance`, beside a fixture `specimen`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from officina.child.main import publishable
from officina.errors import RUN_ERRORS, RunError
from officina.job import new_id
from officina.picture import SNIFF_BYTES, sniff
from officina.run import Engine, Result, Run, Stopped

RUNS = 200
WARM_RUNS = 30
"""So many runs may fill caches and pools before anything counts as a leak."""
MOST_GROWTH_BYTES = 24 * 2**20


@dataclass(frozen=True)
class Specimen:
    """An engine, an input that it can serve, and one that it must refuse."""

    engine: Engine
    given: Mapping[str, Any]
    refused: Mapping[str, Any]
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    refuser: Engine | None = None
    """An engine of the same kind that refuses, where it is not the input that is refused."""
    runs: int = RUNS


@dataclass
class Attempt:
    """One run of a specimen, and all that it said."""

    folder: Path
    specimen: Specimen
    when: Callable[[int], bool] = lambda _: False
    """Whether the run shall stop at its n-th word of progress."""
    said: list[tuple[float, str]] = field(default_factory=list)

    def refused(self) -> RunError:
        """What the engine says to the input that it must refuse."""
        engine = self.specimen.refuser or self.specimen.engine
        with pytest.raises(RunError) as caught:
            self.run(self.specimen.refused, engine)
        return caught.value

    def run(self, given: Mapping[str, Any] | None = None, engine: Engine | None = None) -> Result:
        job_id = new_id()
        scratch = self.folder / job_id
        scratch.mkdir(parents=True)
        return (engine or self.specimen.engine).run(
            Run(
                job_id=job_id,
                attempt=1,
                input=dict(self.specimen.given if given is None else given),
                files=self.specimen.files,
                scratch=scratch,
                report=self._report,
                say=lambda _: None,
            )
        )

    def _report(self, fraction: float, message: str) -> None:
        self.said.append((fraction, message))
        if self.when(len(self.said)):
            raise Stopped


class EngineConformance:
    """The suite. Every engine passes it."""

    def test_outputs_are_pictures_or_videos_in_its_own_folder(
        self, specimen: Specimen, tmp_path: Path
    ) -> None:
        result = Attempt(tmp_path, specimen).run()
        files = (*result.images, *result.videos)
        assert files
        for path in files:
            assert tmp_path in path.parents
            with path.open("rb") as file:
                kind = sniff(file.read(SNIFF_BYTES))
            assert kind is not None
            assert kind.kind == ("image" if path in result.images else "video")

    def test_its_notes_can_be_shown_as_they_are(self, specimen: Specimen, tmp_path: Path) -> None:
        notes = dict(Attempt(tmp_path, specimen).run().notes)
        assert publishable(notes) == json.loads(json.dumps(notes)), "no URL, no null, nothing but JSON"
        assert str(tmp_path) not in json.dumps(notes)

    def test_progress_is_told_never_falls_and_says_something(
        self, specimen: Specimen, tmp_path: Path
    ) -> None:
        attempt = Attempt(tmp_path, specimen)
        attempt.run()
        fractions = [fraction for fraction, _ in attempt.said]
        assert fractions
        assert all(0 <= each <= 1 for each in fractions)
        assert fractions == sorted(fractions), attempt.said
        assert any(message for _, message in attempt.said)

    @pytest.mark.parametrize("word", [1, 2, 3])
    def test_a_stop_passes_through_and_the_next_run_is_a_good_one(
        self, specimen: Specimen, tmp_path: Path, word: int
    ) -> None:
        attempt = Attempt(tmp_path, specimen, lambda n: n >= word)
        spoken = Attempt(tmp_path, specimen)
        spoken.run()
        if len(spoken.said) >= word:
            with pytest.raises(Stopped):
                attempt.run()
        assert Attempt(tmp_path, specimen).run().images

    def test_a_refusal_is_a_sentence_of_a_known_type_and_the_next_run_is_a_good_one(
        self, specimen: Specimen, tmp_path: Path
    ) -> None:
        error = Attempt(tmp_path, specimen).refused()
        assert error.type in RUN_ERRORS
        assert error.message.endswith(".")
        assert str(tmp_path) not in error.message
        assert Attempt(tmp_path, specimen).run().images

    def test_many_runs_leave_no_file_no_thread_and_no_memory_behind(
        self, specimen: Specimen, tmp_path: Path
    ) -> None:
        here = psutil.Process()
        for _ in range(min(WARM_RUNS, specimen.runs // 4)):
            Attempt(tmp_path, specimen).run()
        files, threads, memory = here.num_fds(), threading.active_count(), here.memory_info().rss
        for _ in range(specimen.runs):
            Attempt(tmp_path, specimen).run()
        assert here.num_fds() <= files + 2
        assert threading.active_count() <= threads + 2
        assert here.memory_info().rss <= memory + MOST_GROWTH_BYTES
