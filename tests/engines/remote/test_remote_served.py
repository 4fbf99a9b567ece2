"""The engine where it lives: behind a real server, in its worker's child."""

from __future__ import annotations

from pathlib import Path

import pytest
from double_model_api import MODEL, ModelApiDouble
from provider_double import KEY, PICTURE

from asgi_host import Host
from road.road_server import ECHO, serving, until

SETTINGS = """
[engines."{ours}"]
engine = "remote"

[engines."{ours}".options]
protocol = "model_api"
base_url = "{url}"
key_env = "PROVIDER_KEY"
model = "{theirs}"
first_wait_s = 0.05
"""


@pytest.fixture
def settings(host: Host, tmp_path: Path) -> tuple[Path, ModelApiDouble]:
    double = ModelApiDouble(host)
    path = tmp_path / "officina.toml"
    path.write_text(SETTINGS.format(ours=ECHO, theirs=MODEL, url=double.url), encoding="utf-8")
    return path, double


def test_a_request_to_us_is_served_by_the_provider_and_can_be_stopped(
    settings: tuple[Path, ModelApiDouble], tmp_path: Path
) -> None:
    path, runcomfy = settings
    with serving(tmp_path / "data", "--config", str(path)) as server:
        done = server.run({"prompt": "copy", "image_urls": [server.upload(PICTURE)["url"]]})
        assert (done["status"], done["engine"]) == ("succeeded", "remote")
        assert server.http.get(done["output"]["image"]).content == PICTURE
        (order,) = runcomfy.orders.values()
        assert order["prompt"] == "copy"
        assert runcomfy.seen("submit")[0].headers["authorization"] == f"Bearer {KEY}"

        runcomfy.course = ["in_queue"] * 100_000
        request_id = server.submit({"prompt": "copy"})
        until(lambda: len(runcomfy.orders) == 2 and len(runcomfy.seen("status")) > 4)
        answer = server.http.post(f"/v1/requests/{request_id}/cancel", params={"force": "true"}).json()
        assert answer["status"] == "cancelled"
        assert until(lambda: runcomfy.seen("cancel"))
    assert KEY not in server.log.read_text()
