"""FastAPI: `uvicorn fastapi_app:app`. A plain function, as documented for blocking work."""

import time

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Job(BaseModel):
    """The input."""

    text: str
    seconds: float = 0


@app.post("/repeat")
def repeat(job: Job) -> Job:
    """Give back what came."""
    if job.seconds:
        time.sleep(job.seconds)
    return job
