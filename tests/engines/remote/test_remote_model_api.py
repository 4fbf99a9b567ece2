"""The protocol `model_api` against a double of RunComfy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from double_model_api import MODEL, ModelApiDouble
from provider_double import KEY, PICTURE, Cut, Drop, Fault, Say, Silence
from remote_bench import Bench

from asgi_host import Host
from pictures import saved


@pytest.fixture
def runcomfy(host: Host) -> ModelApiDouble:
    return ModelApiDouble(host)


@pytest.fixture
def bench(runcomfy: ModelApiDouble, tmp_path: Path) -> Bench:
    options = {"protocol": "model_api", "base_url": runcomfy.url, "key_env": "PROVIDER_KEY", "model": MODEL}
    return Bench(tmp_path, options).put(PICTURE)


def test_a_run_is_ordered_followed_and_brought_home(bench: Bench, runcomfy: ModelApiDouble) -> None:
    runcomfy.ending["output"] = {"images": runcomfy.made("a.png", "b.jpg")}
    result = bench.run()
    assert [path.suffix for path in result.images] == [".png", ".jpg"]
    assert result.images[0].read_bytes() == PICTURE
    assert result.notes == {"protocol": "model_api", "made": ["40x24", "40x24"]}
    assert result.cost_usd == 0.03
    assert any("place 3" in message for _, message in bench.said)


def test_the_input_goes_as_it_is_and_its_files_inside_or_by_url(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    bench.put(PICTURE, saved("JPEG"), urls=("", "https://studio.example/boat.jpg"))
    bench.run()
    (order,) = runcomfy.orders.values()
    first, second = order.pop("image_urls")
    assert order == {name: value for name, value in bench.given.items() if name != "image_urls"}
    assert first.startswith("data:image/png;base64,")
    assert second == "https://studio.example/boat.jpg"
    (submit,) = runcomfy.seen("submit")
    assert submit.headers["authorization"] == f"Bearer {KEY}"
    assert "idempotency-key" not in submit.headers


def test_fields_can_be_renamed_left_out_and_added(bench: Bench, runcomfy: ModelApiDouble) -> None:
    bench.options |= {"rename": {"image_urls": "images", "prompt": "text", "scale": ""}, "extra": {"seed": 7}}
    bench.run()
    (order,) = runcomfy.orders.values()
    assert order.keys() == {"images", "text", "width×height", "force_single", "seed"}


def test_a_field_of_one_file_stays_one_text(bench: Bench, runcomfy: ModelApiDouble) -> None:
    bench.put(PICTURE, name="mask_url")
    bench.given["mask_url"] = "file_0"
    bench.run()
    (order,) = runcomfy.orders.values()
    assert order["mask_url"].startswith("data:image/png;base64,")


def test_a_provider_that_fetches_itself_needs_public_urls(bench: Bench, runcomfy: ModelApiDouble) -> None:
    bench.options["inputs"] = "url"
    assert "no public address" in bench.fails("provider_rejected").message
    assert not runcomfy.orders


def test_inputs_too_large_for_one_order_are_refused_before_it(bench: Bench, runcomfy: ModelApiDouble) -> None:
    bench.options["max_inline_mb"] = 0
    assert "make them smaller" in bench.fails("provider_rejected").message
    assert not runcomfy.calls


@pytest.mark.parametrize(
    ("output", "kinds"),
    [
        ({"image": "a.png"}, ["image"]),
        ({"images": ["a.png"], "image": "a.png"}, ["image"]),
        ({"videos": ["c.mp4"], "image": "a.png"}, ["image", "video"]),
        ({"video": "moved-c.mp4"}, ["video"]),
        ("a.png", ["image"]),
        (["a.png", "b.jpg"], ["image", "image"]),
    ],
)
def test_results_are_found_in_every_shape_that_servers_use(
    bench: Bench, runcomfy: ModelApiDouble, output: Any, kinds: list[str]
) -> None:
    runcomfy.ending["output"] = _with_urls(output, runcomfy)
    result = bench.run()
    assert ["image"] * len(result.images) + ["video"] * len(result.videos) == kinds


def _with_urls(output: Any, double: ModelApiDouble) -> Any:
    if isinstance(output, str):
        return double.made(output)[0]
    if isinstance(output, list):
        return double.made(*output)
    return {name: _with_urls(value, double) for name, value in output.items()}


@pytest.mark.parametrize(
    "faults",
    [
        [Say(429, {"error_code": 429001, "message": "slow down"}, {"Retry-After": "0"})],
        [Say(503, {"message": "starting"}), Say(429, {"message": "slow down"})],
        [Say(200, {"error_code": 429001, "error_message": "QueueFull: too many wait"})],
    ],
)
def test_an_order_that_was_surely_not_taken_on_is_repeated(
    bench: Bench, runcomfy: ModelApiDouble, faults: list[Fault]
) -> None:
    runcomfy.fail("submit", *faults)
    bench.run()
    assert len(runcomfy.seen("submit")) == len(faults) + 1
    assert len(runcomfy.orders) == 1


@pytest.mark.parametrize(
    "fault", [Drop(late=True), Drop(), Silence(), Say(502), Say(504), Say(500, {"message": "oops"})], ids=repr
)
def test_an_order_whose_fate_is_unknown_is_never_repeated(
    bench: Bench, runcomfy: ModelApiDouble, fault: Fault
) -> None:
    bench.options["timeout_s"] = 0.3
    runcomfy.fail("submit", fault)
    with pytest.raises(Exception, match="may be paid for already") as caught:
        bench.run()
    assert not getattr(caught.value, "retry", True)
    assert len(runcomfy.seen("submit")) == 1


def test_an_order_whose_fate_is_unknown_may_be_repeated_where_runs_cost_nothing(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    bench.options["repeatable"] = True
    runcomfy.fail("submit", Drop(late=True))
    bench.fails("provider_unreachable", retry=True)
    assert len(bench.run().images) == 1


def test_a_wait_that_is_asked_for_is_kept(bench: Bench, runcomfy: ModelApiDouble) -> None:
    bench.options["patience_s"] = 0.5
    runcomfy.fail("submit", Say(429, {"message": "one a minute"}, {"Retry-After": "60"}))
    assert "one a minute" in bench.fails("provider_limited", retry=True).message
    assert len(runcomfy.seen("submit")) == 1
    assert len(bench.run().images) == 1, "nothing was ordered, so the next attempt orders"


def test_looks_are_repeated_while_the_provider_is_away(bench: Bench, runcomfy: ModelApiDouble) -> None:
    runcomfy.fail("status", Drop(), Say(502), Say(200, body=b"<html>a proxy's page</html>"), Say(429), Cut(5))
    runcomfy.fail("result", Drop(), Say(500))
    assert len(bench.run().images) == 1
    assert len(runcomfy.orders) == 1


def test_a_provider_that_stays_away_leaves_the_order_to_the_next_attempt(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    bench.options["patience_s"] = 0.1
    runcomfy.fail("status", *[Drop()] * 50)
    bench.fails("provider_unreachable", retry=True)
    runcomfy.fail("status")
    bench.options["patience_s"] = 5.0
    assert len(bench.run().images) == 1
    assert len(runcomfy.orders) == 1


def test_a_new_attempt_goes_on_with_what_was_ordered(bench: Bench, runcomfy: ModelApiDouble) -> None:
    bench.is_stopped(lambda: bool(runcomfy.seen("status")))
    runcomfy.course = ["in_progress"]
    result = bench.run()
    assert len(result.images) == 1
    assert len(runcomfy.orders) == 1


def test_an_attempt_that_ended_before_it_learned_the_id_is_not_repeated(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    runcomfy.fail("submit", Silence())
    bench.is_stopped(lambda: bool(runcomfy.seen("submit")))
    assert "may be paid for already" in bench.fails("provider_failed").message
    assert len(runcomfy.seen("submit")) == 1


def test_what_was_remembered_of_another_provider_is_passed_over(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    for memo in ('{"to":"model_api https://elsewhere.example x/y","id":"r-9"}', "not our words", "[]"):
        bench.memo = memo
        bench.run()
    assert len(runcomfy.orders) == 3


def test_a_stopped_run_is_cancelled_at_the_provider(bench: Bench, runcomfy: ModelApiDouble) -> None:
    runcomfy.course = ["in_queue"] * 1000
    bench.is_stopped(lambda: bool(runcomfy.seen("status")))
    (cancel,) = runcomfy.seen("cancel")
    (request_id,) = runcomfy.orders
    assert cancel.path == f"/v1/requests/{request_id}/cancel"
    assert cancel.query == {}


def test_a_run_stopped_while_its_order_is_answered_is_cancelled_too(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    bench.is_stopped(lambda: bool(runcomfy.orders))
    assert len(runcomfy.seen("cancel")) == 1


def test_an_order_that_was_cancelled_before_it_cost_anything_is_made_anew(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    runcomfy.course = ["in_queue"]
    bench.is_stopped(lambda: bool(runcomfy.seen("status")))
    good, runcomfy.ending = runcomfy.ending, {"status": "cancelled"}

    def revive(fraction: float, message: str) -> None:
        if len(runcomfy.seen("submit")) == 2:
            runcomfy.ending = good

    bench.stop_when = lambda: bool(revive(0, ""))
    runcomfy.course = ["in_queue"] * 3
    assert len(bench.run().images) == 1
    assert len(runcomfy.orders) == 2


def test_a_request_that_the_provider_has_forgotten_is_not_ordered_again(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    bench.is_stopped(lambda: bool(runcomfy.seen("status")))
    runcomfy.orders.clear()
    assert "no longer knows" in bench.fails("provider_failed").message
    assert len(runcomfy.seen("submit")) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            Say(401, {"error_code": 400004, "error_message": "token revoked"}),
            "provider_unauthorized",
            "token revoked",
        ),
        (
            Say(400, {"error_code": 400004, "message": "UserAccountError"}),
            "provider_unauthorized",
            "operator",
        ),
        (Say(403, {"message": "Forbidden"}), "provider_unauthorized", "Forbidden"),
        (Say(400, {"error_code": 400002, "message": "no balance"}), "provider_limited", "no credit left"),
        (Say(402, {"message": "pay"}), "provider_limited", "no credit left"),
        (Say(404, {"error_code": 400001, "message": "unknown model"}), "provider_rejected", "unknown model"),
        (
            Say(
                422,
                {"message": "Invalid", "detail": [{"loc": ["body", "scale"], "msg": "must be at most 1"}]},
            ),
            "provider_rejected",
            "Invalid: scale must be at most 1",
        ),
        (Say(413, body=b"<html>too large</html>"), "provider_rejected", "HTTP 413"),
        (Say(307, headers={"Location": "https://elsewhere.example/"}), "provider_failed", "redirects"),
        (Say(200, {"request_id": "../../etc"}), "provider_failed", "request_id"),
        (Say(200, ["not", "an", "object"]), "provider_failed", "may be paid for"),
    ],
)
def test_refusals_are_told_apart_and_not_tried_again(
    bench: Bench, runcomfy: ModelApiDouble, answer: Say, kind: str, words: str
) -> None:
    runcomfy.fail("submit", answer)
    assert words in bench.fails(kind).message
    assert len(runcomfy.seen("submit")) == 1


@pytest.mark.parametrize(
    ("ending", "kind", "words"),
    [
        (
            {"status": "failed", "error": {"type": "x", "message": "CUDA error"}},
            "provider_failed",
            "CUDA error",
        ),
        ({"status": "failed", "error": "it broke"}, "provider_failed", "it broke"),
        ({"status": "failed"}, "provider_failed", "no reason"),
        (
            {"status": "failed", "error": {"type": "not_understood", "message": "I only copy."}},
            "not_understood",
            "copy",
        ),
        ({"status": "cancelled"}, "provider_failed", "cancelled"),
        ({"status": "succeeded", "output": {}}, "provider_failed", "without a single result"),
        ({"status": None}, "provider_failed", "without a status"),
    ],
)
def test_a_run_that_ended_badly_there_ends_badly_here(
    bench: Bench, runcomfy: ModelApiDouble, ending: dict[str, Any], kind: str, words: str
) -> None:
    runcomfy.ending = ending
    assert words in bench.fails(kind).message


def test_after_a_failed_run_the_next_attempt_would_make_a_new_order(
    bench: Bench, runcomfy: ModelApiDouble
) -> None:
    good, runcomfy.ending = runcomfy.ending, {"status": "failed", "error": "it broke"}
    bench.fails("provider_failed")
    assert json.loads(bench.memo).get("id", "") == ""
    runcomfy.ending = good
    bench.run()
    assert len(runcomfy.orders) == 2


@pytest.mark.parametrize("answer", [(401, {}), (200, {"error_code": 400004})])
def test_no_message_holds_the_key_or_a_link(
    bench: Bench, runcomfy: ModelApiDouble, answer: tuple[int, dict[str, int]]
) -> None:
    status, more = answer
    words = f"bad key {KEY}, see https://provider.example/keys?x=1 for more"
    runcomfy.fail("submit", Say(status, {"message": words, **more}))
    message = bench.fails("provider_unauthorized").message
    assert KEY not in message
    assert "bad key ***, see (link) for more" in message


def test_a_provider_that_is_not_there_is_a_reason_for_another_attempt(bench: Bench) -> None:
    bench.options |= {"base_url": "http://127.0.0.1:1", "patience_s": 0.1}
    bench.fails("provider_unreachable", retry=True)


class TestAnotherOfficina:
    """The dialect `officina`: orders that may be repeated, uploads, and stopping what runs."""

    @pytest.fixture(autouse=True)
    def _dialect(self, bench: Bench) -> None:
        bench.options["dialect"] = "officina"

    def test_an_answer_that_was_lost_is_asked_for_again(self, bench: Bench, runcomfy: ModelApiDouble) -> None:
        runcomfy.fail("submit", Drop(late=True))
        bench.fails("provider_unreachable", retry=True)
        assert len(bench.run().images) == 1
        assert len(runcomfy.orders) == 1, "the same Idempotency-Key gives the same request"

    def test_what_is_too_large_for_one_order_is_uploaded(
        self, bench: Bench, runcomfy: ModelApiDouble
    ) -> None:
        bench.put(saved("PNG", (400, 400)) + bytes(100_000), saved("PNG"))
        bench.options["max_inline_mb"] = 0
        bench.run()
        (order,) = runcomfy.orders.values()
        assert order["image_urls"][0] == f"{runcomfy.url}/files/1.png"
        assert order["image_urls"][1].startswith("data:image/png;base64,")

    def test_a_running_run_is_stopped_by_force(self, bench: Bench, runcomfy: ModelApiDouble) -> None:
        runcomfy.course = ["in_progress"] * 1000
        bench.is_stopped(lambda: bool(runcomfy.seen("status")))
        (cancel,) = runcomfy.seen("cancel")
        assert cancel.query == {"force": "true"}
