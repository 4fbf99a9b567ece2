"""What the package promises: its names, its two equal clients, and what it leans on."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import types
from pathlib import Path

import pytest

import officina_client
from officina_client import AsyncClient, AsyncRequestHandle, Client, RequestHandle

PACKAGE = Path(officina_client.__file__).parent
TWINS = [(Client, AsyncClient), (RequestHandle, AsyncRequestHandle)]


def public_methods(kind: type) -> dict[str, types.FunctionType]:
    return {
        name: member
        for name, member in vars(kind).items()
        if not name.startswith("_") and inspect.isfunction(member)
    }


def parameters(function: types.FunctionType) -> list[tuple[str, object, object, object]]:
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.kind, one.default, one.annotation) for one in found]


@pytest.mark.parametrize(("blocking", "awaited"), TWINS)
def test_both_clients_have_the_same_methods_with_the_same_parameters(blocking: type, awaited: type) -> None:
    assert list(public_methods(blocking)) == list(public_methods(awaited))
    for name, method in public_methods(blocking).items():
        assert parameters(method) == parameters(public_methods(awaited)[name]), name


@pytest.mark.parametrize(("blocking", "awaited"), TWINS)
def test_both_clients_promise_the_same_values(blocking: type, awaited: type) -> None:
    for name, method in public_methods(blocking).items():
        promised = str(inspect.signature(public_methods(awaited)[name]).return_annotation)
        plain = promised.replace("Async", "")
        expected = str(inspect.signature(method).return_annotation).replace(", None, None]", ", None]")
        assert plain == expected, name


@pytest.mark.parametrize("kind", [kind for pair in TWINS for kind in pair])
def test_what_is_public_is_described(kind: type) -> None:
    assert inspect.getdoc(kind)
    for name, method in public_methods(kind).items():
        assert inspect.getdoc(method), name


def test_the_exported_names_are_sorted_complete_and_there() -> None:
    exported = officina_client.__all__

    assert exported == sorted(exported)
    assert set(exported) == {
        name
        for name, member in vars(officina_client).items()
        if not name.startswith("_") and not inspect.ismodule(member)
    }


def test_every_error_of_the_tree_is_exported_and_pictured() -> None:
    picture = inspect.getdoc(officina_client.errors) or ""
    for name, member in vars(officina_client.errors).items():
        if inspect.isclass(member) and issubclass(member, Exception):
            assert name in officina_client.__all__
            assert name in picture


def test_the_package_imports_the_standard_library_httpx_and_itself_only() -> None:
    allowed = {*sys.stdlib_module_names, "httpx", "officina_client"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path.name
                names = [node.module or ""]
            assert {name.partition(".")[0] for name in names} <= allowed, path.name


def test_importing_the_client_does_not_import_the_server() -> None:
    script = "import officina_client, sys; sys.exit('officina' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
