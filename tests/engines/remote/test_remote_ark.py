"""The protocol `ark` against a double of Ark's image route."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from double_ark import RISK, ArkDouble, event
from provider_double import KEY, PICTURE, Cut, Drop, Fault, Say, Silence
from remote_bench import Bench

from asgi_host import Host
from pictures import saved

URL = "https://studio.example/boat.jpg"
INTERNAL = {"code": "InternalServiceError", "message": "The service encountered an error. Request id: 2"}


@pytest.fixture
def ark(host: Host) -> ArkDouble:
    return ArkDouble(host)


@pytest.fixture
def bench(ark: ArkDouble, tmp_path: Path) -> Bench:
    options = {"protocol": "ark", "base_url": f"{ark.url}/api/v3", "key_env": "PROVIDER_KEY"}
    return Bench(tmp_path, options).put(PICTURE)


def test_the_input_is_mapped_to_what_seedream_takes(bench: Bench, ark: ArkDouble) -> None:
    bench.put(PICTURE, saved("JPEG"), urls=("", URL))
    bench.options["extra"] = {"optimize_prompt_options": {"mode": "fast"}}
    result = bench.run()
    (order,) = ark.orders
    first, second = order.pop("image")
    assert first.startswith("data:image/png;base64,")
    assert second == URL
    assert order == {
        "model": "seedream-4-0-250828",
        "prompt": bench.given["prompt"],
        "size": "2048x2048",
        "sequential_image_generation": "auto",
        "sequential_image_generation_options": {"max_images": 13},
        "response_format": "url",
        "stream": True,
        "watermark": False,
        "optimize_prompt_options": {"mode": "fast"},
    }
    assert ark.seen("order")[0].headers["authorization"] == f"Bearer {KEY}"
    assert result.notes == {
        "protocol": "ark",
        "ignored": ["scale"],
        "size_asked": "2048x2048",
        "size_ordered": "2048x2048",
        "made": ["40x24"],
    }


def test_a_single_picture_is_no_sequence(bench: Bench, ark: ArkDouble) -> None:
    bench.given["force_single"] = True
    bench.run()
    (order,) = ark.orders
    assert order["sequential_image_generation"] == "disabled"
    assert "sequential_image_generation_options" not in order
    assert isinstance(order["image"], str)


def test_sizes_below_what_a_model_makes_are_raised_with_their_ratio(bench: Bench, ark: ArkDouble) -> None:
    bench.options |= {"model": "seedream-4-5-251128", "least_pixels": 3_686_400}
    bench.given["width×height"] = "1024x1024(1:1)"
    assert bench.run().notes["size_ordered"] == ark.orders[0]["size"] == "1920x1920"


@pytest.mark.parametrize("stream", [True, False])
def test_a_picture_that_is_refused_does_not_stop_the_others(
    bench: Bench, ark: ArkDouble, stream: bool
) -> None:
    bench.options |= {"stream": stream, "usd_per_output": 0.03}
    ark.pictures = ["b.jpg", RISK, "a.png"]
    result = bench.run()
    assert [path.suffix for path in result.images] == [".jpg", ".png"]
    assert result.notes["failed"] == ["OutputImageSensitiveContentDetected"]
    assert "incomplete" not in result.notes
    assert result.cost_usd == 0.06


@pytest.mark.parametrize("stream", [True, False])
def test_when_every_picture_is_refused_the_run_is(bench: Bench, ark: ArkDouble, stream: bool) -> None:
    bench.options["stream"] = stream
    ark.pictures = [RISK, RISK]
    assert "sensitive information" in bench.fails("content_refused").message


def test_an_internal_error_of_the_only_picture_is_free_to_be_ordered_again(
    bench: Bench, ark: ArkDouble
) -> None:
    ark.pictures = [INTERNAL]
    bench.fails("provider_failed", retry=True)
    ark.pictures = ["b.jpg"]
    assert len(bench.run().images) == 1


def test_progress_tells_of_each_picture(bench: Bench, ark: ArkDouble) -> None:
    ark.pictures = ["b.jpg", "a.png"]
    bench.run()
    told = [message for _, message in bench.said]
    assert (
        told.index("picture 1 is done")
        < told.index("picture 2 is done")
        < told.index("fetching result 1 of 2")
    )


def test_a_stream_that_breaks_off_gives_the_pictures_that_were_done(bench: Bench, ark: ArkDouble) -> None:
    ark.pictures = ["b.jpg", "a.png", "a.png"]
    first = event(
        "image_generation.partial_succeeded",
        {
            "model": "seedream",
            "created": 1,
            "image_index": 0,
            "url": ark.made("b.jpg")[0],
            "size": "2048x2048",
        },
    )
    ark.fail("order", Cut(len(first) + 40))
    result = bench.run()
    assert [path.suffix for path in result.images] == [".jpg"]
    assert "broke off" in result.notes["incomplete"]
    assert len(ark.orders) == 1


def test_a_stream_that_ends_without_its_last_word_is_incomplete(bench: Bench, ark: ArkDouble) -> None:
    ark.completes = False
    assert "incomplete" in bench.run().notes


@pytest.mark.parametrize(
    "fault", [Drop(late=True), Drop(), Silence(), Cut(10), Say(502), Say(504, body=b"<html>")], ids=repr
)
def test_an_order_whose_fate_is_unknown_is_never_repeated(bench: Bench, ark: ArkDouble, fault: Fault) -> None:
    bench.options["timeout_s"] = 0.3
    ark.fail("order", fault)
    with pytest.raises(Exception, match="may be paid for already") as caught:
        bench.run()
    assert not getattr(caught.value, "retry", True)
    assert len(ark.seen("order")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Say(429, {"error": {"code": "RateLimitExceeded", "message": "slow down"}}, {"Retry-After": "0"}),
        Say(429, {"error": {"code": "ServerOverloaded", "message": "busy"}}),
        Say(500, {"error": INTERNAL}),
        Say(503),
    ],
    ids=lambda fault: str(fault.facts),
)
def test_an_order_that_was_surely_not_carried_out_is_repeated(
    bench: Bench, ark: ArkDouble, fault: Say
) -> None:
    ark.fail("order", fault, fault)
    assert len(bench.run().images) == 1
    assert len(ark.orders) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InputTextSensitiveContentDetected", "content_refused"),
        (400, "InputImageSensitiveContentDetected.PrivacyInformation", "content_refused"),
        (400, "SensitiveContentDetected.SevereViolation", "content_refused"),
        (400, "InvalidParameter", "provider_rejected"),
        (400, "MissingParameter", "provider_rejected"),
        (404, "InvalidEndpoint.ClosedEndpoint", "provider_rejected"),
        (401, "AuthenticationError", "provider_unauthorized"),
        (403, "AccessDenied", "provider_unauthorized"),
        (403, "AccountOverdueError", "provider_limited"),
        (200, "InvalidParameter", "provider_rejected"),
    ],
)
def test_refusals_are_told_apart(bench: Bench, ark: ArkDouble, status: int, code: str, kind: str) -> None:
    words = "The parameter `size` is not valid. Request id: 021"
    ark.fail("order", Say(status, {"error": {"code": code, "message": words, "type": "BadRequest"}}))
    assert "Request id: 021" in bench.fails(kind).message
    assert len(ark.seen("order")) == 1


def test_events_of_pictures_may_be_long_and_hold_odd_line_ends(bench: Bench, ark: ArkDouble) -> None:
    body = base64.b64encode(saved("PNG", (1500, 1500))).decode()
    fits = event(
        "image_generation.partial_succeeded", {"image_index": 0, "b64_json": body, "note": "a\u2028b"}
    )
    odd = b": welcome\r\n\r\ndata: not json\n\ndata: [1]\n\n" + fits.replace(b"\n", b"\r\n")
    ark.fail("order", Say(200, headers={"Content-Type": "text/event-stream"}, body=odd))
    assert bench.run().notes["made"] == ["1500x1500"]


def test_a_stream_without_a_picture_is_nonsense(bench: Bench, ark: ArkDouble) -> None:
    ark.pictures = []
    assert "without a single picture" in bench.fails("provider_failed").message


def test_results_are_fetched_by_the_next_attempt_without_another_order(bench: Bench, ark: ArkDouble) -> None:
    bench.options["patience_s"] = 0.05
    ark.fail("made", *[Say(503)] * 20)
    bench.fails("provider_unreachable", retry=True)
    bench.options["patience_s"] = 5.0
    assert len(bench.run().images) == 1
    assert len(ark.orders) == 1


def test_a_run_stopped_within_the_stream_hangs_up(bench: Bench, ark: ArkDouble) -> None:
    bench.is_stopped(lambda: bool(bench.said) and bench.said[-1][1] == "picture 1 is done")
    assert not list((bench.folder / "scratch-1").iterdir())


def test_the_key_is_needed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVIDER_KEY")
    assert "PROVIDER_KEY is not set" in _words(bench)
    del bench.options["key_env"]
    assert "key_env must be the name" in _words(bench)


def _words(bench: Bench) -> str:
    return (
        bench.fails("provider_unauthorized")
        .message.replace(", named by key_env,", "")
        .replace(", in capitals,", "")
    )
