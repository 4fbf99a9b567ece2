"""The schema dialect: what it takes, what it refuses, and in which words."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from officina import catalog
from officina.dialect import MAX_PROBLEMS, InputSpec, compile_schema, to_json_schema
from officina.errors import CatalogError
from officina.explain import explain, is_reference
from officina.model import MediaField, MediaRule

SEED = catalog.read(catalog.FIRST, catalog.SHIPPED / catalog.FIRST).spec
GOOD = {"image_urls": ["https://example.com/a.jpg"], "prompt": "A boat"}


def spec_of(required: tuple[str, ...] = (), **properties: Any) -> InputSpec:
    return compile_schema({"type": "object", "required": list(required), "properties": properties})


def said(
    spec: InputSpec, body: object, *, strict: bool = False
) -> dict[tuple[str | int, ...], tuple[str, str]]:
    """Each problem as `place: (type, sentence)`."""
    return {p.loc[1:]: (p.type, p.msg) for p in spec.check(body, strict=strict).problems}


def rule(name: str, value: object, error: str = "Too much.") -> dict[str, object]:
    return {"validation_rule": name, "validation_value": value, "validation_error": error}


# --- what is taken ----------------------------------------------------------------------------------------


def test_a_good_body_gets_the_defaults_of_optional_fields():
    checked = SEED.check(GOOD)
    assert checked.problems == ()
    assert checked.input == {**GOOD, "width×height": "2048x2048(1:1)", "scale": 0.5, "force_single": False}


def test_the_body_itself_is_left_alone():
    body = dict(GOOD)
    SEED.check(body)
    assert body == GOOD


def test_a_default_of_a_required_field_is_never_filled_in():
    assert said(SEED, {}) == {
        ("image_urls",): ("required", "image_urls is required"),
        ("prompt",): ("required", "prompt is required"),
    }


def test_a_list_that_is_a_default_is_a_new_one_for_every_run():
    spec = spec_of(tags={"type": "array", "default": ["a"]})
    spec.check({}).input["tags"].append("b")
    assert spec.check({}).input == {"tags": ["a"]}


def test_unknown_keys_are_left_out_and_told():
    checked = SEED.check({**GOOD, "n": 4, "seed": 1})
    assert checked.ignored == ("n", "seed")
    assert "n" not in checked.input


def test_a_schema_that_allows_further_keys_keeps_them():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {}}
    spec = compile_schema(schema)
    for strict in (False, True):
        checked = spec.check({"a": "x", "b": 1}, strict=strict)
        assert (checked.input, checked.ignored) == ({"a": "x", "b": 1}, ())
        assert said(spec, {"a": 1, "b": 1}, strict=strict).keys() == {("a",)}


def test_a_float_that_is_whole_counts_as_an_integer_and_becomes_one():
    spec = spec_of(steps={"type": "integer"}, scale={"type": "float"})
    made = spec.check({"steps": 4.0, "scale": 1}).input
    assert made == {"steps": 4, "scale": 1}
    assert isinstance(made["steps"], int)


def test_a_default_of_null_lets_null_through_and_is_filled_in():
    spec = spec_of(
        seed={"type": "integer", "default": None}, size={"enum": ["1K"], "type": "string", "default": None}
    )
    assert spec.check({"seed": None, "size": None}).problems == ()
    assert spec.check({}).input == {"seed": None, "size": None}


def test_a_list_of_types_with_null_takes_both():
    spec = spec_of(scale={"type": ["float", "null"], "minimum": 0})
    assert spec.check({"scale": None}).problems == ()
    assert spec.check({"scale": 0.5}).problems == ()
    assert said(spec, {"scale": "x"}) == {("scale",): ("type", 'must be a number, got "x"')}


@pytest.mark.parametrize("value", ["x", 1, None, [1], {"a": 1}])
def test_an_unknown_type_or_format_takes_anything(value: object):
    spec = spec_of(mood={"type": "mood_picker"}, odd={"format": "something_new"})
    assert spec.check({"mood": value, "odd": value}).problems == ()


def test_max_length_counts_code_points_and_not_bytes():
    assert SEED.check({**GOOD, "prompt": "🛶" * 800}).problems == ()
    assert said(SEED, {**GOOD, "prompt": "🛶" * 801}) == {
        ("prompt",): ("maxLength", "at most 800 characters, got 801")
    }


@pytest.mark.parametrize(
    "value",
    [
        "https://example.com/a.jpg",
        "http://127.0.0.1:8000/files/a",
        "HTTPS://EXAMPLE.COM/A.JPG",
        "https://[::1]/a",
        "data:image/png;base64,AAAA",
        "data:,",
        "file_0123456789abcdef0123456789abcdef",
    ],
)
def test_a_url_a_data_uri_and_an_upload_are_references(value: str):
    assert is_reference(value)
    assert SEED.check({**GOOD, "image_urls": [value]}).problems == ()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("cat.jpg", '"cat.jpg" is not something the server can fetch'),
        ("/home/me/cat.jpg", "is not something the server can fetch"),
        ("", "is empty"),
        (" ", "is empty"),
        (" https://example.com/a", "has blanks around it"),
        ("file_0123456789abcdef0123456789abcdef\n", "has blanks around it"),
        ("ftp://example.com/a.jpg", "ftp:// addresses are not fetched"),
        ("file:///etc/passwd", "file:// addresses are not fetched"),
        ("https://", "is not something the server can fetch"),
        ("https:///a.jpg", "is not something the server can fetch"),
        ("data:image/png;base64", "no comma"),
        ("file_0123", "is not something the server can fetch"),
        ("file_0123456789ABCDEF0123456789ABCDEF", "is not something the server can fetch"),
    ],
)
def test_anything_else_in_a_field_of_files_is_told_with_its_index(value: str, words: str):
    problems = said(SEED, {**GOOD, "image_urls": ["https://example.com/a.jpg", value]})
    (place, (type_, sentence)) = problems.popitem()
    assert (place, type_) == (("image_urls", 1), "format")
    assert words in sentence
    assert not problems


# --- what is refused --------------------------------------------------------------------------------------


def test_every_problem_of_a_body_is_told_at_once():
    body = {
        "image_urls": ["cat.jpg", 3] + ["https://example.com/a.jpg"] * 9,
        "prompt": 5,
        "width×height": "2048x2048",
        "scale": 1.5,
        "force_single": "true",
    }
    problems = said(SEED, body)
    assert {place: type_ for place, (type_, _) in problems.items()} == {
        ("image_urls",): "maxItems",
        ("image_urls", 0): "format",
        ("image_urls", 1): "type",
        ("prompt",): "type",
        ("width×height",): "enum",
        ("scale",): "maximum",
        ("force_single",): "type",
    }
    assert problems[("image_urls",)][1] == "at most 10 items, got 11"
    assert problems[("scale",)][1] == "must be at most 1, got 1.5"
    assert problems[("force_single",)][1] == 'must be true or false, got "true"; leave out the quotes'
    assert problems[("width×height",)][1].endswith('got "2048x2048"; did you mean "2048x2048(1:1)"?')


def test_a_location_starts_at_the_body_and_holds_indices():
    (problem,) = SEED.check({**GOOD, "image_urls": [1]}).problems
    assert problem.loc == ("body", "image_urls", 0)


@pytest.mark.parametrize(
    ("body", "got"),
    [(None, "null"), ([], "an empty list"), ([1, 2], "a list of 2"), ("x", '"x"'), (3, "3"), (True, "true")],
)
def test_a_body_that_is_no_object_is_one_problem(body: object, got: str):
    assert said(SEED, body) == {(): ("not_an_object", f"the body must be a JSON object, got {got}")}


@pytest.mark.parametrize(
    ("node", "value", "type_", "sentence"),
    [
        ({"type": "integer"}, 1.5, "type", "must be a whole number, got 1.5"),
        ({"type": "integer"}, True, "type", "must be a whole number, got true"),
        ({"type": "float"}, False, "type", "must be a number, got false"),
        ({"type": "float"}, "0.5", "type", 'must be a number, got "0.5"; leave out the quotes'),
        ({"type": "string"}, None, "type", "must be a string, got null; leave the field out to mean nothing"),
        (
            {"type": "array"},
            "a",
            "type",
            'must be a list, got "a"; put it into [ ] even when there is only one',
        ),
        (
            {"type": ["string", "integer"]},
            [],
            "type",
            "must be a string or a whole number, got an empty list",
        ),
        ({"type": "null"}, 1, "type", "must be null, got 1"),
        ({"type": "string", "minLength": 1}, "", "minLength", "at least 1 character, got 0"),
        ({"type": "array", "minItems": 2}, [1], "minItems", "at least 2 items, got 1"),
        ({"type": "float", "minimum": 0}, -0.5, "minimum", "must be at least 0, got -0.5"),
        ({"type": "float", "exclusiveMinimum": 0}, 0, "exclusiveMinimum", "must be more than 0, got 0"),
        ({"type": "float", "exclusiveMaximum": 1}, 1, "exclusiveMaximum", "must be less than 1, got 1"),
        ({"type": "integer", "enum": [24, 25]}, 26, "enum", "must be one of: 24, 25; got 26"),
        ({"enum": [1, 0]}, True, "enum", "must be one of: 1, 0; got true"),
        ({"enum": ["5", "auto"]}, 5, "enum", "must be one of: 5, auto; got 5"),
        ({"type": "integer", "multipleOf": 8}, 12, "multipleOf", "this value is not a multiple of 8"),
    ],
)
def test_each_rule_has_its_sentence(node: dict[str, object], value: object, type_: str, sentence: str):
    assert said(spec_of(field=node), {"field": value}) == {("field",): (type_, sentence)}


def test_a_missing_field_names_the_key_that_looks_like_it():
    body = {"image_urls": ["https://example.com/a.jpg"], "promt": "A boat"}
    assert said(SEED, body) == {("prompt",): ("required", 'prompt is required; you sent "promt"')}


def test_in_strict_mode_an_unknown_key_is_a_problem_with_a_suggestion():
    assert said(SEED, {**GOOD, "Scales": 1, "zzz": 2}, strict=True) == {
        ("Scales",): ("unknown_field", '"Scales" is not a field of this model; did you mean "scale"?'),
        ("zzz",): ("unknown_field", '"zzz" is not a field of this model'),
    }
    assert SEED.check(GOOD, strict=True).problems == ()


def test_a_schema_that_forbids_further_keys_is_obeyed_at_any_depth():
    lora = {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}}
    spec = spec_of(loras={"type": "array", "items": {**lora, "additionalProperties": False}})
    assert said(spec, {"loras": [{"path": "a"}, {"pth": "b"}]}) == {
        ("loras", 1, "path"): ("required", 'path is required; you sent "pth"'),
        ("loras", 1, "pth"): ("unknown_field", '"pth" is not a field of this model; did you mean "path"?'),
    }


# --- hostile bodies ---------------------------------------------------------------------------------------


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "body",
    [
        {"image_urls": list(range(100_000)), "prompt": deep(50_000), "scale": deep(50_000)},
        {"image_urls": ["data:" + "A" * 2_000_000], "prompt": "x" * 2_000_000},
        {"k" * 1_000_000: 1, **{f"key-{n}": n for n in range(10_000)}},
        {**GOOD, "scale": 10**400, "width×height": "2048x2048" * 100_000},
    ],
)
def test_a_hostile_body_makes_a_small_answer(body: dict[str, Any]):
    problems = SEED.check(body, strict=True).problems
    assert 0 < len(problems) <= MAX_PROBLEMS
    assert all(len(p.msg) < 600 and len(str(p.loc)) < 200 for p in problems)


def test_a_flood_of_unknown_keys_is_told_in_part():
    checked = SEED.check({**GOOD, "k" * 100_000: 1, **{f"key-{n}": n for n in range(10_000)}})
    assert len(checked.ignored) == MAX_PROBLEMS
    assert all(len(name) < 100 for name in checked.ignored)
    assert checked.input.keys() == SEED.known


def test_a_value_nested_deeper_than_the_validator_follows_is_refused():
    spec = spec_of(choice={"enum": [[1], [2]]}, steps={"type": "array", "uniqueItems": True})
    assert spec.check({"choice": deep(50_000)}).problems
    assert spec.check({"steps": [1, 1]}).problems[0].type == "uniqueItems"


# --- the words and the validator agree --------------------------------------------------------------------

_SCALARS: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 2.0, 0.5, 1.5, 6000, "", "0", "x" * 20, "x" * 21, "🛶" * 20),
    *("https://example.com/a", "data:,x", "file_" + "a" * 32, "cat.jpg", "2048x2048(1:1)", "2048x2048"),
    *({}, {"path": "a"}, {"path": 1}, {"path": "a", "x": 1}, [], [[]], {"a": {"b": []}}),
]
_VALUES = st.sampled_from(_SCALARS) | st.lists(st.sampled_from(_SCALARS), max_size=6)
_BROAD = spec_of(
    ("image_urls",),
    image_urls={"type": "array", "format": "image_uris", "minItems": 1, "maxItems": 4},
    prompt={"type": "string", "minLength": 1, "maxLength": 20},
    scale={"type": ["float", "null"], "minimum": 0, "exclusiveMaximum": 1},
    size={"type": "string", "enum": ["2048x2048(1:1)", "", "0"], "default": None},
    seed={"type": "integer", "enum": [0, 1, 2]},
    lora={
        "type": "object",
        "required": ["path"],
        "properties": {"path": {"type": "string"}},
        "additionalProperties": False,
    },
)
_BODIES = st.fixed_dictionaries({}, optional=dict.fromkeys((*sorted(_BROAD.known), "extra"), _VALUES))


@settings(deadline=None)
@given(_BODIES)
def test_there_are_words_exactly_when_the_validator_says_no(body: dict[str, Any]):
    valid = jsonschema_rs.is_valid(dict(_BROAD.json_schema), body)
    assert (not list(explain(_BROAD.json_schema, body, ("body",)))) == valid
    assert (not _BROAD.check(body).problems) == valid


@settings(deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"(https?://|data:|file_).{0,40}"))
def test_a_reference_is_the_same_to_both(text: str):
    assert is_reference(text) == (not SEED.check({**GOOD, "image_urls": [text]}).problems)


# --- translation ------------------------------------------------------------------------------------------


def test_the_translation_is_json_schema_and_leaves_the_published_one_alone():
    schema = {
        "type": "object",
        "properties": {
            "scale": {"type": "float", "title": "Scale"},
            "pictures": {"format": "image_uris", "validations": [rule("file_size_mb<", 3)]},
            "steps": {"type": ["integer", "null"], "enum": [4, 8]},
        },
    }
    before = repr(schema)
    made = to_json_schema(schema)
    assert repr(schema) == before
    jsonschema_rs.meta.validate(made)
    assert made["properties"]["scale"] == {"type": "number", "title": "Scale"}
    assert made["properties"]["steps"] == {"type": ["integer", "null"], "enum": [4, 8, None]}
    assert made["properties"]["pictures"]["type"] == "array"
    assert made["properties"]["pictures"]["items"]["format"] == "image_uri"
    assert "validations" not in made["properties"]["pictures"]


@pytest.mark.parametrize(
    ("node", "kind", "many"),
    [
        ({"type": "string", "format": "image_uri"}, "image", False),
        ({"type": ["string", "null"], "format": "video_uri"}, "video", False),
        ({"format": "audio_uri"}, "audio", False),
        ({"type": "array", "items": {"type": "string", "format": "image_uri"}}, "image", True),
        ({"items": {"format": "image_uri"}}, "image", True),
        ({"type": "array", "format": "video_uris"}, "video", True),
        (
            {"type": "array", "format": "audio_uris", "items": {"type": "string", "format": "audio_uri"}},
            "audio",
            True,
        ),
        ({"format": "image_uris", "default": None}, "image", True),
        ({"type": "file_list", "format": "image_uris"}, "image", True),
    ],
)
def test_every_form_of_a_field_of_files_is_known(node: dict[str, object], kind: str, many: bool):
    spec = spec_of(f=node)
    assert spec.media == (MediaField("f", kind, many),)
    good, bad = "https://example.com/a", "cat.jpg"
    assert spec.check({"f": [good] if many else good}).problems == ()
    assert said(spec, {"f": [good, bad] if many else bad}).keys() == {("f", 1) if many else ("f",)}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("file_size_mb<=", 15, ("file_size_mb", "<=", 15.0)),
        ("width_pixels<", "4096", ("width_pixels", "<", 4096.0)),
        ("height_pixels>", 14, ("height_pixels", ">", 14.0)),
        ("width/height≥", "0.33", ("width/height", ">=", 0.33)),
        ("width/height≤", "3", ("width/height", "<=", 3.0)),
        ("width/height >=", 0.0625, ("width/height", ">=", 0.0625)),
        ("width/height==", "1", ("width/height", "==", 1.0)),
    ],
)
def test_every_operator_and_numeric_string_becomes_a_rule(
    name: str, value: object, expected: tuple[str, str, float]
):
    spec = spec_of(f={"type": "string", "format": "image_uri", "validations": [rule(name, value, "No.")]})
    assert spec.media[0].rules == (MediaRule(*expected, error="No."),)


def test_rules_stand_on_the_list_or_on_its_items():
    items = {"type": "string", "format": "image_uri", "validations": [rule("width_pixels<", 9)]}
    spec = spec_of(f={"type": "array", "items": items, "validations": [rule("width_pixels>", 3)]})
    assert [r.operator for r in spec.media[0].rules] == [">", "<"]


# --- bad schemas ------------------------------------------------------------------------------------------

_FILE = {"type": "string", "format": "image_uri"}


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("string", 'f: a field is described by an object, got "string"'),
        ({"type": 3}, "f.type: a type is a string"),
        ({"type": "string", "enum": "a"}, "f.enum: `enum` is a list"),
        ({"type": "object", "properties": [1]}, "f: `properties` is an object of fields"),
        ({"type": "object", "properties": {"a": 1}}, "f.a: a field is described by an object"),
        ({"type": "array", "items": {"type": [None]}}, "f.items.type: a type is a string"),
        ({"type": "string", "maxLength": "800"}, "f.maxLength: "),
        ({"type": "string", "pattern": "("}, "f.pattern: "),
        ({"$ref": "https://example.com/schema"}, "Retrieval is disabled"),
        (
            {"type": "object", "properties": {"picture": _FILE}},
            "f: files are fetched for fields at the top only",
        ),
        ({"type": "array", "items": {"type": "object", "properties": {"a": _FILE}}}, "at the top only"),
        ({"anyOf": [_FILE, {"type": "null"}]}, "at the top only"),
        ({"type": ["string", "array"], "format": "image_uri"}, "one string or a list of them"),
        ({"type": "string", "validations": [rule("width_pixels<", 3)]}, "`validations` are rules for files"),
        ({**_FILE, "validations": ["width<3"]}, "f.validations.0: a rule is an object"),
        ({**_FILE, "validations": [rule("width_pixel<=", 3)]}, 'did you mean "width_pixels"?'),
        ({**_FILE, "validations": [rule("duration_s<=", 3)]}, "its metric must be one of: file_size_mb"),
        ({**_FILE, "validations": [rule("width_pixels=<", 3)]}, 'the operator "=<" is not known'),
        ({**_FILE, "validations": [rule("width_pixels<=", "wide")]}, "must be a number"),
        ({**_FILE, "validations": [rule("width_pixels<=", True)]}, "must be a number"),
        ({**_FILE, "validations": [rule("width_pixels<=", "nan")]}, "must be a number"),
        ({**_FILE, "validations": [rule("width_pixels<=", 3, " ")]}, "validation_error must be the sentence"),
    ],
)
def test_a_bad_field_is_refused_with_a_sentence(node: object, words: str):
    with pytest.raises(CatalogError) as caught:
        spec_of(f=node)
    assert words in caught.value.message
    assert caught.value.detail


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"properties": {"a": {}}}, '"type": "object"'),
        ([], '"type": "object"'),
        ({"type": "object"}, "needs `properties`"),
        ({"type": "object", "properties": {}}, "needs `properties`"),
        ({"type": "object", "properties": {"a": {}}, "required": "a"}, "must be a list of field names"),
        ({"type": "object", "properties": {"prompt": {}}, "required": ["promt"]}, 'did you mean "prompt"?'),
        ({"type": "object", "properties": {"prompt": {}}, "required": [3]}, "3 is required but not among"),
    ],
)
def test_a_bad_schema_is_refused_with_a_sentence(schema: Any, words: str):
    with pytest.raises(CatalogError) as caught:
        compile_schema(schema)
    assert words in caught.value.message


def test_every_problem_of_a_schema_is_in_the_detail():
    with pytest.raises(CatalogError, match=r"\(and 2 more\)") as caught:
        spec_of(("zzz",), a=1, b=2)
    assert [p.loc for p in caught.value.detail] == [("required",), ("properties", "a"), ("properties", "b")]
