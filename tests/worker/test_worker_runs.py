"""A worker carries a run out and tells the truth about how it ended, whatever its engine does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from gateway_double import GatewayDouble, Job
from worker_scene import PICTURES, alive, png, until, working

from officina.job import Failure, Outcome
from officina.worker.slot import SlotTerms

DETAILS = "the operator finds details in the worker's log"


async def outcome_of(folder: Path, engine: str, input: object = None, **more: object) -> tuple[Job, Outcome]:  # noqa: A002
    """Run one job on a fresh worker."""
    async with working(folder) as scene:
        job = scene.gateway.submit(engine, input, **more)
        return job, await scene.gateway.result(job)


async def failure_of(folder: Path, engine: str, input: object = None, **more: object) -> Failure:  # noqa: A002
    """Run one job that shall fail and keep nothing."""
    _, outcome = await outcome_of(folder, engine, input, **more)
    assert outcome.kind == "failed"
    assert outcome.failure is not None
    assert outcome.outputs == ()
    return outcome.failure


async def test_outputs_are_stored_in_order_pictures_before_videos(tmp_path: Path) -> None:
    job, outcome = await outcome_of(tmp_path, "echo")
    assert outcome.kind == "succeeded"
    assert job.outputs == {0: b"first", 1: b"second", 2: b"third"}
    assert [(each.n, each.kind, each.size_bytes) for each in outcome.outputs] == [
        (0, "image", 5),
        (1, "image", 6),
        (2, "video", 5),
    ]


async def test_an_engine_is_given_the_input_the_options_and_an_empty_folder(tmp_path: Path) -> None:
    _, outcome = await outcome_of(
        tmp_path, "echo", {"prompt": "grün", "n": [1, None]}, options={"weights": "large"}
    )
    assert outcome.notes["input"] == {"prompt": "grün", "n": [1]}, "notes drop what is null"
    assert outcome.notes["options"] == {"weights": "large"}
    assert outcome.notes["attempt"] == 1
    assert outcome.notes["scratch"] == []


async def test_an_engine_does_not_see_the_key_of_its_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_WORKER_VARIABLE", "seen")
    _, outcome = await outcome_of(tmp_path, "echo")
    assert outcome.notes["environment"] == ["A_WORKER_VARIABLE"]


async def test_files_are_fetched_from_the_gateway_and_given_in_the_order_of_the_caller(
    tmp_path: Path,
) -> None:
    async with working(tmp_path) as scene:
        small, large = png(2, 3), png(300, 200)
        names = [scene.gateway.store(data) for data in (large, small)]
        job = scene.gateway.submit("echo", {"pictures": names}, media=PICTURES)
        outcome = await scene.gateway.result(job)
    assert outcome.notes["files"]["pictures"] == [large.decode("latin-1"), small.decode("latin-1")]
    assert outcome.notes["input"] == {"pictures": names}


async def test_a_file_whose_transfer_breaks_off_is_read_to_its_end(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        scene.gateway.losing["files"] = 2
        data = png(400, 300)
        job = scene.gateway.submit("echo", {"pictures": [scene.gateway.store(data)]}, media=PICTURES)
        outcome = await scene.gateway.result(job)
    assert outcome.notes["files"]["pictures"] == [data.decode("latin-1")]


async def test_an_input_that_is_gone_fails_the_run_and_names_the_input(tmp_path: Path) -> None:
    failure = await failure_of(tmp_path, "echo", {"pictures": ["file_" + "0" * 32]}, media=PICTURES)
    assert failure.type == "input_gone"
    assert failure.message.startswith("pictures[0]: ")
    assert failure.detail == {"field": "pictures", "index": 0}


async def test_a_file_that_the_gateway_cannot_read_fails_the_run_and_is_tried_again(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        scene.gateway.failing["files"] = [500] * 4
        job = scene.gateway.submit("echo", {"pictures": [scene.gateway.store(png(2, 3))]}, media=PICTURES)
        failure = (await scene.gateway.result(job)).failure
    assert failure is not None
    assert failure.type == "store_failed"


async def test_jobs_whose_inputs_are_slow_to_come_keep_no_other_job_from_its_turn(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        slow = [scene.gateway.store(png(2, 3)) for _ in range(3)]
        for file_id in slow:
            scene.gateway.hold(file_id)
        held = [scene.gateway.submit("echo", {"pictures": [each]}, media=PICTURES) for each in slow]
        quick = scene.gateway.submit("echo")
        await scene.gateway.result(quick)
        assert not any(job.ended for job in held)
        for file_id in slow:
            scene.gateway.release(file_id)
        for job in held:
            assert (await scene.gateway.result(job)).kind == "succeeded"


async def test_the_same_engine_and_options_stay_warm_between_jobs(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        jobs = [scene.gateway.submit("echo", options={"a": 1}) for _ in range(3)]
        pids = {(await scene.gateway.result(job)).notes["pid"] for job in jobs}
        assert len(pids) == 1
        assert scene.gateway.claims[-1].warm == ("tests/echo",)


async def test_other_options_or_another_engine_take_the_place_of_the_warm_one(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        pids = []
        for engine, options in (("echo", {"a": 1}), ("echo", {"a": 2}), ("slow", {})):
            job = scene.gateway.submit(engine, {"seconds": 0}, options=options)
            pids.append((await scene.gateway.result(job)).notes["pid"])
        assert len(set(pids)) == 3
        assert [alive(pid) for pid in pids] == [False, False, True]


async def test_with_two_slots_a_job_goes_where_its_engine_is_warm(tmp_path: Path) -> None:
    async with working(tmp_path, slots=2) as scene:
        first, second = scene.gateway.submit("echo"), scene.gateway.submit("slow", {"seconds": 0.3})
        pids = [(await scene.gateway.result(job)).notes["pid"] for job in (first, second)]
        again = [scene.gateway.submit("slow", {"seconds": 0}), scene.gateway.submit("echo")]
        warm = [(await scene.gateway.result(job)).notes["pid"] for job in again]
        assert warm == pids[::-1]


async def test_an_engine_that_is_not_used_is_ended(tmp_path: Path) -> None:
    async with working(tmp_path, terms=SlotTerms(child_idle_s=0.05)) as scene:
        pid = (await scene.gateway.result(scene.gateway.submit("echo"))).notes["pid"]
        await until(lambda: not alive(pid))
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).notes["pid"] != pid


async def test_an_engine_that_died_while_it_was_idle_harms_no_job(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        pid = (await scene.gateway.result(scene.gateway.submit("echo"))).notes["pid"]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not alive(pid))
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"


async def test_an_engine_that_dies_before_it_takes_up_a_job_costs_that_no_attempt(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        pid = (await scene.gateway.result(scene.gateway.submit("echo"))).notes["pid"]
        os.kill(pid, signal.SIGSTOP)
        job = scene.gateway.submit("echo")
        await scene.gateway.until(lambda: job.state == "running")
        os.kill(pid, signal.SIGKILL)
        outcome = await scene.gateway.result(job)
        assert outcome.kind == "succeeded"
        assert outcome.notes["pid"] != pid


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("exit", "engine_crashed", f"ended with exit code 3; {DETAILS}."),
        ("SIGSEGV", "engine_crashed", f"was killed by signal 11 (SIGSEGV); {DETAILS}."),
        (
            "SIGKILL",
            "out_of_memory",
            "was killed by signal 9 (SIGKILL), as the system does when memory runs out.",
        ),
    ],
)
async def test_the_death_of_an_engine_is_told_and_the_next_job_gets_a_new_one(
    tmp_path: Path, how: str, kind: str, words: str
) -> None:
    async with working(tmp_path) as scene:
        job = scene.gateway.submit("crasher", {"how": how})
        outcome = await scene.gateway.result(job)
        assert outcome.failure == Failure(kind, f"The engine's process {words}")
        await until(lambda: not alive(job.pid))  # the program that the engine had started
        assert outcome.retry
        after = await scene.gateway.result(scene.gateway.submit("crasher", {"how": "sys.exit"}))
        assert after.failure is not None
        assert after.failure.type == "engine_failed"


async def test_a_bug_is_told_by_its_kind_alone_and_the_process_goes_on(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        jobs = [scene.gateway.submit("raiser", {"what": "bug"}) for _ in range(2)]
        outcomes = [await scene.gateway.result(job) for job in jobs]
        assert outcomes[0].failure == Failure("engine_failed", f"The engine failed (ValueError); {DETAILS}.")
        assert not outcomes[0].retry
        assert jobs[0].pid == jobs[1].pid


async def test_a_refusal_reaches_the_caller_in_the_words_of_the_engine(tmp_path: Path) -> None:
    _, outcome = await outcome_of(tmp_path, "raiser", {"what": "refusal"})
    detail = {"not_understood": ["fly"]}
    assert outcome.failure == Failure("not_understood", "I do not know flying.", detail), "never with a URL"
    assert not outcome.retry


async def test_an_engine_may_say_that_another_try_helps(tmp_path: Path) -> None:
    _, outcome = await outcome_of(tmp_path, "raiser", {"what": "passing"})
    assert outcome.retry


async def test_text_that_cannot_be_encoded_is_made_encodable(tmp_path: Path) -> None:
    assert (await failure_of(tmp_path, "raiser", {"what": "surrogate"})).message == "odd ? text"


async def test_an_engine_that_stops_unasked_has_failed(tmp_path: Path) -> None:
    failure = await failure_of(tmp_path, "raiser", {"what": "stopped"})
    assert failure.type == "engine_failed"


async def test_a_run_without_memory_may_be_tried_again_in_a_new_process(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        jobs = [scene.gateway.submit("raiser", {"what": "memory"}) for _ in range(2)]
        outcomes = [await scene.gateway.result(job) for job in jobs]
        assert {each.failure.type for each in outcomes if each.failure} == {"out_of_memory"}
        assert outcomes[0].retry
        assert jobs[0].pid != jobs[1].pid


async def test_a_run_past_its_deadline_is_killed(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        job = scene.gateway.submit("stubborn", deadline_s=0.5)
        outcome = await scene.gateway.result(job)
        late = "The run took longer than the 0.5 s that this model allows."
        assert outcome.failure == Failure("deadline_exceeded", late)
        assert outcome.retry
        assert outcome.run_s >= 0.5
        assert not alive(job.pid)


async def test_the_time_to_load_an_engine_does_not_count_for_the_deadline(tmp_path: Path) -> None:
    _, outcome = await outcome_of(tmp_path, "broken", options={"how": "slowly"}, deadline_s=0.4)
    assert outcome.kind == "succeeded"
    assert outcome.run_s < 0.4


async def test_what_an_engine_prints_harms_nothing(tmp_path: Path) -> None:
    job, outcome = await outcome_of(tmp_path, "talker", {"lines": 3, "steps": 0})
    assert outcome.kind == "succeeded"
    assert [data["line"] for kind, data in job.events if kind == "log"] == ["line 0", "line 1", "line 2"]


async def test_a_flood_of_lines_ends_with_a_note_and_of_progress_the_last_word_counts(tmp_path: Path) -> None:
    job, outcome = await outcome_of(tmp_path, "talker", {"lines": 5000, "steps": 20_000})
    assert outcome.kind == "succeeded"
    lines = [data["line"] for kind, data in job.events if kind == "log"]
    assert lines[:-1] == [f"line {number}" for number in range(1000)]
    assert lines[-1] == "Lines after the first 1000 are left out."
    assert len(job.progress()) < 100
    assert job.progress()[-1] == {"fraction": 1.0, "message": "the end"}


async def test_notes_never_hold_a_url(tmp_path: Path) -> None:
    _, outcome = await outcome_of(tmp_path, "talker", {"lines": 0, "steps": 0})
    assert outcome.notes.keys() == {"pid", "deep"}
    assert outcome.notes["deep"] == [{}, 1]


async def test_what_is_said_of_a_run_that_has_ended_is_not_heard_in_the_next_one(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        jobs = [scene.gateway.submit("talker", {"lines": 1, "steps": 0}) for _ in range(3)]
        for job in jobs:
            assert (await scene.gateway.result(job)).kind == "succeeded"
            assert [data["line"] for kind, data in job.events if kind == "log"] == ["line 0"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nothing", "The engine ended without giving a picture or a video."),
        ("missing", "The engine named output 0, but did not write it."),
        ("outside", "The engine named output 0 outside of the run's own folder."),
        ("link", "The engine named output 0 outside of the run's own folder."),
        ("no result", f"The engine failed (it returned list instead of a Result); {DETAILS}."),
        ("long notes", f"The engine failed (its notes are longer than 65536 bytes); {DETAILS}."),
    ],
)
async def test_a_result_that_is_none_fails_the_run(tmp_path: Path, what: str, message: str) -> None:
    assert await failure_of(tmp_path, "maker", {"what": what}) == Failure("engine_failed", message)


async def test_an_output_that_the_gateway_refuses_fails_the_run_in_its_words(tmp_path: Path) -> None:
    failure = await failure_of(tmp_path, "maker", {"what": "refuse me"})
    assert failure == Failure("output_refused", "output 0 is no picture.")


async def test_an_output_larger_than_the_gateway_takes_is_not_sent(tmp_path: Path) -> None:
    gateway = GatewayDouble()
    gateway.max_output_bytes = 4999
    async with working(tmp_path, gateway) as scene:
        outcome = await scene.gateway.result(scene.gateway.submit("maker", {"what": "large"}))
        assert outcome.failure is not None
        assert outcome.failure.type == "output_refused"
        assert outcome.failure.detail == {"measured": 5000, "limit": 4999}
        assert gateway.calls["jobs"] == 0


async def test_a_store_that_fails_for_a_moment_loses_nothing(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        scene.gateway.failing["jobs"] = [500, 503, 507]
        scene.gateway.losing["jobs"] = 1
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"


async def test_a_store_that_goes_on_failing_fails_the_run_for_now(tmp_path: Path) -> None:
    async with working(tmp_path) as scene:
        scene.gateway.failing["jobs"] = [507] * 100
        outcome = await scene.gateway.result(scene.gateway.submit("maker", {"what": "fine"}))
        assert outcome.failure is not None
        assert outcome.failure.type == "store_failed"
        assert outcome.retry


@pytest.mark.parametrize(
    ("how", "failure"),
    [
        (
            "bug",
            Failure(
                "engine_unavailable",
                f"The engine 'engines.broken:Engine' could not be started on this worker (ImportError); {DETAILS}.",
            ),
        ),
        ("refusal", Failure("engine_unavailable", "The weights are not there yet.")),
        ("exit", Failure("engine_crashed", f"The engine's process ended with exit code 4; {DETAILS}.")),
        (
            "never",
            Failure(
                "engine_unavailable",
                "The engine could not be started on this worker: it was not ready after 2 s.",
            ),
        ),
    ],
)
async def test_an_engine_that_cannot_be_loaded_is_a_failure_worth_another_try(
    tmp_path: Path, how: str, failure: Failure
) -> None:
    async with working(tmp_path, terms=SlotTerms(load_s=2.0)) as scene:
        outcome = await scene.gateway.result(scene.gateway.submit("broken", options={"how": how}))
        assert outcome.failure == failure
        assert outcome.retry
        assert (await scene.gateway.result(scene.gateway.submit("echo"))).kind == "succeeded"


async def test_an_engine_that_the_operator_did_not_list_is_not_run(tmp_path: Path) -> None:
    gateway = GatewayDouble(heeds_engines=False)
    async with working(tmp_path, gateway, engines=("engines.echo:Engine",)) as scene:
        outcome = await scene.gateway.result(scene.gateway.submit("os:system"))
        assert outcome.failure == Failure(
            "engine_unavailable", "This worker does not serve the engine 'os:system'."
        )
