"""The Python client of Officina, and of every Model API that speaks the same contract.

from officina_client import Client

with Client("http://127.0.0.1:8000", key) as client:
    picture = client.upload("boat.jpg")
    result = client.run(
        "bytedance/dreamina-4-0/edit", {"image_urls": [picture], "prompt": "make the boat red"}
    )
    client.download(result.images[0], "red-boat.png")
"""

from officina_client.async_client import AsyncClient, AsyncRequestHandle
from officina_client.client import Client, RequestHandle
from officina_client.errors import (
    AuthError,
    Conflict,
    ConnectionProblem,
    InvalidInput,
    NotFound,
    OfficinaApiError,
    QueueFull,
    RunCancelled,
    RunFailed,
    ServerProblem,
    SetupProblem,
    WaitTimeout,
)
from officina_client.retry import Retry
from officina_client.values import (
    CancelOutcome,
    Event,
    FileRef,
    Key,
    ModelInfo,
    Record,
    RequestSummary,
    Result,
    RunProblem,
    Share,
    Status,
    Submitted,
    UsageRow,
    Worker,
)

__all__ = [
    "AsyncClient",
    "AsyncRequestHandle",
    "AuthError",
    "CancelOutcome",
    "Client",
    "Conflict",
    "ConnectionProblem",
    "Event",
    "FileRef",
    "InvalidInput",
    "Key",
    "ModelInfo",
    "NotFound",
    "OfficinaApiError",
    "QueueFull",
    "Record",
    "RequestHandle",
    "RequestSummary",
    "Result",
    "Retry",
    "RunCancelled",
    "RunFailed",
    "RunProblem",
    "ServerProblem",
    "SetupProblem",
    "Share",
    "Status",
    "Submitted",
    "UsageRow",
    "WaitTimeout",
    "Worker",
]
