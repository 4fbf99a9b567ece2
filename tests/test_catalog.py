"""The catalog: what it reads, how it lists, and what the linter says of a bad folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from officina import catalog
from officina.catalog import SHIPPED, Catalog, id_problem, load, published
from officina.catalog_lint import Known, lint
from officina.errors import CatalogError
from officina.settings import EngineChoice

FIXTURES = Path(__file__).parent / "fixtures" / "models"
GOOD, BAD = FIXTURES / "good", FIXTURES / "bad"
CANVAS = "studio/canvas-5.0-pro/edit"
ENGINES = "collage, comfyui, diffusers, remote"
KNOWN = Known(engines=ENGINES.split(", "), formats={"jpeg", "png", "webp"})


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The seed's model and those of the fixtures, whatever else is shipped."""
    shipped = tmp_path_factory.mktemp("shipped")
    shutil.copytree(SHIPPED / catalog.FIRST, shipped / catalog.FIRST)
    return load([shipped, GOOD])


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with one good model, for a test to spoil."""
    shutil.copytree(GOOD / CANVAS, tmp_path / "models" / CANVAS)
    return tmp_path / "models"


def edit_json(path: Path, change: Callable[[Any], object]) -> None:
    value = msgspec.json.decode(path.read_bytes())
    change(value)
    path.write_bytes(msgspec.json.encode(value))


def edit_text(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


# --- the shipped models -----------------------------------------------------------------------------------


def test_the_shipped_models_are_clean():
    assert lint(SHIPPED, KNOWN) == []


def test_the_seed_model_publishes_its_schemas_to_the_letter(both: Catalog):
    entry = both.get("bytedance/dreamina-4-0/edit")
    assert entry is not None
    listed = published(entry, "https://officina.example.org/", include_schema=True)
    assert msgspec.json.encode(listed.pop("input_schema")) == packed("input.json")
    assert msgspec.json.encode(listed.pop("output_schema")) == packed("output.json")
    assert listed.pop("description")
    assert listed == {
        "model_id": "bytedance/dreamina-4-0/edit",
        "display_name": "Dreamina 4.0 Edit",
        "categories": ("image-to-image",),
        "kind": "model",
        "base_price_usd": 0.0,
        "price_unit": "output",
        "pricing_note": "",
        "model_url": "https://officina.example.org/models/bytedance/dreamina-4-0/edit",
        "inputs": ("image_urls", "prompt", "width×height", "scale", "force_single"),
        "required_inputs": ("image_urls", "prompt"),
        "engine": "collage",
    }


def packed(name: str) -> bytes:
    """A schema as the seed's page publishes it, without the blanks; the order of the keys is kept."""
    return msgspec.json.encode(msgspec.json.decode((FIXTURES / "published" / name).read_bytes()))


def test_the_seed_model_takes_its_own_published_example(both: Catalog):
    entry = both.get(catalog.FIRST)
    assert entry is not None
    defaults = {name: node["default"] for name, node in entry.model.input_schema["properties"].items()}
    assert entry.spec.check(defaults, strict=True).problems == ()
    assert entry.model.deadline_s == 120
    assert set(entry.model.texts) >= {"en", "it"}


# --- listing ----------------------------------------------------------------------------------------------


def test_the_seed_is_listed_first_and_the_others_by_id(both: Catalog):
    first, *others = both.entries
    assert first == "bytedance/dreamina-4-0/edit"
    assert [each for each in others if each.startswith("studio/")] == [
        "studio/canvas-5.0-pro/edit",
        "studio/filmstrip/image-to-video",
        "studio/spark",
        "studio/weave/turbo/inpainting/lora",
    ]


