"""Whether the vocabularies are complete and agree with each other and with the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from officina.engines.collage.prompt.language import FOLDER, categories, vocabulary
from officina.engines.collage.prompt.looks import ATTRIBUTES, LOOKS
from officina.engines.collage.refusal import REASONS
from officina.engines.collage.things import things

_MAY_BE_EMPTY = frozenset({"prep", "personal", "joined", "do", "guard", "fact"})
"""Tables in which a language need not have a word for everything."""
_ONE_MEANING = frozenset({"colour", "number", "ordinal", "thing", "look", "attribute", "garment"})
"""Tables in which a word stands under one value only."""
_OWN = frozenset({"colour"})
"""Tables in which each language has values of its own."""
_SAID_BY_VERBS = frozenset({"conflict", "nothing", "language"})
_HEX = re.compile(r"#[0-9a-f]{6}")

Vocabulary = Mapping[str, Any]


def problems() -> list[str]:
    """Every problem of the shipped vocabularies, as sentences."""
    return found_in({file.stem: vocabulary(file.stem) for file in sorted(FOLDER.glob("*.toml"))})


def found_in(vocabularies: Mapping[str, Vocabulary]) -> list[str]:
    """Every problem of these vocabularies, by their codes."""
    wanted: dict[str, set[str]] = {}
    for data in vocabularies.values():
        for name, table in categories(data):
            wanted.setdefault(name, set()).update(() if name in _OWN else table)
    _add_known(wanted)
    return [
        f"{code}: {each}" for code, data in vocabularies.items() for each in _problems(code, data, wanted)
    ]


def _add_known(wanted: dict[str, set[str]]) -> None:
    """What the engine itself asks for, whether or not any language has it."""
    for name, values in (("look", LOOKS), ("do", LOOKS), ("attribute", ATTRIBUTES), ("thing", things())):
        wanted.setdefault(name, set()).update(values)
    wanted.setdefault("guard", set()).update(REASONS.keys() - _SAID_BY_VERBS)


def _problems(code: str, data: Vocabulary, wanted: Mapping[str, set[str]]) -> Iterator[str]:
    if data.get("language") != code:
        yield f"the file is named {code} and says that it is {data.get('language')}"
    if not data.get("name"):
        yield "the name of the language is missing"
    tables = dict(categories(data))
    for category, values in wanted.items():
        for value in sorted(values - tables.get(category, {}).keys()):
            yield f"[{category}] lacks {value}"
    for category, table in tables.items():
        yield from _of_table(category, table)


def _of_table(category: str, table: Mapping[str, Sequence[str]]) -> Iterator[str]:
    known = _known(category)
    seen: dict[str, str] = {}
    for value, words in table.items():
        if known is not None and value not in known:
            yield f"[{category}] has {value}, which the engine does not know"
        if category == "colour" and not _HEX.fullmatch(value):
            yield f"[colour] has {value}, which is not written #rrggbb"
        if not words and category not in _MAY_BE_EMPTY:
            yield f"[{category}] has no word for {value}"
        for word in words if category in _ONE_MEANING else ():
            if word in seen:
                yield f"[{category}] has “{word}” under {seen[word]} and {value}"
            seen[word] = value


def _known(category: str) -> frozenset[str] | None:
    """The values that a table may have, if the engine limits them."""
    match category:
        case "look" | "do":
            return frozenset(LOOKS)
        case "attribute":
            return frozenset(ATTRIBUTES)
        case "thing":
            return frozenset(things())
        case "guard":
            return frozenset(REASONS) - _SAID_BY_VERBS
    return None
