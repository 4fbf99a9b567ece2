"""The manifests and images in `deploy/`, held against Kubernetes' own schemas and against the program itself.

Nothing here runs on a cluster: what is checked is what can be known without one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from officina import catalog
from officina.cli.app import app
from officina.job import Depth
from officina.metrics import Metrics
from officina.settings import load

ROOT = Path(__file__).parent.parent
MANIFESTS = ROOT / "deploy" / "kubernetes"
IMAGES = sorted((ROOT / "deploy" / "docker").glob("Dockerfile*"))
KUBERNETES = "1.30"
"""The oldest version that the manifests are for: it has the preStop action `sleep`."""


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(MANIFESTS.glob("*.yaml")):
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield f"{path.name}:{each['kind']}/{each['metadata']['name']}", each


ALL = dict(manifests())
DEPLOYMENTS = {each["metadata"]["name"]: each for each in ALL.values() if each["kind"] == "Deployment"}
WORKERS = {name: each for name, each in DEPLOYMENTS.items() if "worker" in name}
SCALED = {each["metadata"]["name"]: each["spec"] for each in ALL.values() if each["kind"] == "ScaledObject"}


def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def words(deployment: dict[str, Any]) -> list[str]:
    found: list[str] = pod(deployment)["containers"][0]["args"]
    return found


def flags(deployment: dict[str, Any]) -> dict[str, str]:
    pairs = (word.removeprefix("--").partition("=") for word in words(deployment) if word.startswith("--"))
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize(
    "name", sorted(name for name, each in ALL.items() if "keda" not in each["apiVersion"])
)
@pytest.mark.parametrize("version", [KUBERNETES, kubernetes_validate.latest_version()])
def test_every_manifest_fits_the_schema_of_kubernetes(name: str, version: str) -> None:
    kubernetes_validate.validate(ALL[name], version, strict=True)


def test_the_settings_are_settings_that_the_gateway_takes(tmp_path: Path) -> None:
    (file,) = (each["data"]["officina.toml"] for each in ALL.values() if each["kind"] == "ConfigMap")
    (tmp_path / "officina.toml").write_text(file, encoding="utf-8")
    environ = next(each for name, each in ALL.items() if name.endswith("Secret/officina-gateway"))[
        "stringData"
    ]
    loaded = load(config=tmp_path / "officina.toml", environ=environ)
    assert loaded.settings.workers == 0
    catalog.load(catalog.folders(()), loaded.settings.engines)


@pytest.mark.parametrize("name", sorted(DEPLOYMENTS))
def test_the_commands_are_commands_of_the_program(name: str) -> None:
    from typer.main import get_command

    command, *rest = words(DEPLOYMENTS[name])
    with get_command(app).commands[command].make_context(command, rest) as context:  # type: ignore[attr-defined]
        assert context.params


@pytest.mark.parametrize("name", sorted(WORKERS))
def test_a_worker_may_take_longer_to_stop_than_its_drain(name: str) -> None:
    grace_s = pod(WORKERS[name])["terminationGracePeriodSeconds"]
    assert grace_s >= float(flags(WORKERS[name])["drain"]) + 10


def test_a_gateway_may_take_longer_to_stop_than_its_pause() -> None:
    gateway = pod(DEPLOYMENTS["officina-gateway"])
    pause_s = gateway["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert gateway["terminationGracePeriodSeconds"] >= pause_s + 15


@pytest.mark.parametrize("name", sorted(DEPLOYMENTS))
def test_pods_run_without_privileges_on_a_file_system_that_cannot_be_written(name: str) -> None:
    spec = pod(DEPLOYMENTS[name])
    assert spec["securityContext"]["runAsNonRoot"]
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_pool_is_scaled_between_bounds() -> None:
    assert set(SCALED) == set(WORKERS)
    for name, spec in SCALED.items():
        assert spec["scaleTargetRef"]["name"] == name
        assert 0 <= spec["minReplicaCount"] < spec["maxReplicaCount"]


@pytest.mark.parametrize("name", sorted(SCALED))
def test_what_a_pool_is_scaled_by_stands_in_the_figures(name: str) -> None:
    shipped = {each.model.id: Depth() for each in catalog.load(catalog.folders(())).entries.values()}
    lines = Metrics().text(shipped, 0).decode().splitlines()
    scaling = SCALED[name]["advanced"]["scalingModifiers"]
    for trigger in SCALED[name]["triggers"]:
        assert trigger["name"] in scaling["formula"].split(" + ")
        assert any(line.startswith(trigger["metadata"]["valueLocation"] + " ") for line in lines)
    assert scaling["target"] == flags(WORKERS[name])["slots"]


def test_the_figures_come_from_the_port_that_the_gateway_gives_them_on() -> None:
    (service,) = (each for each in ALL.values() if each["kind"] == "Service")
    (port,) = (each["port"] for each in service["spec"]["ports"] if each["name"] == "metrics")
    address = f"http://{service['metadata']['name']}.{service['metadata']['namespace']}:{port}/metrics"
    for spec in SCALED.values():
        assert {trigger["metadata"]["url"] for trigger in spec["triggers"]} == {address}


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_an_image_copies_what_there_is_and_what_is_let_in(image: Path) -> None:
    let_in = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line[0] == "!"
    }
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", image.read_text(encoding="utf-8"), re.MULTILINE)
        for source in shlex.split(line)[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_in, source


@pytest.mark.parametrize("name", sorted(DEPLOYMENTS))
def test_the_images_are_those_that_are_described(name: str) -> None:
    built = {
        re.search(r"docker build .* -t (\S+)", path.read_text(encoding="utf-8")).group(1)  # type: ignore[union-attr]
        for path in IMAGES
    }
    assert {each["image"].split(":")[0] for each in pod(DEPLOYMENTS[name])["containers"]} <= built
