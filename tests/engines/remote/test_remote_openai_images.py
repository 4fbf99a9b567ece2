"""The protocol `openai_images` against a double of the route."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from double_images import ImagesDouble
from PIL import Image
from provider_double import KEY, MP4, PICTURE, Cut, Drop, Fault, Say, Silence
from remote_bench import Bench

from asgi_host import Host
from pictures import png_of, saved

URL = "https://studio.example/boat.jpg"


@pytest.fixture
def server(host: Host) -> ImagesDouble:
    return ImagesDouble(host)


@pytest.fixture
def bench(server: ImagesDouble, tmp_path: Path) -> Bench:
    return Bench(tmp_path, {"protocol": "openai_images", "base_url": f"{server.url}/v1"}).put(PICTURE)


def inside(body: bytes) -> dict[str, str]:
    return {"b64_json": base64.b64encode(body).decode()}


def test_an_edit_sends_every_picture_in_the_form(bench: Bench, server: ImagesDouble) -> None:
    bench.put(PICTURE, saved("JPEG"))
    bench.options |= {"key_env": "PROVIDER_KEY", "model": "qwen-image-edit-2511"}
    result = bench.run()
    assert result.images[0].read_bytes() == PICTURE
    order = server.order()
    assert [(mime, body) for _, mime, body in order.pop("image[]")] == [
        ("image/png", PICTURE),
        ("image/jpeg", saved("JPEG")),
    ]
    assert order == {"prompt": bench.given["prompt"], "model": "qwen-image-edit-2511", "size": "2048x2048"}
    assert server.seen("edits")[0].headers["authorization"] == f"Bearer {KEY}"
    assert result.notes["ignored"] == ["scale"]


def test_without_pictures_it_is_a_generation(bench: Bench, server: ImagesDouble) -> None:
    bench.files.clear()
    bench.options["extra"] = {"seed": 7, "num_inference_steps": 4}
    bench.run()
    assert server.seen("generations")[0].facts == {
        "prompt": bench.given["prompt"],
        "size": "2048x2048",
        "seed": 7,
        "num_inference_steps": 4,
    }
    assert "authorization" not in server.seen("generations")[0].headers


def test_servers_that_call_things_otherwise_are_a_matter_of_options(
    bench: Bench, server: ImagesDouble
) -> None:
    bench.put(PICTURE, PICTURE, urls=("", URL))
    bench.options |= {
        "image_field": "image",
        "url_field": "url",
        "scale_field": "guidance_scale",
        "pictures": 4,
        "extra": {"output_format": "png", "stream": False},
    }
    bench.run()
    order = server.order()
    assert order.pop("image")[2] == PICTURE
    assert order == {
        "prompt": bench.given["prompt"],
        "url": URL,
        "size": "2048x2048",
        "guidance_scale": "4.0",
        "n": "4",
        "output_format": "png",
        "stream": "false",
    }


def test_pictures_by_url_alone_are_still_a_form(bench: Bench, server: ImagesDouble) -> None:
    bench.put(PICTURE, PICTURE, urls=(URL, URL))
    bench.options["url_field"] = "url"
    bench.run()
    assert server.order()["url"] == [URL, URL]


def test_a_single_picture_is_asked_for_when_the_caller_wants_one(bench: Bench, server: ImagesDouble) -> None:
    bench.options["pictures"] = 4
    bench.given["force_single"] = True
    bench.run()
    assert "n" not in server.order()


@pytest.mark.parametrize(
    ("options", "asked", "ordered"),
    [
        ({"sizes": ["1024x1024", "1536x1024", "1024x1536"]}, "4992x3328(3:2)", "1536x1024"),
        ({"sizes": ["1024x1024", "1536x1024", "1024x1536"]}, "3024x1296(21:9)", "1536x1024"),
        ({"sizes": ["512x512", "1024x1024"]}, "4096x4096(1:1)", "1024x1024"),
        ({"most_pixels": 4_000_000, "multiple": 16}, "5404x3040(16:9)", "2656x1488"),
        ({"multiple": 16}, "3024x1296(21:9)", "3024x1296"),
        ({"least_pixels": 1_500_000}, "1024x1024(1:1)", "1225x1225"),
    ],
)
def test_a_size_that_is_not_made_there_becomes_the_nearest(
    bench: Bench, server: ImagesDouble, options: dict[str, Any], asked: str, ordered: str
) -> None:
    bench.options |= options
    bench.given["width×height"] = asked
    notes = bench.run().notes
    assert server.order()["size"] == notes["size_ordered"] == ordered
    assert notes["size_asked"] == asked.partition("(")[0]


@pytest.mark.parametrize(
    ("format_", "made", "asked", "centre"),
    [
        ("PNG", (64, 64), (128, 128), (255, 0, 0)),
        ("JPEG", (96, 64), (64, 64), (254, 0, 0)),
        ("WEBP", (64, 64), (150, 64), (255, 0, 0)),
    ],
)
def test_a_result_of_another_size_is_brought_to_the_one_that_was_asked_for(
    bench: Bench,
    server: ImagesDouble,
    format_: str,
    made: tuple[int, int],
    asked: tuple[int, int],
    centre: tuple[int, int, int],
) -> None:
    bench.options["exact_size"] = True
    bench.given["width×height"] = f"{asked[0]}x{asked[1]}(1:1)"
    server.data = [inside(_square_in_the_middle(format_, made))]
    result = bench.run()
    with Image.open(result.images[0]) as picture:
        assert (picture.format, picture.size) == (format_, asked)
        shown = picture.convert("RGB")
        assert all(
            abs(one - other) < 8
            for one, other in zip(shown.getpixel((asked[0] // 2, asked[1] // 2)), centre, strict=True)
        )
    assert result.notes["made"] == [f"{made[0]}x{made[1]}"]
    assert result.notes["fitted_to"] == f"{asked[0]}x{asked[1]}"


def test_a_result_of_the_size_that_was_asked_for_is_not_touched(bench: Bench, server: ImagesDouble) -> None:
    bench.options["exact_size"] = True
    bench.given["width×height"] = "40x24"
    result = bench.run()
    assert result.images[0].read_bytes() == PICTURE
    assert "fitted_to" not in result.notes


def test_a_result_that_cannot_be_decoded_is_refused(bench: Bench, server: ImagesDouble) -> None:
    bench.options["exact_size"] = True
    head, tail = PICTURE[:60], PICTURE[-12:]
    server.data = [inside(head + bytes(40) + tail)]
    assert "damaged" in bench.fails("provider_failed").message


def _square_in_the_middle(format_: str, size: tuple[int, int]) -> bytes:
    picture = Image.new("RGB", size, "white")
    left, top = size[0] // 2 - 16, size[1] // 2 - 16
    picture.paste((255, 0, 0), (left, top, left + 32, top + 32))
    file = io.BytesIO()
    picture.save(file, format_, quality=95)
    return file.getvalue()


def test_results_may_lie_elsewhere(bench: Bench, server: ImagesDouble) -> None:
    server.data = [{"url": server.made("a.png")[0], "b64_json": None}, {"url": "/made/moved-b.jpg"}]
    result = bench.run()
    assert [path.suffix for path in result.images] == [".png", ".jpg"]


def test_results_are_fetched_by_the_next_attempt_without_another_order(
    bench: Bench, server: ImagesDouble
) -> None:
    bench.options["patience_s"] = 0.05
    server.data = [{"url": server.made("a.png")[0]}]
    server.fail("made", *[Say(503)] * 20)
    bench.fails("provider_unreachable", retry=True)
    bench.options["patience_s"] = 5.0
    assert len(bench.run().images) == 1
    assert len(server.orders) == 1


def test_a_download_that_breaks_off_is_begun_anew(bench: Bench, server: ImagesDouble) -> None:
    server.data = [{"url": server.made("a.png")[0]}]
    server.fail("made", Cut(20), Drop(), Say(429, headers={"Retry-After": "0"}))
    assert bench.run().images[0].read_bytes() == PICTURE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "without data"),
        ([{"b64_json": "not base64!"}], "base64 is broken"),
        ([inside(b"<html>an error page</html>")], "neither a picture nor a video"),
        ([inside(PICTURE[:60])], "damaged"),
        ([inside(png_of(40_000, 40_000))], "damaged, or too large"),
        ([{"url": "/made/gone.png"}], "HTTP 404"),
        ([{"url": "http://169.254.169.254/latest/meta-data"}], "output_hosts"),
        ([{"url": "http://10.0.0.1/a.png"}], "output_hosts"),
        ([{"url": "file:///etc/passwd"}], "output_hosts"),
        ([{"url": "http://["}], "not an https URL"),
        ([{"revised_prompt": "a boat"}], "without a single result"),
    ],
)
def test_results_that_are_none_are_refused(
    bench: Bench, server: ImagesDouble, data: list[dict[str, Any]], words: str
) -> None:
    server.data = data
    assert words in bench.fails("provider_failed").message


@pytest.mark.parametrize("data", [[inside(PICTURE + bytes(2**20))], [{"url": "/made/large"}]])
def test_a_result_that_is_too_large_is_given_up(
    bench: Bench, server: ImagesDouble, data: list[dict[str, Any]]
) -> None:
    bench.options["max_output_mb"] = 1
    server.results["large"] = PICTURE + bytes(2**20)
    server.data = data
    bench.fails("output_refused")


def test_videos_are_results_too(bench: Bench, server: ImagesDouble) -> None:
    server.data = [inside(MP4)]
    assert [path.suffix for path in bench.run().videos] == [".mp4"]


def test_what_a_run_costs_is_said_by_option(bench: Bench, server: ImagesDouble) -> None:
    assert bench.run().cost_usd is None
    bench.anew().options["usd_per_output"] = 0.042
    server.data *= 2
    assert bench.run().cost_usd == 0.084


@pytest.mark.parametrize(
    ("answer", "kind", "retry", "words"),
    [
        (
            Say(400, {"error": {"message": "Your request was rejected", "code": "moderation_blocked"}}),
            "content_refused",
            False,
            "Your request was rejected",
        ),
        (
            Say(401, {"error": {"message": f"Incorrect API key: {KEY}"}}),
            "provider_unauthorized",
            False,
            "***",
        ),
        (
            Say(429, {"error": {"message": "no", "code": "insufficient_quota"}}),
            "provider_limited",
            False,
            "credit",
        ),
        (Say(429, {"error": {"message": "slow down"}}), "provider_limited", True, "slow down"),
        (
            Say(503, {"detail": "Diffusion engine not initialized."}),
            "provider_limited",
            True,
            "not initialized",
        ),
        (Say(400, {"detail": "Invalid size format: '1024x'."}), "provider_rejected", False, "Invalid size"),
        (
            Say(422, {"detail": [{"loc": ["body", "n"], "msg": "too many"}]}),
            "provider_rejected",
            False,
            "too many",
        ),
        (Say(500, {"error": {"message": "CUDA out of memory"}}), "provider_failed", False, "out of memory"),
        (Say(500, body=b"<html>"), "provider_failed", False, "HTTP 500"),
    ],
)
def test_refusals_are_told_apart(
    bench: Bench, server: ImagesDouble, answer: Say, kind: str, retry: bool, words: str
) -> None:
    bench.options |= {"patience_s": 0.05, "key_env": "PROVIDER_KEY"}
    server.fail("edits", *[answer] * 20)
    message = bench.fails(kind, retry=retry).message
    assert words in message
    assert KEY not in message
    assert not server.orders


def test_a_server_that_is_busy_for_a_moment_is_waited_for(bench: Bench, server: ImagesDouble) -> None:
    server.fail("edits", Say(429, headers={"Retry-After": "0"}), Say(503))
    bench.run()
    assert len(server.orders) == 1


@pytest.mark.parametrize("fault", [Drop(late=True), Drop(), Silence(), Cut(30), Say(502), Say(504)], ids=repr)
def test_an_order_whose_fate_is_unknown_is_never_repeated(
    bench: Bench, server: ImagesDouble, fault: Fault
) -> None:
    bench.options["timeout_s"] = 0.3
    server.fail("edits", fault)
    with pytest.raises(Exception, match="may be paid for already"):
        bench.run()
    assert len(server.seen("edits")) == 1


def test_on_ones_own_server_another_attempt_costs_nothing(bench: Bench, server: ImagesDouble) -> None:
    bench.options["repeatable"] = True
    server.fail("edits", Drop(late=True))
    bench.fails("provider_unreachable", retry=True)
    assert len(bench.run().images) == 1


def test_an_attempt_that_died_while_the_server_worked_is_not_repeated(
    bench: Bench, server: ImagesDouble
) -> None:
    server.fail("edits", Silence())
    bench.is_stopped(lambda: bool(server.orders))
    assert "submit it anew" in bench.fails("provider_failed").message
    assert len(server.orders) == 1


def test_a_stopped_run_hangs_up_so_that_the_server_can_stop_too(bench: Bench, server: ImagesDouble) -> None:
    bench.options["timeout_s"] = 60.0
    server.fail("edits", Silence())
    bench.is_stopped(lambda: bool(server.orders))
    bench.options["repeatable"] = True
    bench.run()
    assert server.left == ["edits"]