def test_the_schemas_are_listed_only_when_asked_for(both: Catalog):
    entry = both.get(CANVAS)
    assert entry is not None
    assert published(entry, "http://a", include_schema=True).keys() - published(entry, "http://a").keys() == {
        "input_schema",
        "output_schema",
    }
    assert published(entry, "http://a")["pricing_note"] == "Per picture."


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"text": "CANVAS"}, ["studio/canvas-5.0-pro/edit"]),
        ({"text": "annullabili"}, ["studio/filmstrip/image-to-video"]),
        ({"text": "words alone"}, ["studio/spark"]),
        ({"text": "nothing like it"}, []),
        ({"category": "retouch"}, ["studio/canvas-5.0-pro/edit"]),
        ({"category": "retouch", "kind": "workflow"}, []),
        ({"kind": "workflow"}, ["studio/weave/turbo/inpainting/lora"]),
        ({"text": "studio/", "limit": 1, "offset": 2}, ["studio/spark"]),
    ],
)
def test_search_finds_by_text_category_and_kind(both: Catalog, query: dict[str, Any], found: list[str]):
    entries, _ = both.search(**query)
    assert [entry.model.id for entry in entries] == found


def test_a_page_tells_how_many_there_are_in_all(both: Catalog):
    entries, total = both.search("studio/", limit=2, offset=3)
    assert (len(entries), total) == (1, 4)


def test_categories_are_listed_once_in_order(both: Catalog):
    assert both.categories() == ("image-to-image", "image-to-video", "retouch", "text-to-image")


def test_an_unknown_model_is_none(both: Catalog):
    assert both.get("studio/none") is None


# --- loading ----------------------------------------------------------------------------------------------


def test_the_facts_of_a_model_are_read(both: Catalog):
    entry = both.get(CANVAS)
    assert entry is not None
    model = entry.model
    assert (model.deadline_s, model.max_attempts, model.cost) == (90, 2, 2.5)
    assert (model.accepts, model.options) == (("jpeg", "png", "webp"), {"steps": 8})
    assert (model.price.base_usd, model.price.unit) == (0.04, "output")
    assert entry.example_files == {"example/square.png": (GOOD / CANVAS / "example/square.png").resolve()}


def test_a_later_folder_overrides_a_model_of_the_same_id(models: Path):
    edit_text(models / CANVAS / "model.toml", "deadline_s = 90", "deadline_s = 5")
    entry = load([GOOD, models]).get(CANVAS)
    assert entry is not None
    assert entry.model.deadline_s == 5


def test_the_operator_chooses_the_engine_and_its_options():
    made = load([GOOD], {CANVAS: EngineChoice("remote", {"provider": "other"})})
    entry = made.get(CANVAS)
    assert entry is not None
    assert (entry.model.engine, entry.model.options) == ("remote", {"provider": "other"})
    assert published(entry, "http://a")["engine"] == "remote"


def test_options_may_begin_like_those_of_another_model(models: Path):
    (models / CANVAS / "workflow.json").write_text('{"1": {"class_type": "LoadImage", "inputs": {}}}')
    edit_text(models / CANVAS / "model.toml", "[options]", "[options]\nservers = []")
    choice = EngineChoice("comfyui", {"like": CANVAS, "servers": ["http://a:8188"]})
    chosen = load([SHIPPED, models], {catalog.FIRST: choice}).get(catalog.FIRST)
    own = load([models]).get(CANVAS)
    assert chosen is not None
    assert own is not None
    assert chosen.model.options == {**own.model.options, "servers": ["http://a:8188"]}
    assert chosen.model.options["workflow"]["1"]["class_type"] == "LoadImage"


def test_options_like_those_of_a_model_that_is_not_there_are_refused():
    with pytest.raises(CatalogError, match=r"like those of 'studio/none', no model here"):
        load([SHIPPED], {catalog.FIRST: EngineChoice("comfyui", {"like": "studio/none"})})


def test_a_workflow_that_is_no_json_is_refused(models: Path):
    (models / CANVAS / "workflow.json").write_text("{")
    with pytest.raises(CatalogError, match=r"workflow\.json is not a valid JSON object"):
        load([models])


