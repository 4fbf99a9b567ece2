"""LitServe: `python litserve_app.py PORT`, one worker on the CPU."""

import sys
import time
from typing import Any

import litserve


class Repeat(litserve.LitAPI):
    """The model."""

    def setup(self, device: str) -> None:
        """There is nothing to load."""

    def predict(self, x: dict[str, Any]) -> dict[str, Any]:
        """Give back what came."""
        if x.get("seconds"):
            time.sleep(x["seconds"])
        return x


if __name__ == "__main__":
    server = litserve.LitServer(Repeat(), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
