"""The entry point of `officina`, and of `python -m officina`."""

from __future__ import annotations

import sys
import traceback

from officina.cli.exits import Code

_USAGE = 2
"""What Typer exits with when it does not understand the command line."""


def main() -> int:
    """Run the command line; its exit code."""
    try:
        _run(sys.argv[1:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else Code.OK if end.code is None else Code.FAILED
        return Code.USAGE if code == _USAGE else code
    except Exception:  # noqa: BLE001 - whatever it is, it was not foreseen
        traceback.print_exc()
        sys.stderr.write("\nThis is a bug of officina: please report it with the lines above.\n")
        return Code.BUG
    return Code.OK


def _run(words: list[str]) -> None:
    if words[:1] == ["serve"]:
        from officina.cli import start

        if (order := start.read(words[1:])) is not None:
            start.start(order)
            return
    from officina.cli.app import app

    app(prog_name="officina")
