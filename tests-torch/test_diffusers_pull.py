"""`officina models pull`, against a double of the hub, up to a run with what was pulled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_double import serving
from torch_scene import LAYERS

WEIGHTS = "studio/painter"
MODEL = "studio/painter/edit"
DEADLINE_S = 240
FACTS = f"""
engine = "diffusers"
categories = ["image-to-image"]

[options]
weights = "{WEIGHTS}"
licence = "Apache-2.0"
download_gb = 0.5
memory = {{ resident = 0.1, offload = 0.1 }}
steps = 2
call = {{ text_encoder_out_layers = {LAYERS["text_encoder_out_layers"]} }}
"""
SCHEMA = {
    "type": "object",
    "title": "Input schema",
    "required": ["prompt"],
    "properties": {"prompt": {"title": "Prompt", "type": "string"}},
}
RUN = """
import sys, tomllib, tempfile
from pathlib import Path
from officina import catalog
from officina.engines import load
from officina.errors import RunError
from officina.run import Run
from officina.settings import load as settings
model = catalog.load([Path("models")], settings().settings.engines).entries["studio/painter/edit"].model
try:
    engine = load(model.engine, model.options)
except RunError as error:
    sys.exit(f"{error.type}: {error.message}")
wish = {"prompt": "a boat", "size": "64x64"}
done = engine.run(Run("job", 1, wish, {}, Path(tempfile.mkdtemp()), lambda *_: None, lambda _: None))
print(len(done.images), "made")
"""


class Desk:
    """A folder with a model whose weights a hub has, and an empty cache."""

    def __init__(self, folder: Path, hub: str, sent: list[str]) -> None:
        self.folder = folder
        self.sent = sent
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("OFFICINA_", "HF_"))
        }
        cache = {"HF_HOME": str(folder / "cache"), "HF_ENDPOINT": hub, "HF_HUB_DISABLE_XET": "1"}
        self.environment = {**kept, **cache, "OFFICINA_MODELS": "models"}

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def pull(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self("-m", "officina", "models", "pull", *words)


@pytest.fixture
def desk(klein: Path, tmp_path: Path) -> Iterator[Desk]:
    model = tmp_path / "models" / MODEL
    (model / "texts").mkdir(parents=True)
    (model / "model.toml").write_text(FACTS)
    for name, value in (
        ("input", SCHEMA),
        ("output", {"output": {"properties": {}}}),
        ("example", {"prompt": "x"}),
    ):
        (model / f"{name}.json").write_text(json.dumps(value))
    for language in ("en", "it"):
        (model / "texts" / f"{language}.toml").write_text(
            'display_name = "Painter"\ndescription = "Paints."\n'
        )
    (klein / "single-file.safetensors").write_bytes(b"a copy that no pipeline reads")
    with serving(WEIGHTS, klein) as (hub, sent):
        yield Desk(tmp_path, hub, sent)
    (klein / "single-file.safetensors").unlink()


def test_the_licence_is_shown_and_nothing_is_downloaded_before_it_is_accepted(desk: Desk) -> None:
    done = desk.pull(MODEL)
    assert done.returncode == 64
    assert "Licence:  Apache-2.0" in done.stderr
    assert "about 0.5 GB" in done.stderr
    assert "The licence was not accepted, so nothing was downloaded." in done.stderr
    assert desk.sent == []


def test_what_was_pulled_is_what_runs(desk: Desk) -> None:
    before = desk("-c", RUN)
    assert f"engine_unavailable: The weights {WEIGHTS} are not on this machine" in before.stderr
    assert f"`officina models pull {WEIGHTS}`" in before.stderr
    pulled = desk.pull(WEIGHTS, "--yes")
    assert pulled.returncode == 0, pulled.stderr
    assert pulled.stdout.strip() == f"The weights {WEIGHTS} are here."
    assert "transformer/diffusion_pytorch_model.safetensors" in desk.sent
    assert "single-file.safetensors" not in desk.sent
    after = desk("-c", RUN)
    assert after.stdout == "1 made\n", after.stderr


def test_weights_in_a_folder_of_ones_own_are_named_by_the_settings_that_are_printed(desk: Desk) -> None:
    pulled = desk.pull(MODEL, "--yes", "--to", "painter", "--json")
    assert pulled.returncode == 0, pulled.stderr
    settings = json.loads(pulled.stdout)["settings"]
    assert tomllib.loads(settings)["engines"][MODEL]["options"]["weights"] == str(desk.folder / "painter")
    (desk.folder / "officina.toml").write_text(settings)
    made = desk("-c", RUN)
    assert made.stdout == "1 made\n", made.stderr
    (desk.folder / "painter" / "vae" / "config.json").unlink()
    (desk.folder / "painter" / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    (desk.folder / "painter" / "vae").rmdir()
    assert "lacks vae/; the operator mends it" in desk("-c", RUN).stderr
    again = desk.pull(MODEL, "--yes")
    assert again.returncode == 65
    assert "reads its weights from a folder of yours" in again.stderr


def test_weights_that_the_hub_does_not_have_are_an_error_with_a_sentence(desk: Desk) -> None:
    facts = desk.folder / "models" / MODEL / "model.toml"
    facts.write_text(facts.read_text().replace(WEIGHTS, "studio/potter"))
    done = desk.pull("studio/potter", "--yes")
    assert done.returncode == 65, done.stderr
    assert "The hub has no such weights as studio/potter" in done.stderr


def test_a_hub_that_must_not_be_asked_is_an_error_with_a_sentence(desk: Desk) -> None:
    desk.environment["HF_HUB_OFFLINE"] = "1"
    done = desk.pull(MODEL, "--yes")
    assert done.returncode == 69, done.stderr
    assert "The hub cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert desk.sent == []
