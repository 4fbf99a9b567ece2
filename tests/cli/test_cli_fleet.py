"""`officina fleet ray` where Ray is not installed. What it does with Ray is tried in tests-ray."""

from __future__ import annotations

from cli_scene import Shell

from officina.cli.exits import Code


def test_without_ray_the_command_says_how_to_install_it(shell: Shell) -> None:
    done = shell("fleet", "ray", "--gateway", "http://127.0.0.1:9", code=Code.SETUP)
    assert "needs the library ray, not installed here: pip install 'officina[ray]'" in done.words


def test_the_command_shows_its_options_without_ray(shell: Shell) -> None:
    assert "--gpus" in shell("fleet", "ray", "--help").words
