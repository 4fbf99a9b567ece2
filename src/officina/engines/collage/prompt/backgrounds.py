"""Frames of backgrounds that stay: replaced, blurred."""

from __future__ import annotations

from collections.abc import Callable

from officina.engines.collage.plan import (
    BlurBackground,
    Mention,
    Operation,
    ReplaceBackground,
)
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import (
    Clause,
    attach_pictures,
    colour_in,
    colours,
    is_background,
    is_idle,
    is_noun,
    is_place,
    is_subject,
    is_thing,
    is_whole,
    mention,
    only_in,
    picture_of,
    plain,
    rgb,
    take_new_colour,
)
from officina.engines.collage.prompt.cutting import SETTING, owner_of
from officina.engines.collage.prompt.language import Lexeme

_BEHIND = {
    "on",
    "in_on",
    "in",
    "against",
    "before",
    "front",
    "with",
    "over",
    "at",
    "to",
    "into",
    "by",
    "in_place",
}


def blur_background(clause: Clause) -> list[Operation] | None:
    """Blur the background; make it blurry; add bokeh."""
    if clause.does("blur"):
        found = clause.take(lambda c: is_background(c) and plain(c)) or _all_behind(clause)
    elif clause.does(*SETTING):
        found = clause.take(lambda c: is_background(c) and only_in(c, "blurred"))
        if found is None:
            found = _blurred(clause)
    else:
        return None
    if found is None:
        return None
    owner = owner_of(clause, found)
    return [BlurBackground(picture_of(found) or picture_of(owner) or clause.picture)] if clause.done else None


def _all_behind(clause: Clause) -> Chunk | None:
    """Everything behind the woman."""
    if not any("behind" in c.prep or "around" in c.prep for c in clause.left if is_subject(c)):
        return None
    return clause.take(is_noun("all"))


def _blurred(clause: Clause) -> Chunk | None:
    """The background, and the blur apart from it."""
    blur = clause.take(
        lambda c: c.kind == "np" and (c.has("noun", "blur", "bokeh") or c.has("state", "blurred"))
    )
    if blur is None or not all(is_idle(p) or p.has("noun", "background") for p in blur.described):
        return None
    inner = blur.of is not None and is_background(blur.of)
    compound = any(part.has("noun", "background") for part in blur.described)
    if inner or compound or blur.has("noun", "bokeh"):
        clause.take(lambda c: is_background(c) and plain(c))
        return blur
    return clause.take(lambda c: is_background(c) and plain(c))


def replace_background(clause: Clause) -> list[Operation] | None:
    """A white background; a gradient; another picture behind the subject."""
    traded = clause.does("remove") and any("for" in c.prep and colour_in(c) for c in clause.left)
    if not (clause.does(*SETTING) or traded):
        return None
    return _first(clause, _plain_colour, _second_colour, _on_colour, _scene)


def gradient(clause: Clause) -> list[Operation] | None:
    """A gradient background from blue to white."""
    return _first(clause, _gradient) if clause.does(*SETTING) else None


def _first(clause: Clause, *ways: Callable[[Clause], ReplaceBackground | None]) -> list[Operation] | None:
    """The first way that leaves nothing over."""
    if not any(map(_concerns, clause.left)):
        return None
    for way in ways:
        clause.reset()
        attach_pictures(clause)
        made = way(clause)
        if made is not None and clause.done:
            picture = made.picture or (clause.picture if made.scene == Mention() else None)
            return [
                ReplaceBackground(
                    made.colour,
                    made.colour_name,
                    made.colour_below,
                    made.colour_below_name,
                    made.scene,
                    picture,
                )
            ]
    return None


def _concerns(chunk: Chunk) -> bool:
    """Whether a phrase may tell of a background at all: most clauses have none that does."""
    if chunk.has("noun", "background", "gradient") or chunk.has("colour") or "behind" in chunk.prep:
        return True
    inner = chunk.of is not None and _concerns(chunk.of)
    return inner or any(part.has("noun", "background") or part.has("colour") for part in chunk.described)


def _subject(clause: Clause) -> int | None:
    """The one who stands before it: the woman, the photo."""
    if clause.does("put", "cut", "show", "give", "have", ""):
        found = clause.take(lambda c: is_subject(c) and not is_place(c) and not c.prep and not c.after)
        if found is not None:
            return picture_of(found)
    owner = clause.take(lambda c: is_subject(c) and bool({"of", "behind", "around", "for"} & set(c.prep)))
    return picture_of(owner)


def _plain_colour(clause: Clause) -> ReplaceBackground | None:
    """The colour stands in the same phrase as the background."""
    swapped = clause.does("replace", "change") and not clause.does("make", "turn")
    ground = clause.take(
        lambda c: is_background(c) and bool(_colours_of(c)) and (bool(c.prep) or not swapped)
    )
    if ground is None:
        return None
    if (
        clause.does("put", "cut", "show")
        and not set(ground.prep) & _BEHIND
        and not clause.does("make", "use", "add")
    ):
        return None
    if ground.prep or clause.does("make", "turn", "change", "replace"):
        clause.take(lambda c: is_background(c) and plain(c) and not c.prep)
    found = _colours_of(ground)
    if len(found) != 1:
        return None
    return ReplaceBackground(
        rgb(found[0]), clause.words(found[0]), picture=picture_of(ground) or _subject(clause)
    )


