"""What an input asks for, and what the options of a model may say."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from officina import catalog
from officina.engines.diffusers import recipe, wish
from officina.engines.diffusers.recipe import Recipe
from officina.errors import RunError

REPOSITORY = Path(__file__).parents[3]
OPTIONS: dict[str, Any] = {
    "weights": "studio/painter",
    "licence": "Apache-2.0",
    "memory": {"resident": 20, "offload": 13},
    "steps": 4,
}
SHIPPED = [
    (model_id, catalog.read(model_id, folder).model)
    for model_id, folder in catalog.find(catalog.SHIPPED)
    if catalog.read(model_id, folder).model.engine == "diffusers"
]
GUIDED = {**OPTIONS, "guidance": {"parameter": "true_cfg_scale"}, "negative_prompt": " "}


def read(options: dict[str, Any] | None = None, **given: Any) -> wish.Wish:
    return wish.read({"prompt": "a boat", **given}, recipe.read(options or OPTIONS))


@pytest.mark.parametrize(("model_id", "model"), SHIPPED, ids=[each for each, _ in SHIPPED])
def test_every_shipped_model_of_this_engine_has_options_that_fit(model_id: str, model: Any) -> None:
    found = recipe.read(model.options)
    assert found.licence == "Apache-2.0"
    assert 0 < found.memory.offload < found.memory.resident
    assert found.download_gb > 10


@pytest.mark.parametrize(("model_id", "model"), SHIPPED, ids=[each for each, _ in SHIPPED])
def test_every_field_of_a_shipped_model_means_something(model_id: str, model: Any) -> None:
    fields = model.input_schema["properties"]
    given = {name: node.get("default") for name, node in fields.items()}
    assert wish.read(given, recipe.read(model.options), {"image_urls"}).ignored == ()
    most = fields.get("image_urls", {}).get("maxItems", 0)
    assert most == recipe.read(model.options).references.most


def test_the_models_that_are_shipped_are_those_that_the_guide_names() -> None:
    assert [model_id for model_id, _ in SHIPPED] == [
        "black-forest-labs/flux-2-klein-4b/edit",
        "black-forest-labs/flux-2-klein-base-4b/edit",
        "qwen/qwen-image-edit-2511/edit",
        "tongyi-mai/z-image-turbo/text-to-image",
    ]


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"width×height": "6198x2656(21:9)"}, (6198, 2656)),
        ({"size": "1024 × 768"}, (1024, 768)),
        ({"width": 640, "height": 480}, (640, 480)),
        ({}, None),
        ({"width×height": None}, None),
    ],
)
def test_sizes_are_read_in_each_of_their_forms(given: dict[str, Any], size: object) -> None:
    assert read(**given).size == size


@pytest.mark.parametrize("given", [{"size": "large"}, {"size": "0x10"}, {"width": 640}])
def test_a_size_that_is_none_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(RunError) as error:
        read(**given)
    assert error.value.type == "validation_failed"


@pytest.mark.parametrize(("scale", "guidance"), [(0, 1.0), (0.5, 4.0), (1, 7.0), (None, 4.0), (3, 7.0)])
def test_scale_becomes_guidance_where_there_is_one(scale: float | None, guidance: float) -> None:
    found = read(GUIDED, scale=scale)
    assert found.guidance == pytest.approx(guidance)
    assert found.ignored == ()
    assert found.negative_prompt == " "


def test_scale_is_ignored_aloud_where_there_is_none() -> None:
    assert read(scale=0.5).guidance is None
    assert read(scale=0.5).ignored == ("scale: these weights have no guidance to set, so it changes nothing",)
    assert read().ignored == ()


def test_fields_that_nobody_reads_are_told() -> None:
    found = wish.read({"prompt": "x", "mood": "calm", "image_urls": []}, recipe.read(OPTIONS), {"image_urls"})
    assert found.ignored == ("mood: this engine has no use for it",)


def test_each_picture_has_a_seed_of_its_own() -> None:
    found = read(seed=2**32 - 1, num_images=2)
    assert [found.seed_of(number) for number in range(2)] == [2**32 - 1, 0]


@pytest.mark.parametrize("seed", [None, -1])
def test_no_seed_is_a_random_one(seed: int | None) -> None:
    assert len({read(seed=seed).seed for _ in range(4)}) > 1


def test_more_pictures_than_one_run_makes_are_told() -> None:
    found = read(num_images=9)
    assert found.count == 4
    assert found.ignored == ("num_images: 4 were made, the most of one run here",)
    assert read(num_images=9, force_single=True).count == 1


def test_a_lora_is_known_by_its_name() -> None:
    options = {
        **OPTIONS,
        "loras": {"ink": {"weights": "studio/ink", "file": "ink.safetensors", "strength": 0.8}},
    }
    assert (read(options, lora="ink").lora, read(options, lora="ink").lora_strength) == ("ink", 0.8)
    assert read(options, lora="ink", lora_scale=0.3).lora_strength == 0.3
    assert read(options, lora=None).lora == ""
    with pytest.raises(RunError, match="no LoRA 'oil' for this model; it has: ink"):
        read(options, lora="oil")


def test_a_variant_replaces_options() -> None:
    found = recipe.read({**OPTIONS, "variants": {"fine": {"steps": 28, "weights": "studio/painter-base"}}})
    fine = found.variant("fine")
    assert (fine.steps, fine.weights, fine.memory) == (28, "studio/painter-base", found.memory)
    assert found.variant("") is found
    with pytest.raises(RunError, match="no variant 'coarse'; it has: fine"):
        found.variant("coarse")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stepz": 4}, "stepz"),
        ({"steps": 0}, "at least 1"),
        ({"steps": "many"}, "steps"),
        ({"memory": {"resident": 20}}, "offload"),
        ({"max_pixels": 100}, "max_pixels"),
    ],
)
def test_options_that_do_not_fit_are_the_operators_to_mend(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RunError, match=words) as error:
        recipe.read({**OPTIONS, **change})
    assert (error.value.type, error.value.retry) == ("engine_unavailable", False)


def test_options_that_are_missing_are_named() -> None:
    with pytest.raises(RunError, match="licence"):
        recipe.read({name: value for name, value in OPTIONS.items() if name != "licence"})


def test_a_recipe_survives_its_own_options() -> None:
    assert isinstance(recipe.read(GUIDED).variant(""), Recipe)


def test_the_example_settings_are_those_of_the_model_that_they_stand_for() -> None:
    example = tomllib.loads((REPOSITORY / "examples" / "gpu.toml").read_text(encoding="utf-8"))
    (choice,) = example["engines"].values()
    klein = dict(SHIPPED)["black-forest-labs/flux-2-klein-4b/edit"]
    shown = {"licence_url": "", "download_gb": 0.0}
    assert replace(recipe.read(klein.options), **shown) == recipe.read(choice["options"])


def test_the_guide_tells_every_option_and_the_figures_of_every_shipped_model() -> None:
    guide = (REPOSITORY / "docs" / "how-to" / "serve-a-gpu-model.md").read_text(encoding="utf-8")
    assert [name for name in Recipe.__struct_fields__ if f"`{name}`" not in guide] == []
    for model_id, model in SHIPPED:
        found = recipe.read(model.options)
        figures = (found.download_gb, found.memory.resident, found.memory.offload)
        row = " | ".join([*(f"{each:g} GB" for each in figures), str(found.steps)])
        assert f"| `{model_id}` |" in guide
        assert f"| {found.licence} | {row} |" in guide
