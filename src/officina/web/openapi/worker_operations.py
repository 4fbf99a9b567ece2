"""Every operation of the worker's link, as data; its messages are those of `officina.link`."""

from __future__ import annotations

from typing import Any

from officina import errors as e
from officina import job, link
from officina.web.openapi import shapes as s
from officina.web.openapi.operation import BINARY, Content, Operation, query, said, sent


def _posted(what: str, summary: str, message: type, answer: type, **more: Any) -> Operation:
    wrong = (e.CallerError, e.TooLarge, e.InvalidInput, *more.pop("errors", ()))
    return Operation(
        method="POST",
        path=f"/worker/v1/{what}",
        tag="Worker link",
        id=f"worker_{what}",
        summary=summary,
        scope="worker",
        body=(Content(message),),
        replies=(said(answer, more.pop("meaning", "Done.")),),
        errors=wrong,
        **more,
    )


def _straight(what: str, summary: str, answer: type) -> Operation:
    return Operation(
        method="POST",
        path="/worker/v1/jobs/{job_id}/outputs/{n}/" + what,
        tag="Worker link",
        id=f"worker_{what}_output",
        summary=summary,
        scope="worker",
        parameters=(query("token", "Of the lease.", "string"),),
        body=(Content(link.Upload),),
        replies=(said(answer, "Done."),),
        errors=(e.CallerError, e.LeaseLost, e.TooLarge, e.InvalidInput, e.UnknownRoute),
    )


WORKER = (
    _posted("register", "Say hello, once per start", link.Register, link.Registered),
    _posted(
        "claim",
        "Lease jobs",
        link.Claim,
        link.Claimed,
        text="Waits for some, `wait_s` or 25 seconds at most. The same nonce again gives the same leases.",
        errors=(e.UnknownWorker,),
    ),
    _posted(
        "renew",
        "Extend leases and pass on news",
        link.Renew,
        job.Renewal,
        text="With `wait_s`, waits for a stop wish, 25 seconds at most.",
    ),
    _posted("hand_back", "Give leases up", link.HandBack, s.HandedBack),
    _posted("finish", "Report how an attempt ended", link.Finish, s.Finished, errors=(e.LeaseLost,)),
    Operation(
        method="PUT",
        path="/worker/v1/jobs/{job_id}/outputs/{n}",
        tag="Worker link",
        id="worker_put_output",
        summary="Store an output",
        scope="worker",
        parameters=(
            query("token", "Of the lease.", "string"),
            query("kind", "What it is; `image` unless given.", "string", enum=["image", "video"]),
        ),
        body=(Content(BINARY, "application/octet-stream"),),
        body_meaning="The bytes.",
        replies=(said(job.Output, "Stored."),),
        errors=(e.CallerError, e.LeaseLost, e.TooLarge, e.InvalidInput, e.DiskFull, e.UnknownRoute),
    ),
    _straight("grant", "Ask to put an output straight into the store", link.Grant),
    _straight("confirm", "Have an output taken that was put straight into the store", job.Output),
    Operation(
        method="POST",
        path="/worker/v1/files/{name}/grant",
        tag="Worker link",
        id="worker_grant_file",
        summary="Ask to read an input straight from the store",
        scope="worker",
        replies=(said(link.Grant, "Where; an empty `url` means: only through the gateway."),),
        errors=(e.UnknownFile,),
    ),
    Operation(
        method="GET",
        path="/worker/v1/files/{name}",
        tag="Worker link",
        id="worker_get_file",
        summary="An input that is a stored file",
        scope="worker",
        replies=(sent("*/*", "The bytes."),),
        errors=(e.UnknownFile,),
    ),
)
