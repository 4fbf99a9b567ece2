"""Secrets of engines: an option names the environment variable that holds one, never the secret itself.

Options stand in settings and model folders, travel to workers and are shown to people: a name may, a secret
may not. Beside `settings.py`, this is the only module that reads the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from officina.errors import RunError

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
"""In capitals, as is usual: keys seldom are, so one in the place of a name is noticed and not repeated."""

_SENDABLE = re.compile(r"[\x21-\x7e]{1,4096}")


def secret(options: Mapping[str, Any], name: str = "key_env") -> str:
    """Give the secret in the environment variable that the option `name` names.

    Raises:
        RunError: `provider_unauthorized`: the option names none, the variable is not set where the engine
            runs, or holds what no header can. No message holds a secret.
    """
    variable = options.get(name)
    if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
        raise _missing(
            f"The option {name} must be the name, in capitals, of an environment variable with the secret"
        )
    held = os.environ.get(variable, "").strip()
    if not held:
        raise _missing(
            f"The environment variable {variable}, named by {name}, is not set where the engine runs"
        )
    if not _SENDABLE.fullmatch(held):
        raise _missing(f"The environment variable {variable} holds blanks or other characters no secret has")
    return held


def _missing(what: str) -> RunError:
    return RunError("provider_unauthorized", f"{what}; only the operator of this server can mend that.")