def test_an_engine_for_a_model_that_is_not_there_is_refused_with_a_suggestion():
    with pytest.raises(CatalogError, match='did you mean "studio/spark"'):
        load([GOOD], {"studio/sparks": EngineChoice("remote")})


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("model.toml", "engine = ", "model.toml is not valid TOML"),
        ("model.toml", 'categories = ["x"]', "model.toml: Object missing required field `engine`"),
        ("model.toml", 'engine = "a"\ncategories = ["x"]\ndeadline = 3', 'did you mean "deadline_s"?'),
        ("model.toml", 'engine = "a"\ncategories = ["x"]\ndeadline_s = "3"', "Expected `float`, got `str`"),
        ("input.json", "{", "input.json is not a valid JSON object"),
        ("input.json", "{}", "input.json: the schema must be an object"),
        ("output.json", "[]", "output.json is not a valid JSON object"),
        ("example.json", "3", "example.json is not a valid JSON object"),
        ("texts/en.toml", "display_name = 3", "texts: "),
    ],
)
def test_a_model_that_cannot_be_read_stops_the_start_with_its_id(
    models: Path, file: str, text: str, words: str
):
    (models / CANVAS / file).write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        load([models])
    assert caught.value.message.startswith(f"{CANVAS}: ")
    assert words in caught.value.message
    assert str(models) not in caught.value.message


@pytest.mark.parametrize("file", ["input.json", "output.json", "example.json", "texts/en.toml"])
def test_a_missing_part_stops_the_start(models: Path, file: str):
    (models / CANVAS / file).unlink()
    with pytest.raises(CatalogError, match=f"{file} is missing"):
        load([models])


