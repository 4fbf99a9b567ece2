"""The remote engine keeps to what every engine keeps to."""

from __future__ import annotations

from pathlib import Path

import pytest
from double_images import ImagesDouble
from provider_double import PICTURE
from remote_bench import QUICK, SEED_INPUT

from asgi_host import Host
from engine_conformance import EngineConformance, Specimen
from officina.engines.remote import RemoteEngine


@pytest.fixture
def specimen(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Specimen:
    path: Path = tmp_path_factory.mktemp("remote") / "boat.png"
    path.write_bytes(PICTURE)
    options = {**QUICK, "protocol": "openai_images", "base_url": f"{ImagesDouble(host).url}/v1"}
    away = RemoteEngine({**options, "base_url": "http://127.0.0.1:1", "patience_s": 0.1})
    return Specimen(RemoteEngine(options), SEED_INPUT, SEED_INPUT, {"image_urls": (path,)}, away)


class TestRemote(EngineConformance):
    """With the specimen above."""
