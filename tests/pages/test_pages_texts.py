"""The languages of the pages: complete, alike, with the plural forms that their readers expect."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from babel import Locale as Cldr

from officina.keys import SCOPES
from officina.web.site import locale, usage
from officina.web.site.locale import LOCALES, Text

WEB = Path(locale.__file__).parents[1]
ENGLISH = locale.read("en")
OTHERS = [code for code in LOCALES if code != "en"]
FORMS = {code: set(Cldr.parse(code, sep="-").plural_form.tags) | {"other"} for code in LOCALES}


def forms(text: Text) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_is_one_file_for_each_language_and_no_other() -> None:
    assert {path.stem for path in (WEB / "locales").iterdir()} == set(LOCALES)


@pytest.mark.parametrize("code", OTHERS)
def test_every_language_has_the_keys_of_english_in_its_order(code: str) -> None:
    assert list(locale.read(code)) == list(ENGLISH)


@pytest.mark.parametrize("code", LOCALES)
def test_every_text_takes_the_same_values_as_in_english(code: str) -> None:
    for key, text in locale.read(code).items():
        wanted = fields(forms(ENGLISH[key])[-1])
        for form in forms(text):
            assert fields(form) == wanted, f"{key} in {code}"


@pytest.mark.parametrize("code", LOCALES)
def test_every_countable_text_has_exactly_the_plural_forms_of_its_language(code: str) -> None:
    for key, text in locale.read(code).items():
        assert isinstance(text, str) == isinstance(ENGLISH[key], str), key
        if not isinstance(text, str):
            assert set(text) == FORMS[code], f"{key} in {code}"


@pytest.mark.parametrize("code", LOCALES)
def test_texts_are_plain_and_well_set(code: str) -> None:
    for key, text in locale.read(code).items():
        for form in forms(text):
            assert form == form.strip(), key
            assert form, key
            assert not re.search(r"[<>&]|\s\s|\.\.\.|\w'\w", form), f"{key} in {code}: {form}"
            assert code != "fr" or not re.search(r"« | [:;?!»]", form), f"{key}: {form}"
            if code == "zh-CN":
                assert not re.search(r"[\u4e00-\u9fff}][,:;?!]|[,;?!][\u4e00-\u9fff]", form), f"{key}: {form}"


@pytest.mark.parametrize("code", OTHERS)
def test_no_text_was_left_in_english(code: str) -> None:
    same = {key for key, text in locale.read(code).items() if text == ENGLISH[key] and len(str(text)) > 12}
    assert not same


def _asked() -> tuple[set[str], set[str]]:
    """The keys that templates, pages and scripts ask for: those spelled out, and the beginnings of others."""
    files = [*WEB.glob("pages/*.html"), *WEB.glob("site/*.py"), *WEB.glob("static/*.js")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    found = set(re.findall(r"""["'`]((?:\w+\.)+\w+)["'`](?! ~)""", text))
    begun = set(re.findall(r"""["'`]((?:\w+\.)+\w*?_?)(?:["'] ~|\{|\$\{)""", text))
    return found, {start for start in begun if start.split(".")[0] in {key.split(".")[0] for key in ENGLISH}}


def test_every_text_is_asked_for_somewhere() -> None:
    found, begun = _asked()
    unused = {key for key in ENGLISH if key not in found and not key.startswith(tuple(begun))}
    assert not {key for key in unused if key.split(".")[0] != "frame"}


def test_every_text_that_is_spelled_out_exists() -> None:
    found, _ = _asked()
    places = {key.split(".")[0] for key in ENGLISH}
    suffixes = {"js", "css", "html", "svg", "woff2", "toml", "py", "json"}
    asked = {key for key in found if key.split(".")[0] in places and key.split(".")[-1] not in suffixes}
    assert asked <= set(ENGLISH)
    assert {f"keys.scope_{scope}" for scope in SCOPES} <= set(ENGLISH)
    assert {f"usage.{name}" for name in usage.SHOWN} <= set(ENGLISH)


# Numbers and times


@pytest.mark.parametrize(
    ("code", "n", "words"),
    [
        ("en", 1, "1 model"),
        ("en", 1234, "1,234 models"),
        ("it", 2, "2 modelli"),
        ("de", 1234, "1.234 Modelle"),
        ("ru", 1, "1 модель"),
        ("ru", 3, "3 модели"),
        ("ru", 11, "11 моделей"),
        ("ru", 21, "21 модель"),
        ("ja", 5, "5 件のモデル"),
        ("fr", 0, "0 modèle"),
    ],
)
def test_a_count_is_written_as_its_readers_write_it(code: str, n: int, words: str) -> None:
    assert locale.load(code)("explore.found", n=n) == words


def test_a_whole_number_of_days_takes_the_form_of_whole_numbers() -> None:
    assert "7 дней" in locale.load("ru")("operate.retention", n=7.0)
    assert "1 day " in locale.load("en")("operate.retention", n=1.0)


def test_numbers_sizes_times_and_money_follow_the_language() -> None:
    english, italian = locale.load("en"), locale.load("it")
    assert (english.number(1234.5), italian.number(12345.25)) == ("1,234.5", "12.345,25")
    assert (english.size(0), english.size(1_500_000)) == ("0 byte", "1.5 MB")
    assert (english.duration(0.25), english.duration(59.6)) == ("0.2 sec", "60 sec")
    assert (english.duration(3725), english.duration(90000)) == ("1 hr 2 min", "1 day 1 hr")
    assert italian.time(0).startswith("1 gen 1970")
    assert "24,87" in italian.money(24.87)


def test_what_is_filled_into_a_text_is_escaped() -> None:
    filled = locale.load("it")("explore.ready", engine="<script>alert(1)</script>")
    assert filled == "&lt;script&gt;alert(1)&lt;/script&gt; è pronto"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("it-IT,it;q=0.9,en;q=0.8", "it"),
        ("nl, de;q=0.5", "de"),
        ("zh-TW", "zh-CN"),
        ("pt-BR, pt;q=0.9", "pt"),
        ("fr;q=0, es;q=0.1", "es"),
        ("*;q=0.1", "en"),
        ("it;q=broken, ja", "ja"),
        ("x" * 5000, "en"),
    ],
)
def test_the_language_that_a_browser_prefers_is_chosen_among_ours(header: str, code: str) -> None:
    assert locale.best(header) == code
