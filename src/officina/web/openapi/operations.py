"""Every operation for callers and admins, as data. `officina.web.app.routes` decides which there are."""

from __future__ import annotations

from officina import errors as e
from officina.job import LEVELS
from officina.web.library import LONGEST_SEARCH, STATES
from officina.web.models import LONGEST_IDEMPOTENCY_KEY
from officina.web.openapi import shapes as s
from officina.web.openapi.operation import (
    BINARY,
    Content,
    Operation,
    Parameter,
    Reply,
    Schema,
    header,
    on_request,
    query,
    said,
    sent,
)

TEXT: Schema = {"type": "string"}
MANY: Schema = {"type": "integer", "minimum": 1, "maximum": 500}
WAIT = query("wait", "Hold the answer back, so many seconds at most.", "number", minimum=0, maximum=60)

_FORM: Schema = {
    "type": "object",
    "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
    "required": ["file"],
}

SUBMIT = Operation(
    method="POST",
    path="/v1/models/{model_id}",
    tag="Runs",
    id="submit",
    summary="Submit a run",
    text="The body is the model's input itself, without an envelope; `/v1/models/{model_id}/openapi.json` "
    "has its schema. The answer comes when the request is on disk. Fields that the schema does not know are "
    "ignored and named in the result's notes.",
    parameters=(
        query("priority", "Orders the requests of one key among themselves.", "string", enum=[*LEVELS]),
        header(
            "Idempotency-Key",
            "The same key again within 24 hours gives the first answer again and queues nothing.",
            "string",
            maxLength=LONGEST_IDEMPOTENCY_KEY,
            pattern="^[!-~]*$",
        ),
    ),
    body=(Content({"type": "object"}),),
    body_meaning="The model's input.",
    replies=(
        said(
            s.Submitted,
            "Queued.",
            headers={
                "Idempotent-Replayed": "`true` when an earlier answer was repeated.",
                "RateLimit-Limit": "How many submits the key may make at once, if its rate is limited.",
                "RateLimit-Remaining": "How many of them are left.",
                "RateLimit-Reset": "Seconds until all of them are.",
            },
            follow_ups=True,
        ),
    ),
    errors=(
        e.CallerError, e.MalformedId, e.UnknownModel, e.IdempotencyConflict, e.TooLarge, e.InvalidInput,
        e.QueueFull, e.RateLimited, e.BudgetSpent, e.NotReady, e.DiskFull,
    ),
)  # fmt: skip

STATUS = Operation(
    **on_request(errors=(e.InvalidInput,)),
    method="GET",
    path="/v1/requests/{request_id}/status",
    id="status",
    summary="Where a request stands",
    text="With `wait`, the answer comes when the status changes, or the time is over.",
    parameters=(WAIT,),
    replies=(said(s.Status, "Where it stands."),),
)

RESULT = Operation(
    **on_request(errors=(e.InvalidInput,)),
    method="GET",
    path="/v1/requests/{request_id}/result",
    id="result",
    summary="What came of a request",
    text="200 in every state. With `wait`, the answer comes when the request has ended, or the time is over.",
    parameters=(WAIT, query("include_cost", "Add `cost`, in US dollars.", "boolean")),
    replies=(said(s.Result, "The outcome, or the present state."),),
)

CANCEL = Operation(
    **on_request(errors=(e.InvalidInput,)),
    method="POST",
    path="/v1/requests/{request_id}/cancel",
    id="cancel",
    summary="Cancel a request",
    text="What waits is cancelled; what runs is stopped with `force` only.",
    parameters=(query("force", "Stop what runs, too.", "boolean"),),
    replies=(said(s.Cancelled, "What the cancel did.", 202),),
)

FOLLOW_UPS = (STATUS, RESULT, CANCEL)

