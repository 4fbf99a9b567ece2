"""Mosec: `python mosec_app.py --port PORT`, one worker."""

import time
from typing import Any

from mosec import Server, Worker


class Repeat(Worker):
    """The model."""

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        """Give back what came."""
        if data.get("seconds"):
            time.sleep(data["seconds"])
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Repeat)
    server.run()
