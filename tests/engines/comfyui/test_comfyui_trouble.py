"""What ComfyUI refuses and what its nodes raise, in sentences; and servers that drop, forget and come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from comfy_double import ComfyUI, comfyui, until
from comfy_scene import PICTURE, Workflow, inverted, node, waiting

from conftest import Engines, Starter
from officina.errors import RunError


def failing(message: str) -> Workflow:
    return {
        "1": node("EmptyImage", width=8, height=8, batch_size=1, color=0),
        "2": node("Fail", "Relight", image=["1", 0], message=message),
        "9": node("SaveImage", images=["2", 0], filename_prefix="x"),
    }


def loading(weights: str) -> Workflow:
    return {
        "4": node("CheckpointLoaderSimple", "Load the model", ckpt_name=weights),
        **waiting(),
    }


def refused(call: Any) -> RunError:
    with pytest.raises(RunError) as caught:
        call()
    assert "http" not in caught.value.message
    return caught.value


# --- errors --------------------------------------------------------------------------------------------------


def test_what_a_node_raises_is_told_with_the_title_of_the_node(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    error = refused(start(engine(failing("the light is out"), {}, comfy)).end)
    assert (error.type, error.retry) == ("engine_failed", False)
    assert error.message == 'The node "Relight" failed: the light is out.'


def test_folders_of_the_server_are_not_told(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    text = r"no such file: '/home/anna/ComfyUI/models/lamp.bin' nor C:\Users\anna\lamp.bin, 1/2 read"
    error = refused(start(engine(failing(text), {}, comfy)).end)
    assert error.message == "The node \"Relight\" failed: no such file: 'lamp.bin' nor lamp.bin, 1/2 read."


def test_a_node_without_memory_is_tried_again(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    error = refused(start(engine(failing("CUDA out of memory. Tried 2 GiB"), {}, comfy)).end)
    assert (error.type, error.retry) == ("out_of_memory", True)
    assert '"Relight"' in error.message


def test_missing_weights_are_told_by_their_name(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    workflow = {**loading("large.safetensors"), "8": node("ImageInvert", image=["4", 0])}
    workflow["9"]["inputs"]["images"] = ["8", 0]
    error = refused(start(engine(workflow, {}, comfy)).end)
    assert (error.type, error.retry) == ("engine_unavailable", False)
    assert error.message == (
        "The ComfyUI server has no file 'large.safetensors' for the node \"Load the model\"; "
        "its operator must put it into the models folder."
    )


@pytest.mark.parametrize("is_old", [False, True])
def test_a_missing_class_of_nodes_is_told(
    is_old: bool, tmp_path: Path, engine: Engines, start: Starter
) -> None:
    workflow = {**waiting(), "2": node("IPAdapterApply", "Adapter", image=["1", 0])}
    with comfyui(tmp_path / "comfy", old=is_old) as comfy:
        error = refused(start(engine(workflow, {}, comfy)).end)
    assert error.type == "engine_unavailable"
    assert error.message.startswith("The ComfyUI server has no node 'IPAdapterApply': ")


def test_a_value_that_a_node_does_not_take_is_told(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    workflow = inverted()
    workflow["2"]["inputs"]["upscale_method"] = "magic"
    error = refused(start(engine(workflow, PICTURE, comfy), {"image": [red]}).end)
    assert (error.type, error.message) == (
        "provider_rejected",
        "The node \"ImageScale\" does not take 'magic' as upscale_method.",
    )
    bound = {**PICTURE, "width": "2.inputs.width"}
    error = refused(start(engine(inverted(), bound, comfy), {"image": [red]}, width=99999).end)
    assert (
        error.message == 'The node "ImageScale" cannot be run: Value 99999 bigger than max of 16384: width.'
    )


def test_a_picture_that_is_not_on_the_server_is_told(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    error = refused(start(engine(inverted(), {}, comfy)).end)
    assert 'The node "Subject" cannot be run: ' in error.message
    assert "Invalid image file: example.png" in error.message


def test_a_workflow_of_which_only_a_part_can_be_run_is_refused(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    workflow = {**waiting(), "10": node("SaveImage", "Second", filename_prefix="x")}
    error = refused(start(engine(workflow, {}, comfy)).end)
    assert error.message == 'The node "Second" cannot be run: Required input is missing: images.'
    until(lambda: comfy.queue.remaining() == 0)


def test_a_workflow_that_saves_nothing_is_refused(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    workflow = waiting()
    del workflow["9"]
    assert "Prompt has no outputs" in refused(start(engine(workflow, {}, comfy)).end).message


def test_options_that_make_no_sense_are_told_at_once(comfy: ComfyUI, engine: Engines) -> None:
    with pytest.raises(RunError, match=r"7\.inputs\.text names a node that workflow.json does not have"):
        engine(waiting(), {"prompt": "7.inputs.text"}, comfy)


def test_an_interrupt_by_somebody_else_is_tried_again(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    ran = start(engine(waiting(), {}, comfy))
    until(lambda: "Wait" in comfy.queue.ran)
    comfy.bench.interrupted.set()
    error = refused(ran.end)
    assert (error.type, error.retry) == ("provider_failed", True)
    assert 'Somebody interrupted the run in ComfyUI, at the node "Slow sampler"' in error.message


def test_a_file_that_is_too_large_for_the_server_is_told(
    comfy: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    comfy.max_upload_bytes = 10
    error = refused(start(engine(inverted(), PICTURE, comfy), {"image": [red]}).end)
    assert (error.type, error.message) == (
        "provider_rejected",
        "A file is larger than the ComfyUI server takes.",
    )


# --- sockets -------------------------------------------------------------------------------------------------


def test_a_dropped_socket_loses_and_repeats_nothing(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    ran = start(engine(waiting(), {}, comfy))
    until(lambda: "Wait" in comfy.queue.ran)
    comfy.drop_sockets()
    until(lambda: len(comfy.clients) == 2)
    comfy.bench.gate.set()
    assert len(ran.end().images) == 1
    assert comfy.called("POST", "/prompt") == 1
    assert len(set(comfy.clients)) == 1


def test_a_run_ends_without_any_socket(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    comfy.takes_sockets = False
    ran = start(engine(waiting(), {}, comfy))
    until(lambda: "runs in ComfyUI" in ran.told.messages)
    comfy.bench.gate.set()
    assert len(ran.end().images) == 1


def test_a_history_that_was_cleared_meanwhile_loses_nothing(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    class Forgetful(dict[str, Any]):
        def __setitem__(self, *_: Any) -> None:
            pass

    comfy.queue.history = Forgetful()
    comfy.bench.gate.set()
    assert len(start(engine(waiting(), {}, comfy)).end().images) == 1
    error = refused(start(engine(failing("no light"), {}, comfy)).end)
    assert error.message == 'The node "Relight" failed: no light.'


def test_an_answer_that_is_lost_orders_nothing_twice(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    comfy.bench.gate.set()
    comfy.loses_answers = True
    assert len(start(engine(waiting(), {}, comfy)).end().images) == 1
    assert comfy.called("POST", "/prompt") == 1


def test_an_answer_that_an_old_server_lost_orders_nothing_twice(
    tmp_path: Path, engine: Engines, start: Starter
) -> None:
    with comfyui(tmp_path / "old", old=True) as old:
        old.loses_answers = True
        ran = start(engine(waiting(), {}, old))
        until(lambda: "Slow sampler: 4 of 4" in ran.told.messages)
        old.bench.gate.set()
        assert len(ran.end().images) == 1
        assert old.called("POST", "/prompt") == 1


def test_an_old_server_that_was_done_before_its_answer_was_lost_is_not_asked_again(
    tmp_path: Path, engine: Engines, start: Starter
) -> None:
    with comfyui(tmp_path / "old", old=True) as old:
        old.bench.gate.set()
        old.loses_answers = True
        assert len(start(engine(waiting(), {}, old)).end().images) == 1
        assert old.called("POST", "/prompt") == 1


# --- restarts ------------------------------------------------------------------------------------------------


def test_a_restart_in_the_middle_is_tried_again_and_then_succeeds(
    tmp_path: Path, engine: Engines, start: Starter
) -> None:
    with comfyui(tmp_path / "a") as first:
        ours = engine(waiting(), {}, first)
        ran = start(ours)
        until(lambda: "Wait" in first.queue.ran)
    with comfyui(tmp_path / "a", first.port) as second:
        error = refused(ran.end)
        assert (error.type, error.retry) == ("provider_failed", True)
        assert "lost the run, as it does at a restart" in error.message
        second.bench.gate.set()
        again = start(ours, memo=ran.told.memos[-1], attempt=2)
        assert len(again.end().images) == 1
        assert again.told.lines == []


def test_a_server_that_stays_away_ends_the_attempt(tmp_path: Path, engine: Engines, start: Starter) -> None:
    with comfyui(tmp_path / "a") as server:
        ran = start(engine(waiting(), {}, server, patience_s=0.5))
        until(lambda: "Wait" in server.queue.ran)
    error = refused(ran.end)
    assert (error.type, error.retry) == ("provider_unreachable", True)


def test_a_new_attempt_takes_up_what_the_last_one_sent(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    ours = engine(waiting(), {}, comfy)
    first = start(ours)
    until(lambda: "Wait" in comfy.queue.ran)
    second = start(engine(waiting(), {}, comfy), memo=first.told.memos[-1], attempt=2)
    until(lambda: second.told.lines)
    comfy.bench.gate.set()
    assert len(second.end().images) == 1
    assert comfy.called("POST", "/prompt") == 1


def test_a_new_attempt_finds_what_has_ended_meanwhile(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.bench.gate.set()
    first = start(engine(waiting(), {}, comfy))
    first.end()
    again = start(engine(waiting(), {}, comfy), memo=first.told.memos[-1], attempt=2)
    assert len(again.end().images) == 1
    assert comfy.called("POST", "/prompt") == 1


def test_a_new_attempt_does_not_take_up_what_failed(comfy: ComfyUI, engine: Engines, start: Starter) -> None:
    first = start(engine(waiting(), {}, comfy))
    until(lambda: "Wait" in comfy.queue.ran)
    comfy.bench.interrupted.set()
    refused(first.end)
    comfy.bench.gate.set()
    again = start(engine(waiting(), {}, comfy), memo=first.told.memos[-1], attempt=2)
    assert len(again.end().images) == 1
    assert comfy.called("POST", "/prompt") == 2


def test_a_new_attempt_whose_files_are_gone_runs_again(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.bench.gate.set()
    first = start(engine(waiting(), {}, comfy))
    first.end()
    for name in comfy.pictures("output"):
        (comfy.bench.place("output") / name).unlink()
    again = start(engine(waiting(), {}, comfy), memo=first.told.memos[-1], attempt=2)
    assert len(again.end().images) == 1
    assert comfy.called("POST", "/prompt") == 2


@pytest.mark.parametrize(
    "memo", ["{", "null", '{"server": "http://127.0.0.1:1", "prompt_id": "x", "client_id": "y"}']
)
def test_a_memo_that_means_nothing_here_is_passed_over(
    memo: str, comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.bench.gate.set()
    assert len(start(engine(waiting(), {}, comfy), memo=memo).end().images) == 1


def test_what_is_remembered_names_the_server_and_the_prompt(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.bench.gate.set()
    ran = start(engine(waiting(), {}, comfy))
    ran.end()
    memo = msgspec.json.decode(ran.told.memos[-1])
    assert memo["server"] == comfy.url
    assert memo["prompt_id"] in comfy.queue.history
