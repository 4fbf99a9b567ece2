"""`officina serve`: its flags, its first line, its ends."""

from __future__ import annotations

import dataclasses
import os
import pty
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cli_scene import COMMAND, Shell, until

from officina.cli import start
from officina.cli.exits import Code
from officina.settings import Settings, load


def test_the_first_line_says_where_the_server_is(shell: Shell) -> None:
    with shell.serving() as said:
        data = shell.folder / "officina-data"
        assert said["url"].startswith("http://127.0.0.1:")
        assert Path(said["data"]) == data
        assert Path(said["first_key_file"]) == data / "first-key"
        assert (data / "address").read_text().strip() == said["url"]
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert not (data / "address").exists()


def test_the_first_key_and_the_link_are_shown_on_a_terminal_only(shell: Shell) -> None:
    ours, theirs = pty.openpty()
    log = (shell.folder / "log").open("w")
    words = [*COMMAND, "serve", "--port", "0", "--workers", "0"]
    process = subprocess.Popen(
        words, cwd=shell.folder, env=shell.environment, stdin=theirs, stdout=theirs, stderr=log
    )
    os.close(theirs)
    shown = ""
    while "officina run" not in shown:
        shown += os.read(ours, 4096).decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    os.close(ours)
    log.close()
    secret = (shell.folder / "officina-data" / "first-key").read_text().strip()
    assert secret in shown
    assert "/sign-in?code=" in shown
    log_text = (shell.folder / "log").read_text()
    assert secret not in log_text
    assert "/sign-in" not in log_text
    with shell.started("serve", "--port", 0, "--workers", 0) as again:
        assert again.stdout is not None
        assert "Officina serves at http://127.0.0.1:" in again.stdout.readline()
        again.send_signal(signal.SIGTERM)
        out = again.stdout.read()
    assert "first-key" in out
    assert secret not in out
    assert "/sign-in" not in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "many"], "port = 'many' (flag) does not fit"),
        (["--host", "0.0.0.0"], "public_url must say under which URL"),
        (["--log-level=loud"], "log_level = 'loud' must be one of"),
        (["--config", "none.toml"], "The settings file none.toml cannot be read"),
        (["--engines", "{"], "engines (flag) must be a JSON object"),
        (["--models", "nowhere"], "models names the folder nowhere, which does not exist"),
        (["--engines", '{"a/b": {"engine": "collage"}}'], "which is not a model here"),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_78(
    words: list[str], sentence: str, shell: Shell
) -> None:
    done = shell("serve", "--port", 0, *words, code=Code.SETUP)
    assert sentence in done.words
    assert "Traceback" not in done.err


def test_an_unknown_name_in_the_settings_file_is_told_with_the_nearest(shell: Shell) -> None:
    (shell.folder / "officina.toml").write_text("prot = 1")
    assert "Did you mean 'port'?" in shell("serve", code=Code.SETUP).err


def test_a_second_server_on_the_same_folder_is_refused(idle: Shell) -> None:
    done = idle("serve", "--port", 0, code=Code.TRY_AGAIN)
    assert "Another officina server is using the data folder" in done.err


def test_a_port_in_use_is_told(idle: Shell, tmp_path: Path) -> None:
    url = (idle.folder / "officina-data" / "address").read_text().strip()
    port = url.rpartition(":")[2]
    done = idle("serve", "--port", port, "--data", tmp_path / "other", code=Code.SETUP)
    assert f"Cannot listen on 127.0.0.1:{port}" in done.err


def test_a_failure_is_json_for_those_who_ask_for_json(shell: Shell) -> None:
    error = shell("serve", "--json", "--port", "-1", code=Code.SETUP).json["error"]
    assert error == {"message": "port = -1 must be at least 0.", "exit_code": 78}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_server_holds_nothing_of_the_command_line_library(shell: Shell) -> None:
    with shell.serving() as said:
        assert "pydantic_core" not in Path(f"/proc/{said['pid']}/maps").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells of a parent's death on Linux only")
def test_a_server_ends_with_the_parent_that_it_was_given(shell: Shell) -> None:
    code = (
        "import os, subprocess, sys;"
        "serve = [*sys.argv[1:], '--with-parent', str(os.getpid())];"
        "subprocess.Popen(serve, stdout=sys.stdout, stderr=subprocess.DEVNULL).wait()"
    )
    words = (sys.executable, "-c", code, *COMMAND, "serve", "--json", "--port", "0", "--workers", "0")
    parent = subprocess.Popen(
        words, cwd=shell.folder, env=shell.environment, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        assert "url" in parent.stdout.readline()
        parent.kill()
    until(lambda: not (shell.folder / "officina-data" / "address").exists())


def test_flags_are_read_as_settings() -> None:
    words = ["--port", "9", "--data=x", "--strict-inputs", "--no-single-image", "--models", "a", "--models=b"]
    words += ["--engines", '{"a/b": {"engine": "c"}}', "--json", "--config", "f.toml", "--lease-s=2.5"]
    order = start.read(words)
    assert order is not None
    assert order.as_json
    assert order.config == Path("f.toml")
    settings = load(order.settings, config=Path(os.devnull), environ={}).settings
    assert settings == dataclasses.replace(
        Settings(),
        port=9,
        data=Path("x"),
        strict_inputs=True,
        single_image=False,
        models=("a", "b"),
        engines=settings.engines,
        lease_s=2.5,
    )
    assert settings.engines["a/b"].engine == "c"


@pytest.mark.parametrize(
    "words",
    [["--help"], ["-h"], ["--prot", "1"], ["--port"], ["--port", "--json"], ["x"], ["--strict_inputs"]],
)
def test_what_is_no_plain_line_of_flags_is_left_to_typer(words: list[str]) -> None:
    assert start.read(words) is None


def test_typer_has_the_same_flags(shell: Shell) -> None:
    shown = shell("serve", "--help").out
    for each in dataclasses.fields(Settings):
        assert f"--{each.name.replace('_', '-')} " in shown
        assert start.read([f"--{each.name.replace('_', '-')}=1"]) is not None or each.type == "bool"
