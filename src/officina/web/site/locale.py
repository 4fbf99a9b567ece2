"""A language of the pages: its texts, and numbers, dates and plurals as its readers write them.

Texts stand in `locales/<code>.toml`, one file a language, all with the same keys. A text is called by its
dotted name, `t("keys.title")`; `{name}` in it is filled in and escaped. A text with plural forms is a table
of the forms that the language has (CLDR: one, few, many, other), chosen by the argument `n`:

    [explore.found]
    one = "{n} model"
    other = "{n} models"

Texts are plain, never HTML. What shall be marked up inside a sentence comes in as an argument of Markup.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from babel import Locale as Cldr

LOCALES: Mapping[str, str] = {
    "en": "English",
    "it": "Italiano",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt": "Português",
    "ru": "Русский",
    "ja": "日本語",
    "ko": "한국어",
    "zh-CN": "简体中文",
}
"""Every language of the pages, by its code in URLs, with its own name; the first one is the fallback."""

FALLBACK = next(iter(LOCALES))

KEPT = 2000
"""Numbers and times of each kind that a language keeps as it wrote them."""

Text = str | Mapping[str, str]


class Locale:
    """One language. Calling it gives a text, escaped and ready for a page."""

    def __init__(self, code: str, texts: Mapping[str, Text]) -> None:
        from babel import Locale as Babel

        self.code = code
        self.name = LOCALES[code]
        self._texts = texts
        self._cldr: Cldr = Babel.parse(code, sep="-")
        self._plain: dict[str, Markup] = {}
        # CLDR's patterns cost a tenth of a millisecond each, and pages say the same things again and again.
        self.number = lru_cache(KEPT)(self._number)
        self.money = lru_cache(KEPT)(self._money)
        self.size = lru_cache(KEPT)(self._size)
        self.duration = lru_cache(KEPT)(self._duration)
        self.day = lru_cache(KEPT)(self._day)
        self.days = lru_cache(KEPT)(self._days)
        self.time = lru_cache(KEPT)(self._time)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, as HTML's `dir` takes it."""
        return self._cldr.text_direction

    def __call__(self, key: str, /, **values: object) -> Markup:
        """A text with its values filled in; what is no Markup is escaped. A wrong key is a KeyError."""
        if not values:
            if key not in self._plain:
                self._plain[key] = escape(self._texts[key])
            return self._plain[key]
        return escape(self._form(key, values)).format(**self._shown(values))

    def plain(self, key: str, /, **values: object) -> str:
        """The same as plain text, for what is not HTML."""
        return self._form(key, values).format(**self._shown(values))

    def under(self, *prefixes: str) -> dict[str, Text]:
        """Every text under these names, for a script: `under("script", "keys")`."""
        starts = tuple(f"{prefix}." for prefix in prefixes)
        return {key: text for key, text in self._texts.items() if key.startswith(starts)}

    def _form(self, key: str, values: Mapping[str, object]) -> str:
        text = self._texts[key]
        if isinstance(text, str):
            return text
        n: Any = values["n"]
        n = int(n) if n == int(n) else n  # to CLDR, 7.0 has other forms than 7
        return text.get(self._cldr.plural_form(n)) or text["other"]

    def _shown(self, values: Mapping[str, object]) -> dict[str, object]:
        return {
            name: self.number(value) if isinstance(value, int | float) else value
            for name, value in values.items()
        }

    # --- numbers and times ----------------------------------------------------------------------------

    def _number(self, value: float, digits: int = 2) -> str:
        """A number, rounded to so many digits after the point at most."""
        from babel.numbers import format_decimal

        if isinstance(value, int) and 0 <= value < 1000:
            return str(value)  # all our languages write these alike
        places = "." + "#" * digits if isinstance(value, float) and digits else ""
        return format_decimal(value, format=f"#,##0{places}", locale=self._cldr)

    def _money(self, usd: float) -> str:
        """US dollars."""
        from babel.numbers import format_currency

        return format_currency(usd, "USD", locale=self._cldr)

    def _size(self, size_bytes: float) -> str:
        """Bytes, in the unit in which they are few."""
        from babel.units import format_unit

        for unit in ("byte", "kilobyte", "megabyte", "gigabyte"):
            if size_bytes < 1000 or unit == "gigabyte":
                shown = self.number(float(size_bytes), 1 if unit != "byte" else 0)
                return format_unit(shown, f"digital-{unit}", "short", locale=self._cldr)
            size_bytes /= 1000
        raise AssertionError

    def _duration(self, seconds: float) -> str:
        """A length of time, in its two largest units."""
        from babel.units import format_unit

        if seconds < 60:
            shown = self.number(float(seconds), 1 if seconds < 10 else 0)
            return format_unit(shown, "duration-second", "short", locale=self._cldr)
        parts: list[str] = []
        for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
            count, seconds = divmod(int(seconds), length)
            if count and len(parts) < 2:
                parts.append(format_unit(count, f"duration-{unit}", "short", locale=self._cldr))
        return " ".join(parts)

    def _day(self, day: date) -> str:
        """A day."""
        from babel.dates import format_date

        return format_date(day, "medium", locale=self._cldr)

    def _days(self, first: date, last: date) -> str:
        """The days from one to another, both included, without saying twice what they share."""
        from babel.dates import format_interval

        return format_interval(first, last, "yMMMd", locale=self._cldr)

    def _time(self, at: float) -> str:
        """A moment (Unix seconds), in UTC; scripts turn it into the reader's own time."""
        from babel.dates import format_datetime

        return format_datetime(datetime.fromtimestamp(at, UTC), "medium", locale=self._cldr) + " UTC"


@cache
def load(code: str) -> Locale:
    """The language of this code, read once. A KeyError when there is none."""
    return Locale(code, read(code))


def read(code: str) -> dict[str, Text]:
    """The texts of a language, by their dotted names."""
    file = resources.files("officina.web").joinpath("locales", f"{code}.toml")
    return dict(_flat(tomllib.loads(file.read_text(encoding="utf-8"))))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Text]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, str) or "other" in value:
            yield name, value
        else:
            yield from _flat(value, f"{name}.")


def best(accept_language: str) -> str:
    """The code of the language that a browser prefers among ours, by its Accept-Language header."""
    wishes = sorted(_wishes(accept_language[:1000]), key=lambda wish: -wish[0])
    for _, wish in wishes:
        for code in LOCALES:
            if wish == code.lower() or wish.partition("-")[0] == code.lower().partition("-")[0]:
                return code
    return FALLBACK


def _wishes(header: str) -> Iterator[tuple[float, str]]:
    for part in header.split(","):
        tag, _, rest = part.strip().lower().partition(";")
        _, _, weight = rest.partition("q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        if tag and quality > 0:
            yield quality, tag