RUNS = (
    SUBMIT,
    *FOLLOW_UPS,
    Operation(
        **on_request(errors=(e.InvalidInput,)),
        method="GET",
        path="/v1/requests/{request_id}/events",
        id="events",
        summary="Follow a request",
        text="Its history as server-sent events, from the first to `ended`, each as soon as it happens. `id` "
        "counts from 1 without gaps; `data` is JSON.",
        parameters=(
            header("Last-Event-ID", "Events after this one only.", "string", pattern="^[0-9]{1,9}$"),
            query(
                "last_event_id", "The same, where headers cannot be set.", "string", pattern="^[0-9]{1,9}$"
            ),
        ),
        replies=(sent("text/event-stream", "The stream, event by event; it closes after `ended`.", s.Event),),
    ),
    Operation(
        method="GET",
        path="/v1/requests",
        tag="Library",
        id="requests",
        summary="List one's requests",
        text="Newest first.",
        parameters=(
            query("model", "Only those of this model.", "string"),
            query("state", "Only those in this state.", "string", enum=[*STATES]),
            query("search", "Only those whose prompt holds this text.", "string", maxLength=LONGEST_SEARCH),
            query("after", "Submitted at or after this time.", "string", format="date-time"),
            query("before", "Submitted before this time.", "string", format="date-time"),
            Parameter("limit", "How many; 50 unless given.", MANY),
            query("cursor", "The `next_cursor` of the page before.", "string"),
            query("include_input", "Add what was asked.", "boolean"),
            query("include_output", "Add what came of it.", "boolean"),
            query("all", "For admins: the requests of every key.", "boolean"),
        ),
        replies=(said(s.Requests, "A page of them."),),
        errors=(e.InvalidInput,),
    ),
    Operation(
        **on_request(tag="Library"),
        method="GET",
        path="/v1/requests/{request_id}",
        id="record",
        summary="The whole record of a request",
        text="With its input, so that it can be run again or changed.",
        replies=(said(s.Record, "All that is kept of it."),),
    ),
    Operation(
        **on_request(tag="Library", errors=(e.StillActive,)),
        method="DELETE",
        path="/v1/requests/{request_id}",
        id="delete",
        summary="Remove an ended request and its files",
        replies=(said(s.Deleted, "Removed."),),
    ),
    Operation(
        **on_request(tag="Library", errors=(e.NothingToShare,)),
        method="POST",
        path="/v1/requests/{request_id}/share",
        id="share",
        summary="Share a result",
        text="Whoever has the link sees the prompt and the outputs, and nothing of the key. The same link is "
        "given until the share is taken back.",
        replies=(said(s.Shared, "The link.", 201),),
    ),
    Operation(
        **on_request(tag="Library"),
        method="DELETE",
        path="/v1/requests/{request_id}/share",
        id="unshare",
        summary="Take a share back",
        replies=(said(s.Unshared, "It is private again."),),
    ),
    Operation(
        method="GET",
        path="/v1/shares/{token}",
        tag="Library",
        id="shared",
        summary="A shared result",
        scope=None,
        replies=(said(s.SharedResult, "The prompt and the outputs."),),
        errors=(e.UnknownRequest,),
    ),
    Operation(
        method="GET",
        path="/s/{token}",
        tag="Library",
        id="shared_page",
        summary="A shared result as a page",
        scope=None,
        parameters=(query("locale", "Its language; the browser's own unless given.", "string"),),
        replies=(sent("text/html", "The page.", TEXT),),
        errors=(e.UnknownRequest,),
    ),
)

MODELS = (
    Operation(
        method="GET",
        path="/v1/models",
        tag="Models",
        id="models",
        summary="The catalogue",
        parameters=(
            query("search", "Text to find in ids, names and descriptions.", "string"),
            query("category", "Such as `image-to-image`.", "string"),
            query("kind", "What kind of model.", "string", enum=["model", "workflow", "inference"]),
            query("include_schema", "Add the schemas.", "boolean"),
            Parameter("limit", "How many; 100 unless given.", MANY),
            query("offset", "How many to pass over.", "integer", minimum=0, maximum=1_000_000_000),
        ),
        replies=(said(s.Models, "A page of the models that fit."),),
        errors=(e.InvalidInput,),
    ),
    Operation(
        method="GET",
        path="/v1/models/{model_id}",
        tag="Models",
        id="model",
        summary="One model",
        replies=(said(s.Model, "The model, with its schemas."),),
        errors=(e.MalformedId, e.UnknownModel),
    ),
    Operation(
        method="GET",
        path="/v1/models/categories",
        tag="Models",
        id="categories",
        summary="The categories",
        replies=(said(s.Categories, "In alphabetical order."),),
    ),
)

FILES = (
    Operation(
        method="POST",
        path="/v1/files",
        tag="Files",
        id="upload",
        summary="Upload an input",
        text="The `id` and the `url` of the answer are both good wherever a file may stand in an input.",
        parameters=(query("filename", "Its name, when the body is the file itself.", "string"),),
        body=(
            Content(BINARY, "application/octet-stream"),
            Content(
                _FORM,
                "multipart/form-data",
            ),
        ),
        body_meaning="The file itself, or a form whose first part with a file name is taken.",
        replies=(said(s.File, "Kept.", 201),),
        errors=(e.CallerError, e.TooLarge, e.InvalidInput, e.DiskFull),
    ),
    Operation(
        method="POST",
        path="/v1/files/probe",
        tag="Files",
        id="probe",
        summary="Look at a file behind a URL",
        text="Fetches it by the same rules as a run, measures it, and keeps it for an hour so that it can be "
        "shown. A file that a run could not fetch is refused in the words of that run.",
        body=(Content(s.Probe),),
        replies=(said(s.Probed, "What was found."),),
        errors=(e.CallerError, e.UnknownModel, e.TooLarge, e.InvalidInput, e.TooManyProbes, e.DiskFull),
    ),
    Operation(
        method="GET",
        path="/files/{name}",
        tag="Files",
        id="download",
        summary="An output or an upload",
        text="The name cannot be guessed, so no key is asked for.",
        scope=None,
        parameters=(
            header("Range", "One range of bytes.", "string", pattern="^bytes=[0-9]+-[0-9]*$"),
            header("If-Range", "The range counts only for this `ETag`.", "string", pattern="^[!-~]*$"),
            header("If-None-Match", "304 when the file still has this `ETag`.", "string", pattern="^[!-~]*$"),
        ),
        replies=(
            sent("*/*", "The file.", headers={"ETag": "Changes with the bytes.", "Accept-Ranges": "`bytes`"}),
            sent("*/*", "The range.", status=206, headers={"Content-Range": "Which bytes of how many."}),
            Reply("Not changed.", status=304),
        ),
        errors=(e.UnknownFile, e.RangeNotSatisfiable),
    ),
)
