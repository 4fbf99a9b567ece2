"""Several servers, and stopping: our prompt ends, nobody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from comfy_double import ComfyUI, comfyui, until
from comfy_scene import Running, inverted, node, waiting

from conftest import Engines, Starter
from officina.errors import RunError
from officina.run import Stopped


@pytest.fixture
def second(tmp_path: Path) -> Iterator[ComfyUI]:
    with comfyui(tmp_path / "second") as server:
        yield server


@pytest.fixture(params=[False, True], ids=["new", "old"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ComfyUI]:
    """A server of today, and one of 2024, which interrupts whatever is run."""
    with comfyui(tmp_path / "either", old=request.param) as server:
        yield server


def stopped(ran: Running) -> None:
    ran.told.stop.set()
    with pytest.raises(Stopped):
        ran.end()


# --- choosing ------------------------------------------------------------------------------------------------


def test_the_least_busy_server_is_taken(
    comfy: ComfyUI, second: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.somebody_runs(waiting())
    second.bench.gate.set()
    for n in range(3):
        start(engine(waiting(), {}, comfy, second), job_id=str(n)).end()
    assert (comfy.called("POST", "/prompt"), second.called("POST", "/prompt")) == (0, 3)


def test_a_server_that_is_down_is_passed_over(
    tmp_path: Path, comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    with comfyui(tmp_path / "down") as down:
        pass
    comfy.bench.gate.set()
    assert len(start(engine(waiting(), {}, down, comfy)).end().images) == 1


def test_when_no_server_answers_the_attempt_ends_and_is_tried_again(
    tmp_path: Path, engine: Engines, start: Starter
) -> None:
    with comfyui(tmp_path / "a") as first, comfyui(tmp_path / "b") as other:
        pass
    for servers in ((first,), (first, other)):
        with pytest.raises(RunError, match=r"can(not)? be reached") as caught:
            start(engine(waiting(), {}, *servers)).end()
        assert (caught.value.type, caught.value.retry) == ("provider_unreachable", True)


def test_a_server_that_lacks_the_weights_is_passed_over(
    comfy: ComfyUI, second: ComfyUI, engine: Engines, start: Starter, red: Path
) -> None:
    second.bench.weights.append("large.safetensors")
    comfy_alone = {
        **inverted(),
        "4": node("CheckpointLoaderSimple", ckpt_name="large.safetensors"),
        "10": node("PreviewImage", images=["4", 0]),
    }
    second.somebody_runs(waiting())  # busy, so that the other is asked first
    ran = start(engine(comfy_alone, {"image": {"files": "1.inputs.image"}}, comfy, second), {"image": [red]})
    until(lambda: second.called("POST", "/prompt"))
    assert comfy.called("POST", "/prompt") == 1
    stopped(ran)


# --- stopping ------------------------------------------------------------------------------------------------


def test_a_stop_interrupts_our_prompt(either: ComfyUI, engine: Engines, start: Starter) -> None:
    ran = start(engine(waiting(), {}, either))
    until(lambda: "Wait" in either.queue.ran)
    stopped(ran)
    until(lambda: either.queue.remaining() == 0)
    (entry,) = either.queue.history.values()
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"


def test_a_stop_while_somebody_else_is_run_takes_ours_out_of_the_queue_and_leaves_theirs(
    either: ComfyUI, engine: Engines, start: Starter
) -> None:
    theirs = either.somebody_runs(waiting())
    until(lambda: "Wait" in either.queue.ran)
    ran = start(engine(waiting(), {}, either))
    until(lambda: either.queue.remaining() == 2)
    stopped(ran)
    until(lambda: either.queue.remaining() == 1)
    assert [item[1] for item in either.queue.current()[0]] == [theirs]
    assert not either.bench.interrupted.is_set()
    either.bench.gate.set()
    until(lambda: theirs in either.queue.history)
    assert either.queue.history[theirs]["status"]["completed"]
    assert either.called("POST", "/interrupt") == 0


def test_a_stop_while_the_workflow_is_being_sent_leaves_nothing_behind(
    either: ComfyUI, engine: Engines, start: Starter
) -> None:
    ran = start(engine(waiting(), {}, either))
    until(lambda: either.called("POST", "/prompt"))
    stopped(ran)
    until(lambda: either.queue.remaining() == 0)


def test_a_stop_is_noticed_while_the_server_is_slow_to_answer(
    comfy: ComfyUI, engine: Engines, start: Starter
) -> None:
    comfy.takes_sockets = False
    ran = start(engine(waiting(), {}, comfy))
    until(lambda: "Wait" in comfy.queue.ran)
    comfy.delay_queue_s = 30.0
    asked = comfy.called("GET", "/queue")
    until(lambda: comfy.called("GET", "/queue") > asked)
    began = time.monotonic()
    stopped(ran)
    assert ran.ended_at - began < 15  # not half a minute: the question was not waited for
    until(lambda: comfy.queue.remaining() == 0)
