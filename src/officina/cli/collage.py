"""`officina collage`: what the offline engine makes of a prompt, without a server and without pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from officina.cli import options, show
from officina.cli.exits import EPILOG, Code, Failure, Stop

if TYPE_CHECKING:
    from officina.engines.collage.plan import NotUnderstood, Plan

collage = typer.Typer(
    help="The offline engine: `plan` shows what it makes of a prompt.",
    no_args_is_help=True,
    add_completion=False,
    epilog=EPILOG,
)


@collage.callback()
def _group() -> None:
    """The offline engine: `plan` shows what it makes of a prompt."""


@collage.command("plan")
def plan(
    prompt: Annotated[
        str, typer.Argument(help="The prompt, as a request would have it.", show_default=False)
    ],
    *,
    pictures: Annotated[
        int | None,
        typer.Option(
            "--pictures", min=1, help="How many pictures there are; refuses a plan that takes more."
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="en, it, es, fr or de; else the prompt tells.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print the plan of a prompt, one operation a line, or why it is refused; exits with 65 then."""
    with show.screen(as_json) as screen:
        from officina.engines.collage.plan import NotUnderstood
        from officina.engines.collage.prompt.language import languages
        from officina.engines.collage.prompt.parse import read

        codes = [each.code for each in languages()]
        if language is not None and language not in codes:
            raise Stop(f"There is no vocabulary {language!r}; there are {', '.join(codes)}")
        try:
            made = read(prompt, language)
        except NotUnderstood as cause:
            screen.fail(_refusal(cause, as_json))
            raise SystemExit(Code.BAD_INPUT) from cause
        _check(made, pictures)
        screen.give(_machine(made), _human(made))


def _check(made: Plan, pictures: int | None) -> None:
    from officina.engines.collage.prompt.describe import pictures_needed

    needed = pictures_needed(made)
    if pictures is not None and needed > pictures:
        raise Stop(f"That takes {needed} pictures, and there {_are(pictures)}", Code.BAD_INPUT)


def _are(pictures: int) -> str:
    return "is one" if pictures == 1 else f"are {pictures}"


def _refusal(cause: NotUnderstood, in_full: bool) -> Failure:
    from officina.engines.collage.refusal import sentence

    facts = {
        "understood": list(cause.understood),
        "not_understood": list(cause.not_understood),
        "reason": cause.reason,
    }
    kept = {name: value for name, value in facts.items() if value and in_full}  # the sentence quotes them
    return Failure(Code.BAD_INPUT, sentence(cause), kind="not_understood", facts=kept)


def _machine(made: Plan) -> Mapping[str, Any]:
    from officina.engines.collage.prompt.describe import describe, name, pictures_needed

    return {
        "operations": [
            {"operation": name(each), **asdict(each), "words": describe(each)} for each in made.operations
        ],
        "ignored": made.ignored,
        "copies": made.copies,
        "pictures_needed": pictures_needed(made),
    }


def _human(made: Plan) -> str:
    from officina.engines.collage.prompt.describe import describe

    lines = [f"{n}. {describe(each)}" for n, each in enumerate(made.operations, 1)]
    if made.copies > 1:
        lines.append(f"variations: {made.copies}")
    if made.ignored:
        lines.append(f"ignored: {', '.join(made.ignored)}")
    return "\n".join(lines)
