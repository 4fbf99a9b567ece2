"""Workflows that run on a ComfyUI server: files go there, pictures come back."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest
from comfy_double import ComfyUI, comfyui, until
from comfy_nodes import MP4
from comfy_scene import JOB, PICTURE, blended, inverted, node, side_by_side, waiting
from PIL import Image

from conftest import Engines, Starter
from officina.errors import RunError

SIZE = {"width×height": {"width": "2.inputs.width", "height": "2.inputs.height"}}


def pixel(path: Path, at: tuple[int, int] = (2, 2)) -> tuple[int, ...]:
    with Image.open(path) as picture:
        return picture.convert("RGB").getpixel(at)  # type: ignore[return-value]


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_a_picture_goes_through_the_nodes_and_comes_back(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    ran = start(engine(inverted(), PICTURE, comfy), {"image": [red]})
    result = ran.end()
    assert pixel(result.images[0]) == (0, 255, 255)
    assert result.images[0].parent == ran.told.run.scratch
    assert result.images[0].suffix == ".png"


def test_a_size_sets_width_and_height(comfy: ComfyUI, engine: Engines, start: Starter, red: Path) -> None:
    ours = engine(inverted(), {**PICTURE, **SIZE}, comfy)
    result = start(ours, {"image": [red]}, **{"width×height": "120x50(12:5)"}).end()
    assert size(result.images[0]) == (120, 50)
    assert "rendered" not in result.notes


def test_a_size_that_the_model_cannot_make_is_told(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    bound = {"width×height": {**SIZE["width×height"], "multiple": 16, "max_pixels": 128 * 128}}
    ours = engine(inverted(), {**PICTURE, **bound}, comfy)
    result = start(ours, {"image": [red]}, **{"width×height": "400x100"}).end()
    assert size(result.images[0]) == (256, 64)
    assert result.notes["rendered"] == "256x64"


def test_every_node_that_saves_gives_its_files_in_the_order_of_the_workflow(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path, blue: Path
) -> None:
    bindings = {"first": {"files": "1.inputs.image"}, "second": {"files": "2.inputs.image"}}
    result = start(engine(blended(), bindings, comfy), {"first": [red], "second": [blue]}).end()
    assert [pixel(each) for each in result.images] == [(127, 0, 127), (255, 0, 0)]


def test_previews_count_when_nothing_else_was_saved(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    workflow = inverted()
    workflow["9"] = node("PreviewImage", images=["3", 0])
    assert len(start(engine(workflow, PICTURE, comfy), {"image": [red]}).end().images) == 1


def test_the_nodes_whose_files_count_can_be_named(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    bindings = {"both": {"files": ["1.inputs.image", "2.inputs.image"]}}
    result = start(engine(blended(), bindings, comfy, outputs=["9"]), {"both": [red, red]}).end()
    assert [pixel(each) for each in result.images] == [(255, 0, 0)]


def test_videos_are_told_from_pictures_by_their_bytes(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    workflow = {**inverted(), "10": node("SaveVideo", images=["3", 0], filename_prefix="video/film")}
    result = start(engine(workflow, PICTURE, comfy), {"image": [red]}).end()
    assert len(result.images) == 1
    assert [each.read_bytes() for each in result.videos] == [MP4]
    assert result.videos[0].suffix == ".mp4"


def test_a_workflow_that_saves_nothing_new_is_run_again_all_the_same(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    """ComfyUI keeps what nodes made, so the same workflow again would be answered with the old file."""
    workflow = {
        "1": node("EmptyImage", width=8, height=8, batch_size=1, color=255),
        "9": node("SaveImage", images=["1", 0], filename_prefix="plain"),
    }
    ours = engine(workflow, {}, comfy)
    start(ours).end()
    start(ours, job_id="another").end()
    assert comfy.queue.ran == ["EmptyImage", "SaveImage", "SaveImage"]
    assert len(comfy.pictures("output")) == 2


def test_uploads_of_every_job_lie_in_a_folder_of_their_own_that_comfyui_clears(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    ours = engine(inverted(), PICTURE, comfy)
    start(ours, {"image": [red]}).end()
    start(ours, {"image": [red]}, attempt=2).end()
    assert comfy.pictures("temp") == [f"officina/{JOB}-{n}/image-1.png" for n in (1, 2)]
    assert comfy.pictures("input") == []


def test_one_file_for_two_nodes_is_sent_once(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    twice = {"image": [{"files": "1.inputs.image"}, {"files": "2.inputs.image"}]}
    start(engine(blended(), twice, comfy), {"image": [red]}).end()
    assert comfy.called("POST", "/upload/image") == 1


def test_a_seed_is_made_up_from_the_job_and_told(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    workflow = waiting()
    comfy.bench.gate.set()
    bindings = {"seed": {"seed": "1.inputs.color"}}
    workflow["1"]["inputs"]["width"] = 8
    with pytest.raises(RunError, match="bigger than max"):
        start(engine(workflow, bindings, comfy)).end()
    first = comfy.bodies[-1]["prompt"]["1"]["inputs"]["color"]
    with pytest.raises(RunError):
        start(engine(workflow, bindings, comfy), seed=None).end()
    with pytest.raises(RunError):
        start(engine(workflow, bindings, comfy), job_id="another", seed=-1).end()
    assert comfy.bodies[-2]["prompt"]["1"]["inputs"]["color"] == first
    assert comfy.bodies[-1]["prompt"]["1"]["inputs"]["color"] != first
    result = start(engine(workflow, bindings, comfy), seed=12345).end()
    assert result.notes["seed"] == 12345
    assert pixel(result.images[0]) == (0, 0x30, 0x39)


def test_numbers_can_be_put_on_another_scale(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    bindings = {
        "pictures": {"files": ["1.inputs.image", "2.inputs.image"]},
        "scale": {"to": "3.inputs.blend_factor", "times": -1, "add": 1},
    }
    start(engine(blended(), bindings, comfy), {"pictures": [red, red]}, scale=0.25).end()
    assert comfy.bodies[-1]["prompt"]["3"]["inputs"]["blend_factor"] == 0.75


def test_fields_that_set_nothing_are_told(comfy: ComfyUI, engine: Engines, start: Starter, red: Path) -> None:
    ours = engine(inverted(), PICTURE, comfy)
    notes = start(ours, {"image": [red]}, image="…", force_single=False, scale=0.5, left=None).end().notes
    assert notes["ignored"] == ["force_single", "scale"]


def test_a_picture_that_was_not_given_takes_its_nodes_out(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path, blue: Path
) -> None:
    bindings = {"pictures": {"files": ["1.inputs.image", "2.inputs.image"]}}
    ours = engine(side_by_side(), bindings, comfy, optional=["4.inputs.second"])
    both = start(ours, {"pictures": [red, blue]}).end()
    one = start(ours, {"pictures": [red]}, job_id="one").end()
    assert size(both.images[0]) == (68, 32)
    assert size(one.images[0]) == (48, 32)
    assert comfy.bodies[-1]["prompt"].keys() == {"1", "4", "9"}


def test_a_picture_without_which_nothing_is_left_must_be_given(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    ours = engine(blended(), {"pictures": {"files": ["1.inputs.image", "2.inputs.image"]}}, comfy)
    with pytest.raises(RunError, match="needs more files in 'pictures'") as caught:
        start(ours, {"pictures": []}).end()
    assert caught.value.type == "not_understood"


def test_more_pictures_than_the_workflow_takes_are_refused(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    with pytest.raises(RunError, match="takes at most 1 files in 'image', got 2"):
        start(engine(inverted(), PICTURE, comfy), {"image": [red, red]}).end()


def test_progress_names_the_node_and_its_steps(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    ran = start(engine(waiting(), {}, comfy))
    until(lambda: "Slow sampler: 4 of 4" in ran.told.messages)
    comfy.bench.gate.set()
    ran.end()
    fractions = [fraction for fraction, _ in ran.told.steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 0.95


def test_an_old_server_tells_progress_as_well(tmp_path: Path, engine: Engines, start: Starter) -> None:
    with comfyui(tmp_path / "old", old=True) as old:
        ran = start(engine(waiting(), {}, old))
        until(lambda: "Slow sampler: 4 of 4" in ran.told.messages)
        old.bench.gate.set()
        assert len(ran.end().images) == 1


def test_a_run_that_waits_is_told_how_many_are_before_it(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.somebody_runs(waiting())
    comfy.somebody_runs(waiting())
    ran = start(engine(waiting(), {}, comfy))
    until(lambda: "waits in ComfyUI behind 2 others" in ran.told.messages)
    comfy.bench.gate.set()
    ran.end()


def test_a_server_that_wants_a_key_gets_it(
    tmp_path: Path, engine: Engines, start: Starter, red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_KEY", "let-me-in")
    with comfyui(tmp_path / "closed", key="let-me-in") as closed:
        ours = engine(inverted(), PICTURE, closed, key_env="STUDIO_KEY")
        assert len(start(ours, {"image": [red]}).end().images) == 1
        with pytest.raises(RunError, match="refuses us") as caught:
            start(engine(inverted(), PICTURE, closed), {"image": [red]}).end()
        assert caught.value.type == "provider_unauthorized"


def test_two_hundred_runs_leave_no_thread_and_no_file_behind(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.bench.gate.set()
    workflow = {
        "1": node("EmptyImage", width=4, height=4, batch_size=1, color=255),
        "9": node("SaveImage", images=["1", 0], filename_prefix="plain"),
    }
    ours, here = engine(workflow, {}, comfy), psutil.Process()
    start(ours).end()
    files, threads = here.num_fds(), threading.active_count()
    for n in range(200):
        start(ours, job_id=f"job-{n}").end()
    until(lambda: here.num_fds() <= files + 2 and threading.active_count() <= threads + 2)