def _second_colour(clause: Clause) -> ReplaceBackground | None:
    """The colour stands apart: change the background to white; the colour of the background to blue."""
    ground = clause.take(lambda c: is_background(c) and _uniform(c) and not set(c.prep) & {"to", "as"})
    if ground is None:
        ground = clause.take(_is_colour_of_background) or clause.take(_is_behind)
    tint = take_new_colour(clause)
    if ground is None or tint is None or (not clause.does("replace", "change") and colours(ground.described)):
        return None
    named = colour_in(tint)[0]
    return ReplaceBackground(rgb(named), clause.words(named), picture=picture_of(ground) or _subject(clause))


def _uniform(chunk: Chunk) -> bool:
    """The background, perhaps said to be plain."""
    return all(
        is_idle(p) or p.has("colour") or p.has("look") or p.has("state", "plain") for p in chunk.described
    )


def _is_behind(chunk: Chunk) -> bool:
    """Behind the bottle: where its background is."""
    return "behind" in chunk.prep and is_subject(chunk) and plain(chunk)


def _on_colour(clause: Clause) -> ReplaceBackground | None:
    """Put it on white; place the shoe on #fafafa."""
    if not clause.does("put"):
        return None
    tint = clause.take(lambda c: len(colour_in(c)) == 1 and bool({"on", "in_on", "against"} & set(c.prep)))
    if tint is None:
        return None
    named = colour_in(tint)[0]
    subject = clause.take(lambda c: is_subject(c) and not is_place(c) and not c.prep and plain(c))
    return ReplaceBackground(rgb(named), clause.words(named), picture=picture_of(subject))


def _is_colour_of_background(chunk: Chunk) -> bool:
    if chunk.kind != "np" or not (chunk.has("noun", "colour") or chunk.has("attribute", "saturation")):
        return False
    compound = any(part.has("noun", "background") for part in chunk.before)
    return compound or (chunk.of is not None and is_background(chunk.of))


def _gradient(clause: Clause) -> ReplaceBackground | None:
    """From blue to white, top to bottom."""
    named = clause.take(
        lambda c: (
            is_noun("gradient")(c)
            or (is_background(c) and any(p.has("noun", "gradient") for p in c.described))
        )
    )
    if named is None:
        return None
    found = colours(named.described)
    if named.of is not None and not is_background(named.of):
        found += colour_in(named.of)
    ground = is_background(named) or any(part.has("noun", "background") for part in named.described)
    ground = ground or (named.of is not None and is_background(named.of))
    while (tint := clause.take(lambda c: bool(colour_in(c)))) is not None:
        found += colour_in(tint)
    other = clause.take(lambda c: (is_background(c) and plain(c)) or _is_behind(c))
    if len(found) != 2 or not (ground or other):
        return None
    upper, lower = sorted(found, key=lambda part: part.start)
    picture = picture_of(other) or _subject(clause)
    return ReplaceBackground(
        rgb(upper), clause.words(upper), rgb(lower), clause.words(lower), picture=picture
    )


def _scene(clause: Clause) -> ReplaceBackground | None:
    """Another picture, or the place that another picture shows."""
    if not clause.does("replace", "change", "use", "put", "make", "turn", "add", ""):
        return None
    swap = clause.does("replace", "change", "turn") and not any("in_place" in c.prep for c in clause.left)
    ground = clause.take(lambda c: is_background(c) and plain(c) and (not c.prep if swap else True))
    if ground is None or (not swap and any(p.has("colour") or p.has("look") for p in ground.described)):
        return None
    if not swap and not set(ground.prep) & (_BEHIND | {"as", "for"}) and not clause.does("make"):
        return None
    if not swap and picture_of(ground) is not None and set(ground.prep) & _BEHIND:
        subject = _subject(clause)
        return ReplaceBackground(scene=Mention(picture=picture_of(ground)), picture=subject)
    scene = clause.take(lambda c: _is_scene(c) and bool(c.prep) == swap)
    if scene is None or (
        ground.prep and not set(ground.prep) & {"as", "for", "in_place"} and picture_of(scene) is None
    ):
        return None
    where = _scene_mention(scene, clause)
    owner = clause.take(lambda c: is_subject(c) and bool(c.prep))
    return ReplaceBackground(scene=where, picture=picture_of(ground) or picture_of(owner))


def _scene_mention(scene: Chunk, clause: Clause) -> Mention:
    """What is behind: a place, a picture, or the background of a picture."""
    if is_background(scene):
        return Mention(picture=picture_of(scene))
    within = (
        clause.take(lambda c: is_noun("picture")(c) and c.picture is not None and bool({"in"} & set(c.prep)))
        if scene.picture is None and is_thing(scene)
        else None
    )
    found = mention(scene, clause.words)
    return Mention(found.word, found.thing, found.picture or picture_of(within))


def _is_scene(chunk: Chunk) -> bool:
    if chunk.kind != "np" or not plain(chunk):
        return False
    if is_thing(chunk):
        return is_place(chunk) or picture_of(chunk) is not None
    return chunk.has("noun", "picture", "background", "one") and picture_of(chunk) is not None


def _colours_of(chunk: Chunk) -> list[Lexeme]:
    """The colours that describe a background, if nothing else but plainness does."""
    if not all(
        is_idle(p) or p.has("colour") or p.has("state", "plain") or p.has("noun", "colour")
        for p in chunk.described
    ):
        return []
    found = colours(chunk.described)
    if chunk.of is not None and not is_whole(chunk.of) and not is_thing(chunk.of):
        found += colour_in(chunk.of)
    return found
