"""Importing workflows: what is proposed for graphs of several shapes, what is refused, and that it runs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from comfy_double import ComfyUI, until
from comfy_nodes import CLASSES
from comfy_scene import Workflow, blended, inverted, node, side_by_side, waiting
from comfy_shell import Shell
from PIL import Image

from officina.catalog import load
from officina.engines.comfyui.graph import NotAWorkflow, read
from officina.engines.comfyui.propose import propose

AS_THE_PAGE_SAVES_IT = {
    "last_node_id": 9,
    "nodes": [{"id": 9, "type": "SaveImage", "inputs": [{"name": "images", "link": 1}]}],
    "links": [[1, 8, 0, 9, 0, "IMAGE"]],
    "version": 0.4,
}


def text_to_picture() -> Workflow:
    """What ComfyUI opens with: a checkpoint, two prompts, a sampler."""
    return {
        "3": node(
            "KSampler",
            seed=156680208700286,
            steps=20,
            cfg=8,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", "Load Checkpoint", ckpt_name="small.safetensors"),
        "5": node("EmptyLatentImage", "Empty Latent Image", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", "CLIP Text Encode (Prompt)", text="a glass bottle", clip=["4", 1]),
        "7": node("CLIPTextEncode", "CLIP Text Encode (Prompt)", text="text, watermark", clip=["4", 1]),
        "8": node("VAEDecode", "VAE Decode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", "Save Image", filename_prefix="ComfyUI", images=["8", 0]),
    }


def references() -> Workflow:
    """Two references, of which the second can be left out, prompted by a primitive."""
    return {
        "75:6": node("PrimitiveStringMultiline", "What to do", value="swap the bags"),
        "75:7": node("CLIPTextEncode", text=["75:6", 0], clip=["75:1", 0]),
        "75:1": node("CLIPLoader", clip_name="qwen.safetensors", type="flux2"),
        "10": node("LoadImage", "Bag", image="bag.png"),
        "20": node("LoadImage", "Logo", image="logo.png"),
        "11": node("VAEEncode", pixels=["10", 0], vae=["75:2", 0]),
        "21": node("VAEEncode", pixels=["20", 0], vae=["75:2", 0]),
        "75:2": node("VAELoader", vae_name="vae.safetensors"),
        "12": node("ReferenceLatent", conditioning=["75:7", 0], latent=["11", 0]),
        "22": node("ReferenceLatent", conditioning=["12", 0], latent=["21", 0]),
        "30": node("CFGGuider", positive=["22", 0], negative=["22", 0], model=["75:3", 0], cfg=1),
        "75:3": node("UNETLoader", unet_name="klein.safetensors", weight_dtype="default"),
        "31": node("Flux2Scheduler", steps=4, width=1024, height=1024),
        "32": node("EmptyFlux2LatentImage", width=1024, height=1024, batch_size=1),
        "33": node("RandomNoise", noise_seed=1),
        "34": node(
            "SamplerCustomAdvanced",
            noise=["33", 0],
            guider=["30", 0],
            sigmas=["31", 0],
            latent_image=["32", 0],
        ),
        "35": node("VAEDecode", samples=["34", 0], vae=["75:2", 0]),
        "9": node("SaveImage", images=["35", 0], filename_prefix="x"),
    }


# --- what is proposed ----------------------------------------------------------------------------------------


def test_a_text_to_picture_graph_opens_prompts_size_seed_and_numbers() -> None:
    made = propose(text_to_picture())
    assert made.bindings == {
        "prompt": "6.inputs.text",
        "negative_prompt": "7.inputs.text",
        "width×height": {"width": ["5.inputs.width"], "height": ["5.inputs.height"], "multiple": 16},
        "steps": ["3.inputs.steps"],
        "cfg": ["3.inputs.cfg"],
        "denoise": ["3.inputs.denoise"],
        "seed": {"seed": ["3.inputs.seed"]},
    }
    assert made.required == ["prompt"]
    assert made.category == "text-to-image"
    assert made.properties["negative_prompt"]["default"] == "text, watermark"
    assert made.properties["width×height"]["default"] == "512x768(2:3)"
    assert "624x624(1:1)" in made.properties["width×height"]["enum"]
    assert made.properties["steps"] | {"title": ""} == {
        "title": "",
        "description": "",
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 20,
    }


def test_pictures_are_called_by_the_titles_of_their_nodes_and_may_be_left_out_where_the_graph_can() -> None:
    made = propose(references())
    assert made.bindings["bag"] == {"files": "10.inputs.image"}
    assert made.bindings["logo"] == {"files": "20.inputs.image"}
    assert made.required == ["bag", "prompt"]
    assert made.optional == ["22.inputs.latent"]
    assert made.bindings["prompt"] == "75:6.inputs.value"
    assert made.bindings["width×height"]["width"] == ["31.inputs.width", "32.inputs.width"]
    assert made.category == "image-to-image"


def test_a_node_that_takes_the_prompt_twice_gets_it_twice() -> None:
    workflow = {
        **inverted(),
        "4": node("CLIPTextEncodeFlux", clip_l="a boat", t5xxl="a boat", guidance=3.5, clip=["5", 0]),
    }
    assert propose(workflow).bindings["prompt"] == ["4.inputs.t5xxl", "4.inputs.clip_l"]


def test_a_size_is_rounded_to_no_more_than_the_workflow_itself_keeps_to() -> None:
    workflow = {**inverted(), "4": node("EmptyLatentImage", width=1000, height=600, batch_size=1)}
    made = propose(workflow)
    assert made.bindings["width×height"]["multiple"] == 8
    assert made.properties["width×height"]["default"] == "1000x600(5:3)"


def test_a_single_picture_is_an_image_url() -> None:
    made = propose(inverted())
    assert made.bindings == {"image_url": {"files": "1.inputs.image"}}
    assert made.properties["image_url"]["title"] == "Subject"


def test_a_workflow_that_makes_videos_is_of_that_category() -> None:
    workflow = {**inverted(), "9": node("SaveVideo", images=["3", 0], filename_prefix="x")}
    assert propose(workflow).category == "image-to-video"


def test_a_server_tells_bounds_optional_inputs_and_what_can_be_uploaded(comfy: ComfyUI) -> None:
    info = {name: kind.info(name, comfy.bench) for name, kind in CLASSES.items()}
    assert propose(blended(), info).properties["blend_factor"]["maximum"] == 1
    made = propose(side_by_side(), info)
    assert made.required == ["image_url"]
    assert made.optional == ["4.inputs.second"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (AS_THE_PAGE_SAVES_IT, 'choose "Export \\(API\\)" in the menu Workflow'),
        ({}, "no workflow in ComfyUI's API format"),
        ([1, 2], "no workflow in ComfyUI's API format"),
        ({"1": {"inputs": {}}}, "The node '1' has no class_type"),
        ({"1": {"class_type": "X"}}, "The node '1' has no inputs"),
    ],
)
def test_what_is_no_workflow_in_api_format_is_refused_with_the_way_to_get_one(given: Any, says: str) -> None:
    with pytest.raises(NotAWorkflow, match=says):
        read(given)


def test_the_body_of_a_call_is_taken_as_its_workflow() -> None:
    assert read({"prompt": inverted(), "client_id": "x"}) == inverted()


def test_a_workflow_that_saves_nothing_makes_no_model() -> None:
    with pytest.raises(NotAWorkflow, match="None of the nodes saves"):
        propose({"1": node("LoadImage", image="a.png")})


# --- the command ---------------------------------------------------------------------------------------------


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "graph.json").write_text(json.dumps(text_to_picture()))
    (tmp_path / "invert.json").write_text(json.dumps(inverted()))
    (tmp_path / "page.json").write_text(json.dumps(AS_THE_PAGE_SAVES_IT))
    (tmp_path / "references.json").write_text(json.dumps(references()))
    return Shell(tmp_path)


@pytest.mark.parametrize("name", ["graph", "invert", "references"])
def test_an_imported_model_has_nothing_wrong(name: str, shell: Shell) -> None:
    said = shell("models", "import-comfyui", f"{name}.json", "--id", "studio/new/edit").stdout
    assert "INPUT (* required)" in said
    assert "nothing is wrong" in shell("models", "check", "models").stdout
    entry = load([shell.folder / "models"]).get("studio/new/edit")
    assert entry is not None
    assert (
        entry.model.options["workflow"].keys()
        == json.loads((shell.folder / f"{name}.json").read_text()).keys()
    )


def test_what_was_proposed_is_shown_by_the_titles_of_the_nodes(shell: Shell) -> None:
    said = shell("models", "import-comfyui", "references.json", "--id", "studio/bags").stdout
    assert "bag*" in said
    assert "What to do.value" in said


def test_the_result_can_be_read_by_programs(shell: Shell) -> None:
    said = json.loads(
        shell("models", "import-comfyui", "invert.json", "--id", "studio/invert", "--json").stdout
    )
    assert said["fields"] == ["image_url"]
    facts = tomllib.loads((shell.folder / "models/studio/invert/model.toml").read_text())
    assert facts["options"]["servers"] == ["http://127.0.0.1:8188"]
    assert facts["kind"] == "workflow"


def test_refusals_of_the_command_say_what_to_do(shell: Shell) -> None:
    command = ("models", "import-comfyui")
    assert "Export (API)" in shell(*command, "page.json", "--id", "studio/x", code=65).stderr
    assert "2 to 5 segments" in shell(*command, "invert.json", "--id", "x", code=65).stderr
    (shell.folder / "text.json").write_text("hello")
    assert "is not JSON" in shell(*command, "text.json", "--id", "studio/x", code=65).stderr
    shell(*command, "invert.json", "--id", "studio/x")
    assert "already" in shell(*command, "invert.json", "--id", "studio/x", code=64).stderr
    away = shell(*command, "invert.json", "--id", "studio/y", "--server", "http://127.0.0.1:1", code=69)
    assert "cannot be reached" in away.stderr


def test_a_check_of_the_server_tells_what_it_lacks(shell: Shell, comfy: ComfyUI) -> None:
    command = ("models", "import-comfyui")
    shell(*command, "invert.json", "--id", "studio/fine", "--server", comfy.url, "--into", "fine")
    assert "nothing is wrong" in shell("models", "check", "fine", "--online").stdout
    workflow = {**inverted(), "4": node("CheckpointLoaderSimple", "Weights", ckpt_name="large.safetensors")}
    workflow["5"] = node("IPAdapter", "Adapter", image=["1", 0])
    (shell.folder / "more.json").write_text(json.dumps(workflow))
    shell(*command, "more.json", "--id", "studio/more", "--server", comfy.url)
    facts = shell.folder / "models/studio/more/model.toml"
    facts.write_text(facts.read_text().replace("1.inputs.image", "1.inputs.picture"))
    said = shell("models", "check", "models", "--online", code=1).stdout
    assert (
        "The server has no node 'IPAdapter', for \"Adapter\": update ComfyUI, or install what brings it."
        in said
    )
    assert "does not have 'large.safetensors' as ckpt_name of \"Weights\"" in said
    assert "has no input 'picture' at \"Subject\": mend the binding 1.inputs.picture." in said
    assert len(said.splitlines()) == 3


def test_a_check_asks_the_servers_of_what_the_settings_choose(shell: Shell) -> None:
    (shell.folder / "officina.toml").write_text(
        '[engines."bytedance/dreamina-4-0/edit"]\nengine = "comfyui"\n'
        'options = { like = "comfyui/flux-2-klein-4b/edit", servers = ["http://127.0.0.1:1"] }\n'
    )
    said = shell("models", "check", "--online", code=1).stdout
    assert "bytedance/dreamina-4-0/edit/http://127.0.0.1:1: The ComfyUI server cannot be reached" in said


def test_an_imported_model_runs_from_the_command_line_to_the_node_and_back(
    shell: Shell, comfy: ComfyUI, red: Path
) -> None:
    shell("models", "import-comfyui", "invert.json", "--id", "studio/invert", "--server", comfy.url)
    with shell.serving():
        shell("run", "studio/invert", f"image_url=@{red}", "--name", "made")
    with Image.open(shell.folder / "made-1.png") as made:
        assert made.size == (64, 64)
        assert made.convert("RGB").getpixel((2, 2)) == (0, 255, 255)


def test_a_forced_cancel_interrupts_the_prompt_on_the_server(shell: Shell, comfy: ComfyUI) -> None:
    (shell.folder / "wait.json").write_text(json.dumps(waiting()))
    shell("models", "import-comfyui", "wait.json", "--id", "studio/wait", "--server", comfy.url)
    with shell.serving():
        request_id = shell("submit", "studio/wait").stdout.strip()
        until(lambda: "Wait" in comfy.queue.ran)
        shell("cancel", request_id, "--force")
        until(lambda: comfy.queue.history)
    (entry,) = comfy.queue.history.values()
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