def test_a_folder_that_is_not_there_or_empty_stops_the_start(tmp_path: Path):
    with pytest.raises(CatalogError, match="'none' does not exist"):
        load([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError, match="'empty' holds no model"):
        load([tmp_path / "empty"])


def test_hidden_folders_hold_no_models(models: Path):
    shutil.copytree(models / CANVAS, models / ".git" / CANVAS)
    assert list(load([models]).entries) == [CANVAS]


def test_a_link_that_leads_back_up_does_not_go_on_for_ever(models: Path):
    (models / "studio" / "loop").symlink_to(models)
    with pytest.raises(CatalogError, match="An id has 2 to 5 segments"):
        load([models])


def test_an_example_cannot_reach_files_outside_its_folder(models: Path):
    (models / "secret.png").write_bytes(b"secret")
    (models / CANVAS / "example" / "link.png").symlink_to(models / "secret.png")
    names = ["../../../secret.png", str(models / "secret.png"), "example/link.png"]
    edit_json(models / CANVAS / "example.json", lambda example: example.update(images=names))
    entry = load([models]).get(CANVAS)
    assert entry is not None
    assert entry.example_files == {}


@pytest.mark.parametrize(
    "model_id",
    ["a/b", "bytedance/dreamina-4-0/edit", "wan-ai/wan-3.0/x_y", "a/b/c/d/e", "a/..b", "api/models"],
)
def test_well_formed_ids_pass(model_id: str):
    assert id_problem(model_id) == ""


@pytest.mark.parametrize(
    "model_id",
    ["", ".", "a", "a/b/c/d/e/f", "a//b", "/a/b", "a/b/", "a/../b", "a/.", "a/b c", "a/è", "a/b\n",
     "a/b/api", "a/openapi.json", "a/categories"],
)  # fmt: skip
def test_malformed_and_reserved_ids_have_a_problem(model_id: str):
    assert id_problem(model_id).endswith(".")


# --- the linter -------------------------------------------------------------------------------------------


def findings(models: Path) -> list[tuple[str, str]]:
    return [(finding.where, finding.sentence) for finding in lint(models, KNOWN)]


def test_the_forms_of_2026_are_clean():
    assert lint(GOOD, KNOWN) == []


def test_what_is_not_known_is_not_checked(models: Path):
    edit_text(models / CANVAS / "model.toml", '"collage"', '"home-made"')
    assert lint(models) == []


def test_a_workflow_is_a_file_that_somebody_reads(models: Path):
    (models / CANVAS / "workflow.json").write_text("{}")
    assert lint(models, KNOWN) == []


def test_an_engine_says_what_is_wrong_with_its_options(models: Path):
    def said(options: Any, schema: Any) -> list[str]:
        return [f"{sorted(options)} do not suit {len(schema['properties'])} fields"]

    (finding,) = lint(models, Known(options={"collage": said, "remote": lambda *_: ["not asked"]}))
    assert (finding.where, finding.sentence) == ("model.toml", "['steps'] do not suit 4 fields.")


def test_a_translation_of_a_schema_is_whole_and_no_more(models: Path):
    texts = models / CANVAS / "texts" / "it.toml"
    whole = texts.read_text()
    texts.write_text(f'{whole}\n[schema]\n"Promt" = "Richiesta"\n')
    said = findings(models)
    assert ("texts/it.toml", 'schema lacks a translation of "Prompt".') in said
    assert said[-1] == (
        "texts/it.toml",
        'schema translates "Promt", which input.json does not say: drop it; did you mean "Prompt"?',
    )
    texts.write_text(f"{whole}\nschema = 3\n")
    assert findings(models) == [
        ("texts/it.toml", "schema must be a table of sentences of input.json with their translations.")
    ]


def test_a_thoroughly_bad_model_is_told_everything_at_once():
    assert [(finding.where, finding.sentence) for finding in lint(BAD, KNOWN)] == [
        (
            "input.json",
            'required: "picture" is required but not among the properties; did you mean "pictures"?',
        ),
        ("input.json", 'required: "prompt" is required but not among the properties.'),
        ("output.json", "output.json is not a valid JSON object: Expected `object`, got `array`."),
        ("", "The last segment cannot be api: it is the name of a route. Rename the folder."),
        ("model.toml", 'max_atempts is unknown; did you mean "max_attempts"?'),
        ("model.toml", "price.currency is unknown; known: base_usd, note, unit."),
        ("model.toml", 'categories is empty: name at least one, such as "image-to-image".'),
        ("model.toml", "deadline_s must be a number above 0, got 0.0."),
        ("model.toml", f'No engine is called "colage"; known: {ENGINES}; did you mean "collage"?'),
        ("model.toml", 'No format is called "jpg"; known: jpeg, png, webp; did you mean "jpeg"?'),
        ("texts/en.toml", "description is missing or empty: every language needs it."),
        ("texts/en.toml", "subtitle is read by nobody: drop it."),
        ("texts/it.toml", "The file is missing: write display_name and description in that language."),
        ("notes.txt", "Nobody reads this file: drop it, or refer to it in example.json."),
    ]
    assert {finding.model for finding in lint(BAD, KNOWN)} == {"studio/all-wrong/api"}


Change = Callable[[dict[str, Any]], object]


def field(name: str, **changes: Any) -> Change:
    return lambda schema: schema["properties"][name].update(changes)


def size_rule(value: object, error: str) -> Change:
    rule = {"validation_rule": "width/height>=", "validation_value": value, "validation_error": error}
    return field("images", validations=[rule])


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        (
            "input.json",
            field("quality", default="11"),
            "quality: its own default does not fit: must be one of",
        ),
        (
            "input.json",
            field("seed", default=-2),
            "seed: its own default does not fit: must be at least -1, got -2",
        ),
        ("input.json", field("images", default=["cat.jpg"]), "images: its own default[0] does not fit: "),
        ("input.json", field("images", minItems=20), "images: minItems 20 is above maxItems 14"),
        ("input.json", field("prompt", title=""), "prompt: give the field a title"),
        (
            "input.json",
            size_rule(0.5, "Between 1/3 and 3."),
            'images: "Between 1/3 and 3." does not name the bound',
        ),
        ("input.json", size_rule("x", "No."), "images.validations.0: validation_value must be a number"),
        ("input.json", field("images", validations=[{}]), "images.validations.0: the rule null is not known"),
        ("input.json", lambda schema: schema["required"].append("img"), '"img" is required but not among'),
        ("output.json", lambda schema: schema.clear(), "The output schema must have the shape"),
        ("example.json", lambda example: example.update(prompt=3), "prompt: must be a string, got 3."),
        ("example.json", lambda example: example.update(Seed=3), '"Seed" is not a field of this model'),
        ("example.json", lambda example: example.update(images="x"), "images: must be a list"),
        (
            "example.json",
            lambda example: example["images"].append("example/none.png"),
            'The file "example/none.png" is not in the model\'s folder',
        ),
    ],
)
def test_the_linter_finds_a_fault_of_a_json_file(models: Path, file: str, change: Change, sentence: str):
    edit_json(models / CANVAS / file, change)
    assert any(where == file and sentence in told for where, told in findings(models))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("deadline_s = 90", "deadline_s = -1", "deadline_s must be a number above 0, got -1.0."),
        ("deadline_s = 90", "deadline_s = inf", "deadline_s must be a number above 0, got inf."),
        ("max_attempts = 2", "max_attempts = 0", "max_attempts must be at least 1, got 0."),
        ("cost = 2.5", "cost = nan", "cost must be a number above 0, got nan."),
        (
            "base_usd = 0.04",
            "base_usd = -3.0",
            "price.base_usd must be a number of dollars from 0 up, got -3.0.",
        ),
        ('unit = "output"', 'unit = "image"', "Invalid enum value 'image' - at `$.price.unit`."),
        ('"retouch"', '"Re Touch"', 'The category "Re Touch" must be lower-case words joined by hyphens.'),
        ('["jpeg", "png", "webp"]', "[]", "accepts is empty"),
        ("[options]", "[optoins]", 'optoins is unknown; did you mean "options"?'),
        ('engine = "collage"', "", "Object missing required field `engine`."),
        ('engine = "collage"', "engine", "model.toml is not valid TOML"),
    ],
)
def test_the_linter_finds_a_fault_of_the_facts(models: Path, old: str, new: str, sentence: str):
    edit_text(models / CANVAS / "model.toml", old, new)
    assert any(where == "model.toml" and sentence in told for where, told in findings(models))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("0.33", "Within [1/3, 3]."),
        ("0.33", "Within [1/3,3]."),
        (0.0625, "Between 1:16 and 16:1."),
        (16, "Between 1:16 and 16:1."),
        (4096, "At most 4,096 pixels."),
        (1.5, "At least 1.5 or 3:2."),
        (2, "Far too wide."),
        (0.5, "Within [1/0, 0.5]."),
    ],
)
def test_a_rule_and_its_sentence_may_write_a_number_differently(models: Path, value: object, error: str):
    edit_json(models / CANVAS / "input.json", size_rule(value, error))
    assert findings(models) == []


