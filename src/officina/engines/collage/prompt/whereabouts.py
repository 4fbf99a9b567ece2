"""What words of place mean where something is placed: relations, sides, and what is around it all."""

from __future__ import annotations

from collections.abc import Sequence

from officina.engines.collage.plan import Relation, Side
from officina.engines.collage.prompt.chunk import Chunk
from officina.engines.collage.prompt.clause import is_idle, is_place, picture_of
from officina.engines.collage.things import Thing, thing

RELATIONS: dict[str, Relation] = {
    "on": "on",
    "on_top": "on",
    "in": "in",
    "at": "in",
    "into": "into",
    "beside": "beside",
    "front": "front",
    "behind": "behind",
    "above": "above",
    "against": "in",
    "left_of": "beside",
    "right_of": "beside",
}
CORNERS: dict[str, Side] = {
    "top_left": "left",
    "top_right": "right",
    "bottom_left": "left",
    "bottom_right": "right",
}
SIDES: dict[str, Side] = {"left": "left", "right": "right", "center": "center"}
BEARS = ("seat", "surface")
APART = ("beside", "front", "behind")
_USUAL = frozenset(
    {
        "park",
        "garden",
        "room",
        "kitchen",
        "office",
        "street",
        "city",
        "village",
        "square",
        "beach",
        "forest",
        "house",
        "scene",
        "ground",
    }
)
"""Where benches, tables and the like are wont to stand: naming it as well tells nothing new."""
SCENERY = frozenset(
    {
        "mountain",
        "hill",
        "forest",
        "lake",
        "sea",
        "river",
        "beach",
        "landscape",
        "city",
        "village",
        "castle",
        "church",
        "tower",
        "palace",
        "temple",
        "building",
        "house",
        "bridge",
        "waterfall",
        "shore",
    }
)
"""What is so large that a road or a shore before it is the place."""
_ALOFT = frozenset({"airplane", "helicopter", "rocket", "balloon", "moon", "kite"})
_WINGED = frozenset({"bird", "eagle", "owl", "parrot", "butterfly", "dragon"})
WORN = frozenset({"hat", "tie", "watch", "ring", "shoe"})
"""What would have to be put on somebody."""


def is_small(chunk: Chunk) -> bool:
    """ "Small", "fairly tiny": as big as is plausible there, anyway."""
    return (
        chunk.kind == "np"
        and chunk.has("size", "small")
        and not chunk.prep
        and all(map(is_idle, chunk.described))
    )


def names_a_side(chunk: Chunk) -> bool:
    inner = chunk.of
    whole = (
        inner is None
        or inner.has("noun", "picture")
        or inner.has("pronoun", "it")
        or inner.has("thing", "scene")
    )
    return whole and not chunk.described and picture_of(chunk) is None


def is_around(target: Thing, chunk: Chunk) -> bool:
    place = chunk.value("thing")
    if place == "scene":
        return picture_of(chunk) is None
    return thing(place).water if target.water else place in _USUAL and picture_of(chunk) is None


def in_order(chunk: Chunk) -> bool:
    """From left to right, in that order: as subjects are placed anyway."""
    return (
        chunk.kind == "np"
        and (chunk.has("axis", "horizontal") or chunk.has("layout", "row"))
        and all(map(is_idle, chunk.described))
    )


def flies(subjects: Sequence[Chunk], target: Chunk) -> bool:
    """Whether they fly: the moon over anything, a bird over a place."""
    kinds = [chunk.value("thing") for chunk in subjects]
    return all(kind in _ALOFT or (kind in _WINGED and is_place(target)) for kind in kinds)
