"""Reads the documentation as data: pages, their sections, tables, fences and links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, its text, and the file name in the line before it, if there is one."""

    page: Path
    language: str
    text: str
    file: str


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def fences(self, *languages: str) -> list[Fence]:
        """The fenced blocks in one of these languages."""
        return [
            Fence(self.path, found[1], found[2], _file_before(self.text[: found.start()]))
            for found in _FENCE.finditer(self.text)
            if found[1] in languages
        ]

    def sections(self) -> dict[str, str]:
        """The text under each heading, up to the next one of any level."""
        text = self.prose
        found = list(_HEADING.finditer(text))
        ends = [each.start() for each in found[1:]] + [len(text)]
        return {each[2]: text[each.end() : end] for each, end in zip(found, ends, strict=True)}

    def rows(self, section: str | None = None) -> list[list[str]]:
        """The cells of every table row, of the page or of one section."""
        text = self.prose if section is None else self.sections()[section]
        lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|--")]
        return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line[1:-1])] for line in lines]

    def codes(self, section: str | None = None) -> set[str]:
        """What stands between single backticks."""
        return set(_CODE.findall(self.prose if section is None else self.sections()[section]))

    def links(self) -> list[str]:
        """The targets of the links."""
        return _LINK.findall(_CODE.sub("", self.prose))

    def anchors(self) -> set[str]:
        """The names by which headings can be linked to, made as GitHub makes them."""
        slugs = [_slug(found[2]) for found in _HEADING.finditer(self.prose)]
        seen = Counter[str]()
        anchors = set()
        for slug in slugs:
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors


def page(name: str) -> Page:
    """A page of docs/, by its path there."""
    path = DOCS / name
    return Page(path, path.read_text(encoding="utf-8"))


def pages() -> list[Page]:
    """Every Markdown file of the repository."""
    return [Page(path, path.read_text(encoding="utf-8")) for path in sorted(_markdown(REPOSITORY))]


def name_of(path: Path) -> str:
    """A path as the tests name it."""
    return path.relative_to(REPOSITORY).as_posix()


def _markdown(folder: Path) -> Iterator[Path]:
    passed_over = {"node_modules", "build", "dist", "officina-data", "demo-output"}
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith(".") and path.name not in passed_over:
            yield from _markdown(path)
        elif path.suffix == ".md":
            yield path


def _slug(heading: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def _file_before(text: str) -> str:
    found = re.search(r"`([^`\n]+)`:\n\n\Z", text)
    return found[1] if found else ""
