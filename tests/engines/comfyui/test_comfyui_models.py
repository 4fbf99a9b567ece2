"""The models that are shipped for ComfyUI, and what is said of options that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from comfy_scene import inverted, prepared

from officina.catalog import SHIPPED, Entry, load
from officina.engines.comfyui.fill import fill, legal_size, uploads
from officina.engines.comfyui.graph import is_link
from officina.engines.comfyui.options import parse, problems
from officina.errors import RunError

KLEIN, QWEN = "comfyui/flux-2-klein-4b/edit", "comfyui/qwen-image-edit-2511/edit"


def shipped(model_id: str) -> Entry:
    entry = load([SHIPPED]).get(model_id)
    assert entry is not None
    return entry


def filled(model_id: str, scratch: Path, pictures: int, **given: Any) -> dict[str, Any]:
    options = parse(shipped(model_id).model.options)
    run = prepared(scratch, {"image_urls": [scratch / f"{n}.png" for n in range(pictures)]}, **given).run
    names = {path: path.name for placed in uploads(options, run).values() for _, path in placed if path}
    return fill(options, run, names).workflow


@pytest.mark.parametrize("model_id", [KLEIN, QWEN])
def test_every_link_of_a_shipped_workflow_leads_to_a_node(model_id: str) -> None:
    workflow = shipped(model_id).model.options["workflow"]
    links = [value for each in workflow.values() for value in each["inputs"].values() if is_link(value)]
    assert links
    assert all(link[0] in workflow for link in links)


@pytest.mark.parametrize(
    ("model_id", "pictures"), [(KLEIN, 1), (KLEIN, 2), (KLEIN, 10), (QWEN, 1), (QWEN, 3)]
)
def test_only_the_references_that_are_given_stay_in_the_workflow(
    model_id: str, pictures: int, tmp_path: Path
) -> None:
    workflow = filled(model_id, tmp_path, pictures, prompt="x")
    loads = [each["inputs"]["image"] for each in workflow.values() if each["class_type"] == "LoadImage"]
    assert loads == [f"{n}.png" for n in range(pictures)]
    links = [value for each in workflow.values() for value in each["inputs"].values() if is_link(value)]
    assert all(link[0] in workflow for link in links)
    assert "SaveImage" in {each["class_type"] for each in workflow.values()}


def test_the_picture_is_made_at_a_legal_size_and_brought_to_the_one_asked_for(tmp_path: Path) -> None:
    workflow = filled(KLEIN, tmp_path, 1, prompt="x", **{"width×height": "6198x2656(21:9)"})
    made, asked = workflow["13"]["inputs"], workflow["17"]["inputs"]
    assert (made["width"] % 16, made["height"] % 16) == (0, 0)
    assert made["width"] * made["height"] <= 1.01 * 4194304
    assert (workflow["12"]["inputs"]["width"], workflow["12"]["inputs"]["height"]) == (
        made["width"],
        made["height"],
    )
    assert (asked["width"], asked["height"]) == (6198, 2656)


def test_scale_is_guidance_where_the_model_has_any(tmp_path: Path) -> None:
    assert filled(QWEN, tmp_path, 1, prompt="x", scale=0.5)["9"]["inputs"]["cfg"] == 4


def test_the_model_of_the_seed_can_be_served_by_either(tmp_path: Path) -> None:
    """Its fields, which klein's workflow takes as far as it has something to set by them."""
    options = parse(shipped(KLEIN).model.options)
    example = dict(shipped("bytedance/dreamina-4-0/edit").model.example)
    run = prepared(tmp_path, {"image_urls": [tmp_path / "a", tmp_path / "b"]}, **example).run
    made = fill(options, run, {})
    assert made.notes["ignored"] == ["scale", "force_single"]
    assert made.workflow["4"]["inputs"]["text"] == example["prompt"]


@pytest.mark.parametrize("size", ["large", "0x100", "x", ""])
def test_a_size_that_is_none_is_refused(size: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="must be a size such as 1024x1024"):
        filled(KLEIN, tmp_path, 1, prompt="x", **{"width×height": size})


@pytest.mark.parametrize(
    ("size", "multiple", "most", "legal"),
    [
        ((1024, 1024), 16, 0, (1024, 1024)),
        ((330, 250), 16, 0, (336, 256)),
        ((4096, 4096), 16, 4194304, (2048, 2048)),
        ((5, 5), 16, 0, (16, 16)),
    ],
)
def test_legal_sizes_keep_the_ratio(size: Any, multiple: int, most: int, legal: Any) -> None:
    assert legal_size(size, multiple, most) == legal


# --- options -------------------------------------------------------------------------------------------------

FILES = {"type": "array", "items": {"type": "string", "format": "image_uri"}, "maxItems": 1}
ONE = {"type": "string", "format": "image_uri"}


def said(schema: dict[str, Any], **options: Any) -> list[str]:
    given = {"workflow": inverted(), "bindings": {"image": {"files": "1.inputs.image"}}, **options}
    return list(problems(given, {"properties": schema}))


def test_options_that_fit_have_no_problem() -> None:
    assert said({"image": ONE}) == []
    assert said({"image": FILES}) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"bindings": {"image": "1.image"}}, "'1.image' names no input of a node: write it as 6.inputs.text"),
        (
            {"bindings": {"image": {"to": "1.inputs.image", "seed": "1.inputs.image"}}},
            "must have `to`, `files`",
        ),
        ({"bindings": {"image": {"width": "2.inputs.width"}}}, "must have `to`, `files`, `seed`, or `width`"),
        ({"bindings": {"image": {"to": "2.inputs.width", "multiple": 0}}}, "a multiple of at least 1"),
        ({"bindings": {"image": {"two": "2.inputs.width"}}}, "unknown field `two`"),
        ({"optional": ["7.inputs.x"]}, "7.inputs.x names a node that workflow.json does not have"),
        ({"outputs": ["7"]}, "workflow.json has no node '7'"),
        ({"servers": ["ftp://a"]}, "'ftp://a' is no address of a server"),
        ({"servers": []}, "options.servers is empty"),
        ({"workflow": {"1": {}}}, "workflow.json: The node '1' has no class_type"),
    ],
)
def test_options_that_cannot_be_read_are_told(options: dict[str, Any], sentence: str) -> None:
    (told,) = said({"image": ONE}, **options)
    assert sentence in told


def test_a_model_without_a_workflow_is_told() -> None:
    assert "has no workflow.json" in next(iter(problems({}, {})))


def test_fields_and_bindings_that_do_not_fit_each_other_are_told() -> None:
    assert "the field 'strength' sets nothing" in said({"image": ONE, "strength": {"type": "float"}})[0]
    assert "input.json has no field 'image'" in said({})[0]
    assert "holds no files but is bound with `files`" in said({"image": {"type": "string"}})[0]
    assert (
        "holds files but is bound as a value" in said({"image": ONE}, bindings={"image": "1.inputs.image"})[0]
    )
    assert "set its maxItems to 1" in said({"image": {**FILES, "maxItems": 3}})[0]


def test_a_seed_needs_no_field() -> None:
    bindings = {"image": {"files": "1.inputs.image"}, "seed": {"seed": "2.inputs.seed"}}
    assert said({"image": ONE}, bindings=bindings) == []
