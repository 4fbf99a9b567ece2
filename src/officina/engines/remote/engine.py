"""The engine `remote`: the option `protocol` says how the provider is spoken to.

A protocol is one module beside this one and one line in PROTOCOLS. The module has one function, `prepare`: it
takes the options, reads the secrets, and gives what carries a run out.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from officina.engines.remote.options import CarryOut
from officina.errors import RunError
from officina.run import Result, Run

PROTOCOLS: Mapping[str, str] = {
    "model_api": "officina.engines.remote.model_api",
    "openai_images": "officina.engines.remote.openai_images",
    "ark": "officina.engines.remote.ark",
    "jimeng": "officina.engines.remote.jimeng",
}
"""Every protocol that we speak, by its name in the options, and the module that speaks it."""


def lacks(options: Mapping[str, Any]) -> str:
    """What this machine lacks to order work with these options, as the end of a sentence; "" for nothing."""
    try:
        RemoteEngine(options)
    except RunError as error:
        return error.message.rstrip(".")
    return ""


class RemoteEngine:
    """Has a provider do the work: orders it once, waits, brings the results into the run's folder."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options, and the secrets that they name.

        Raises:
            RunError: `engine_unavailable` for wrong options, `provider_unauthorized` for a missing secret.
        """
        protocol = options.get("protocol", "")
        if protocol not in PROTOCOLS:
            raise RunError(
                "engine_unavailable",
                f"The engine remote needs the option protocol, one of {', '.join(PROTOCOLS)}; "
                "only the operator of this server can mend that.",
                retry=False,
            )
        self._carry_out: CarryOut = importlib.import_module(PROTOCOLS[protocol]).prepare(options)

    def run(self, run: Run) -> Result:
        """Carry a run out at the provider.

        Raises:
            RunError: one of the `provider_…` types or `content_refused`. It asks for another attempt only
                where the provider cannot be paid twice for it.
        """
        run.progress(0.01, "preparing the order")
        return self._carry_out(run)