def test_the_linter_finds_files_that_nobody_reads(models: Path):
    folder = models / CANVAS
    shutil.copy(folder / "example/square.png", folder / "example/unused.png")
    (folder / "model.yaml").touch()
    for name in ("README.md", "example/CREDITS.txt", ".DS_Store"):
        (folder / name).touch()
    assert findings(models) == [
        (name, "Nobody reads this file: drop it, or refer to it in example.json.")
        for name in ("model.yaml", "example/unused.png")
    ]


def test_a_model_below_another_is_its_own(models: Path):
    shutil.copytree(GOOD / "studio/spark", models / CANVAS / "fast")
    assert findings(models) == []
    assert list(load([models]).entries) == [CANVAS, f"{CANVAS}/fast"]


def test_the_linter_finds_a_folder_that_lacks_its_facts(models: Path):
    shutil.copytree(GOOD / "studio/spark", models / "studio/spark")
    (models / "studio/spark/model.toml").unlink()
    (finding,) = lint(models, KNOWN)
    assert (finding.model, finding.where) == ("studio/spark", "model.toml")
    assert finding.sentence == "The folder has a model's files but no model.toml: add one."


def test_the_linter_tells_of_a_folder_without_models(tmp_path: Path):
    (finding,) = lint(tmp_path)
    assert "holds no model" in finding.sentence
