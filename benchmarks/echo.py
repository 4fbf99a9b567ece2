"""The yardstick: FastAPI gives back the body of a submit, validated, and does nothing else.

The fields say what the model's schema says, the answer is written by pydantic, and uvicorn is set up as the
gateway sets it up.
"""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

Size = Literal[
    "1024x1024(1:1)",
    "2048x2048(1:1)",
    "2304x1728(4:3)",
    "2496x1664(3:2)",
    "2560x1440(16:9)",
    "3024x1296(21:9)",
    "4096x4096(1:1)",
    "4694x3520(4:3)",
    "4992x3328(3:2)",
    "5404x3040(16:9)",
    "6198x2656(21:9)",
]


class Edit(BaseModel):
    """The input of a submit."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    image_urls: Annotated[list[str], Field(min_length=1, max_length=10)]
    prompt: Annotated[str, Field(max_length=800)]
    size: Annotated[Size, Field(alias="width×height")] = "2048x2048(1:1)"
    scale: Annotated[float, Field(ge=0, le=1)] = 0.5
    force_single: bool = False


async def echo(body: Edit) -> Edit:
    """Give back what came."""
    return body


async def ready() -> dict[str, str]:
    """Say that calls are taken."""
    return {"status": "ready"}


def build() -> FastAPI:
    """The application."""
    app = FastAPI()
    app.add_api_route("/v1/echo", echo, methods=["POST"])
    app.add_api_route("/readyz", ready, methods=["GET"])
    return app


if __name__ == "__main__":
    uvicorn.run(
        build(),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        backlog=2048,
    )
