"""The protocol `model_api` against a real server of ours, killed in the middle."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from remote_bench import Bench

from pictures import saved
from road.road_server import ECHO, Server, serving, start, until


class Died(BaseException):
    """The process of the attempt is gone: nothing is said to anybody any more."""


@pytest.fixture(scope="module")
def officina(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("remote") / "data") as running:
        yield running


@pytest.fixture
def bench(officina: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PROVIDER_KEY", officina.key)
    return made(officina, tmp_path)


def made(server: Server, folder: Path) -> Bench:
    options = {"protocol": "model_api", "base_url": server.url, "key_env": "PROVIDER_KEY", "model": ECHO}
    return Bench(folder, {**options, "dialect": "officina"}, {"prompt": "copy"})


def requests(server: Server) -> list[dict[str, str]]:
    return list(server.http.get("/v1/requests").json()["requests"])


def dies(bench: Bench, server: Server, known: int) -> None:
    """Make an attempt whose process dies as soon as the server has the request."""

    def die() -> bool:
        if len(requests(server)) > known and '"id"' in bench.memo:
            raise Died
        return False

    bench.stop_when = die
    with pytest.raises(Died):
        bench.run()
    bench.stop_when = lambda: False


def test_a_run_goes_to_the_other_server_and_comes_back(bench: Bench) -> None:
    bench.put(saved("PNG"), saved("JPEG"))
    result = bench.run()
    assert result.notes["provider_notes"] == {"understood": ["copy"], "files": 2}
    assert result.notes["made"] == ["2x2"]
    assert result.cost_usd == 0.02


def test_several_results_come_back_in_their_order(bench: Bench) -> None:
    bench.given["prompt"] = "count"
    result = bench.run()
    assert result.notes["made"] == ["2x2", "3x2", "4x2"]
    assert result.cost_usd == 0.06


def test_large_inputs_are_uploaded_there(bench: Bench) -> None:
    bench.put(saved("PNG", (500, 500), "RGB", compress_level=0))
    bench.options["max_inline_mb"] = 0
    assert bench.run().notes["provider_notes"]["files"] == 1


def test_an_attempt_that_died_is_gone_on_with(bench: Bench, officina: Server) -> None:
    bench.given["seconds"] = 0.6
    known = len(requests(officina))
    dies(bench, officina, known)
    assert len(bench.run().images) == 1
    assert len(requests(officina)) == known + 1


def test_a_memo_that_was_lost_does_not_make_a_second_run(bench: Bench, officina: Server) -> None:
    known = len(requests(officina))
    dies(bench, officina, known)
    bench.memo = ""
    bench.run()
    assert len(requests(officina)) == known + 1


def test_a_stopped_run_is_stopped_there(bench: Bench, officina: Server) -> None:
    bench.given["seconds"] = 2.5

    def runs() -> bool:
        return bool(bench.said) and "at work" in bench.said[-1][1]

    bench.is_stopped(runs)
    newest = requests(officina)[0]["request_id"]
    assert until(lambda: officina.status(newest)["status"] == "cancelled")


def test_what_went_wrong_there_is_told_here(bench: Bench) -> None:
    bench.given["prompt"] = "refuse"
    assert bench.fails("not_understood").message == "I only copy."
    bench.anew().given["prompt"] = "fail"
    assert "ValueError" in bench.fails("provider_failed").message
    bench.anew().given["prompt"] = "copy " * 400
    assert "prompt" in bench.fails("provider_rejected").message
    bench.anew().options["model"] = "studio/unknown"
    assert "studio/unknown" in bench.fails("provider_rejected").message


def test_a_key_that_is_refused_there_is_the_operators_business(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "ofk_unknown")
    assert "ofk_unknown" not in bench.fails("provider_unauthorized").message


def test_a_server_that_is_killed_and_comes_back_has_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(tmp_path / "data")
    bench = made(first, tmp_path)
    bench.given["seconds"] = 0.5
    monkeypatch.setenv("PROVIDER_KEY", first.key)
    dies(bench, first, 0)
    first.stop(signal.SIGKILL)
    with serving(tmp_path / "data", "--port", str(urlsplit(first.url).port)) as second:
        bench.options["patience_s"] = 20.0
        assert len(bench.run().images) == 1
        assert len(requests(second)) == 1
