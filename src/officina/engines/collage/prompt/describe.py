"""Plans in words: "place the person of picture 1 on the boat of picture 2"."""

from __future__ import annotations

import re

from officina.engines.collage.plan import (
    Arrange,
    BlackAndWhite,
    BlurBackground,
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

_RELATIONS = {"front": "in front of", "beside": "next to"}
_TONES = {
    "sepia": "tone in sepia",
    "brighter": "make brighter",
    "darker": "make darker",
    "warmer": "make warmer",
    "cooler": "make cooler",
    "more_contrast": "raise the contrast",
    "less_contrast": "lower the contrast",
    "vivid": "make the colours vivid",
    "muted": "mute the colours",
    "faded_film": "make it look like faded film",
    "vignette": "add a vignette",
}
_STYLES = {
    "pencil": "a pencil drawing",
    "charcoal": "a charcoal drawing",
    "watercolor": "a watercolor",
    "oil": "an oil painting",
    "comic": "a comic",
    "pixel_art": "pixel art",
}
_WEATHER = {"fog": "let there be fog", "rain": "let it rain", "snow": "let it snow"}
_TIMES = {"sunset": "make it sunset", "golden_hour": "make it the golden hour", "night": "make it night"}
_ENHANCED = {"sharpen": "sharpen", "denoise": "take out the noise", "upscale": "upscale"}
_LAYOUTS = {
    "row": "show the pictures side by side",
    "column": "show the pictures above each other",
    "grid": "show the pictures in a grid",
    "before_after": "show before and after",
}


def describe(operation: Operation) -> str:
    """What an operation does, as a line of the plan."""
    picture = getattr(operation, "picture", None)
    return _words(operation) + (f" (picture {picture})" if picture else "")


def name(operation: Operation) -> str:
    """The operation's own word: "replace_background"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(operation).__name__).lower()


def pictures_needed(plan: Plan) -> int:
    """How many pictures the plan takes at least."""
    return max((_needed(operation) for operation in plan.operations), default=1)


def _needed(operation: Operation) -> int:
    mentions: tuple[Mention, ...] = ()
    least = 1
    if isinstance(operation, Compose):
        mentions, least = (*operation.subjects, operation.target), len(operation.subjects) + 1
    elif isinstance(operation, ReplaceBackground) and operation.colour is None:
        mentions, least = (operation.scene,), 2
    elif isinstance(operation, Recolour | Crop):
        mentions = (operation.target,)
    elif isinstance(operation, Arrange) and operation.layout != "before_after":
        least = 2
    return max(least, getattr(operation, "picture", None) or 1, *(each.picture or 1 for each in mentions), 1)


def _words(operation: Operation) -> str:  # noqa: C901, PLR0911, PLR0912 (one line for each operation)
    match operation:
        case Compose():
            return _placed(operation)
        case RemoveBackground():
            return "remove the background"
        case ReplaceBackground():
            return f"replace the background by {_ground(operation)}"
        case BlurBackground():
            return "blur the background"
        case BlackAndWhite():
            return "make black and white"
        case Sticker():
            return f"cut out a sticker with a {operation.outline_name} outline"
        case Tone():
            return _TONES[operation.kind] + _much(operation.strong)
        case Duotone():
            return f"paint the tones between {operation.names[0]} and {operation.names[1]}"
        case Stylise():
            return f"turn into {_STYLES[operation.kind]}"
        case Weather():
            return _WEATHER[operation.kind] + _much(operation.strong)
        case TimeOfDay():
            return _TIMES[operation.kind]
        case Enhance():
            return _ENHANCED[operation.kind]
        case Arrange():
            return _LAYOUTS[operation.layout]
    return _shaped(operation)


def _shaped(operation: Operation) -> str:
    match operation:
        case Recolour():
            return f"make {named(operation.target)} {operation.colour_name}"
        case Text():
            return _written(operation)
        case Flip(axis="vertical"):
            return "turn upside down"
        case Flip():
            return "mirror left and right"
        case Rotate():
            way = "counterclockwise" if operation.degrees < 0 else "clockwise"
            return f"rotate by {abs(operation.degrees):g} degrees {way}"
        case Crop():
            return _cropped(operation)
    raise TypeError(f"no words for {type(operation).__name__}")


def named(mention: Mention) -> str:
    """What the prompt speaks of, with its number and its picture."""
    what = mention.word or (mention.thing.replace("_", " ") if mention.thing else "")
    count = f"{mention.count} × " if mention.count else ""
    if not what:
        return f"picture {mention.picture}" if mention.picture else "the scene"
    return f"{count}{what}" + (f" of picture {mention.picture}" if mention.picture else "")


def _placed(operation: Compose) -> str:
    subjects = " and ".join(map(named, operation.subjects))
    pose = f", {operation.pose}," if operation.pose else ""
    side = {"left": ", on the left", "right": ", on the right", "center": ", in the middle", None: ""}
    if operation.relation == "beside" and operation.target == Mention():
        where = "next to each other"
    else:
        where = f"{_RELATIONS.get(operation.relation, operation.relation)} {named(operation.target)}"
    return f"place {subjects}{pose} {where}{side[operation.side]}"


def _ground(operation: ReplaceBackground) -> str:
    if operation.colour is None:
        return named(operation.scene)
    if operation.colour_below is None:
        return operation.colour_name
    return f"a gradient from {operation.colour_name} to {operation.colour_below_name}"


def _written(operation: Text) -> str:
    size = {"small": ", small", "large": ", large", "normal": ""}[operation.size]
    colour = f", {operation.colour_name}" if operation.colour_name else ""
    return f"write “{operation.text}” at the {operation.place.replace('_', ' ')}{size}{colour}"


def _cropped(operation: Crop) -> str:
    if operation.ratio:
        return f"crop to {operation.ratio[0]}:{operation.ratio[1]}"
    return f"{'zoom in on' if operation.tight else 'crop to'} {named(operation.target)}"


def _much(strong: bool) -> str:
    return ", strongly" if strong else ""
