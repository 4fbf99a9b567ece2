"""The statements of the queues, by name, from the `.sql` files beside this one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources


def script(name: str) -> str:
    """The whole text of `name.sql`."""
    return resources.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def statements(name: str) -> Mapping[str, str]:
    """The statements of `name.sql`: each follows a line `-- name: its_name`, up to the next one."""
    parts = re.split(r"^-- name: (\w+).*$", script(name), flags=re.MULTILINE)
    return {
        title: " ".join(_bare(text).split()) for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def _bare(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
