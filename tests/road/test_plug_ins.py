"""An engine and a model from another package are known by its entry points alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from road_server import until

ENGINE = """
from officina.run import Result


class Stamp:
    def __init__(self, options):
        self.word = options["word"]

    def run(self, run):
        made = run.scratch / "a.png"
        made.write_bytes(run.files["image_urls"][0].read_bytes())
        return Result(images=(made,), notes={"stamped": self.word})
"""
FACTS = 'engine = "stamp"\noptions = { word = "outside" }\ncategories = ["image-to-image"]\n'
ENTRY_POINTS = "[officina.engines]\nstamp = stamp_engine:Stamp\n\n[officina.models]\nstamp = stamp_models\n"


def installed(folder: Path) -> Path:
    """A folder that looks as if pip had installed a package with an engine and a model there."""
    model = folder / "stamp_models" / "outside" / "stamp"
    (model / "texts").mkdir(parents=True)
    (folder / "stamp_engine.py").write_text(ENGINE)
    (folder / "stamp_models" / "__init__.py").write_text("")
    (model / "model.toml").write_text(FACTS)
    picture = {
        "title": "P",
        "description": "",
        "type": "array",
        "items": {"type": "string", "format": "image_uri"},
    }
    schema = {
        "type": "object",
        "title": "In",
        "required": ["image_urls"],
        "properties": {"image_urls": picture},
    }
    images = {"type": "array", "items": {"type": "string", "format": "uri"}}
    (model / "input.json").write_text(json.dumps(schema))
    (model / "output.json").write_text(
        json.dumps({"output": {"type": "object", "properties": {"images": images}}})
    )
    (model / "example.json").write_text(json.dumps({"image_urls": ["https://example.org/a.png"]}))
    (model / "texts" / "en.toml").write_text('display_name = "Stamp"\ndescription = "Stamps."\n')
    (model / "texts" / "it.toml").write_text('display_name = "Timbro"\ndescription = "Timbra."\n')
    info = folder / "stamp-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stamp\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def officina(site: Path, *words: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OFFICINA_")}
    return subprocess.Popen(
        [sys.executable, "-m", "officina", *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONPATH": str(site)},
        cwd=site,
    )


def test_a_package_brings_an_engine_and_a_model_without_any_setting(tmp_path: Path) -> None:
    import httpx
    from road_engines import png

    site = installed(tmp_path)
    server = officina(site, "serve", "--json", "--port", "0", "--data", str(tmp_path / "data"))
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        key = (tmp_path / "data" / "first-key").read_text().strip()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
            until(lambda: http.get("/v1/models/outside/stamp").json()["ready"] or None)
            file_id = http.post("/v1/files", content=png(4, 4)).json()["id"]
            submitted = http.post("/v1/models/outside/stamp", json={"image_urls": [file_id]}).json()
            result = http.get(f"/v1/requests/{submitted['request_id']}/result?wait=30").json()
    finally:
        server.terminate()
        server.communicate(timeout=40)

    assert (result["status"], result["engine"]) == ("succeeded", "stamp"), result
    assert result["notes"]["stamped"] == "outside"


def test_the_engines_of_plug_ins_are_listed_with_their_package(tmp_path: Path) -> None:
    site = installed(tmp_path)
    told = json.loads(officina(site, "engines", "--json").communicate(timeout=60)[0])

    found = next(each for each in told["engines"] if each["engine"] == "stamp")
    assert found["installed"]
    assert "stamp" in found["summary"]
    assert found["models"] == ["outside/stamp"]
