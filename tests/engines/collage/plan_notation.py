"""Plans written short, for the corpus of prompts: "compose person#1 on boat sitting; tone warmer"."""

from __future__ import annotations

from officina.engines.collage.plan import (
    Arrange,
    BlackAndWhite,
    BlurBackground,
    Colour,
    Compose,
    Crop,
    Duotone,
    Enhance,
    Flip,
    Mention,
    Operation,
    Plan,
    Recolour,
    RemoveBackground,
    ReplaceBackground,
    Rotate,
    Sticker,
    Stylise,
    Text,
    TimeOfDay,
    Tone,
    Weather,
)
from officina.engines.collage.prompt.language import vocabulary

_NAMES = {code: names[0] for code, names in vocabulary("en")["colour"].items()}


def short(plan: Plan) -> str:
    """The plan as the corpus writes it."""
    copies = f"x{plan.copies} | " if plan.copies > 1 else ""
    return copies + "; ".join(map(operation, plan.operations))


def operation(op: Operation) -> str:
    picture = getattr(op, "picture", None)
    return " ".join(filter(None, (*_words(op), f"of #{picture}" if picture else "")))


def _words(op: Operation) -> tuple[str, ...]:  # noqa: C901 (one case for each operation)
    match op:
        case Compose():
            subjects = "+".join(map(_mention, op.subjects))
            return "compose", subjects, op.relation, _mention(op.target), op.side or "", op.pose or ""
        case RemoveBackground():
            return ("cutout",)
        case ReplaceBackground(colour=None):
            return "background", _mention(op.scene)
        case ReplaceBackground():
            below = f">{_colour(op.colour_below)}" if op.colour_below else ""
            return "background", f"{_colour(op.colour)}{below}"
        case BlurBackground():
            return ("blur",)
        case BlackAndWhite():
            return ("bw",)
        case Sticker():
            return "sticker", _colour(op.outline)
        case Tone() | Weather():
            return type(op).__name__.lower(), f"{op.kind}{'!' * op.strong}"
        case Duotone():
            return "duotone", _colour(op.dark), _colour(op.light)
        case Stylise():
            return "style", op.kind
        case TimeOfDay():
            return "time", op.kind
        case Recolour():
            return "recolour", _mention(op.target), _colour(op.colour)
        case Text():
            place = "" if op.place == "bottom" else op.place
            size = "" if op.size == "normal" else op.size
            return "text", f"'{op.text}'", place, _colour(op.colour), size
        case Flip():
            return "flip", "" if op.axis == "horizontal" else op.axis
        case Rotate():
            return "rotate", f"{op.degrees:g}"
        case Crop():
            ratio = "{}:{}".format(*op.ratio) if op.ratio else _mention(op.target)
            return "zoom" if op.tight else "crop", ratio
        case Arrange():
            return "arrange", op.layout
        case Enhance():
            return "enhance", op.kind


def _mention(mention: Mention) -> str:
    number = f"#{mention.picture}" if mention.picture else ""
    count = f"*{mention.count}" if mention.count else ""
    return f"{mention.thing}{number}{count}" or "-"


def _colour(colour: Colour | None) -> str:
    code = "#{:02x}{:02x}{:02x}".format(*colour) if colour else ""
    return _NAMES.get(code, code)
