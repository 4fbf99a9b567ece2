"""A few nodes of ComfyUI, as its `/object_info` tells of them, that really work on pictures, with Pillow.

Names, inputs and what they say are those of ComfyUI's own nodes. `Wait` and `Fail` are of the tests: one holds
until it is let through, and looks for an interrupt as every long node does; the other raises.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageOps

MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + b"\x00\x00\x00\x08free"
METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
MODES = ["normal", "multiply", "screen", "overlay", "soft_light", "difference"]
SIZE = ("INT", {"default": 512, "min": 0, "max": 16384, "step": 1})


class Interrupted(Exception):
    """A node noticed that it shall stop."""


class OutOfMemoryError(Exception):
    """As torch raises it."""


@dataclass
class Bench:
    """What nodes work with: folders, the weights that are there, and the interrupt flag of the process."""

    folder: Path
    weights: list[str] = field(default_factory=lambda: ["small.safetensors"])
    interrupted: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    told: Callable[[float, float], None] = lambda value, most: None
    counts: dict[str, int] = field(default_factory=dict)

    def place(self, kind: str) -> Path:
        return self.folder / kind

    def annotated(self, name: str) -> Path:
        """`folder_paths.get_annotated_filepath`."""
        for kind in ("output", "input", "temp"):
            if name.endswith(f"[{kind}]"):
                return self.place(kind) / name[: -len(kind) - 3]
        return self.place("input") / name

    def save(self, prefix: str, kind: str, suffix: str, write: Callable[[Path], object]) -> dict[str, str]:
        """`folder_paths.get_save_image_path`, and saving there."""
        subfolder, _, name = prefix.rpartition("/")
        folder = self.place(kind) / subfolder
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + len(list(folder.glob(f"{name}_*")))
        file = f"{name}_{number:05}_{suffix}"
        write(folder / file)
        return {"filename": file, "subfolder": subfolder, "type": kind}


@dataclass(frozen=True)
class NodeClass:
    """A class of nodes: its inputs as `INPUT_TYPES` gives them, its outputs, and what it does."""

    work: Callable[..., tuple[tuple[Any, ...], dict[str, Any] | None]]
    required: dict[str, Any]
    optional: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    is_output: bool = False

    def info(self, name: str, bench: Bench) -> dict[str, Any]:
        required = {each: _choices(kind, bench) for each, kind in self.required.items()}
        return {
            "input": {"required": required, "optional": self.optional},
            "input_order": {"required": list(required), "optional": list(self.optional)},
            "output": list(self.outputs),
            "output_name": list(self.outputs),
            "name": name,
            "display_name": name,
            "description": "",
            "category": "image",
            "output_node": self.is_output,
        }


def _choices(kind: Any, bench: Bench) -> Any:
    if kind == "PICTURES":
        files = sorted(each.name for each in bench.place("input").iterdir() if each.is_file())
        return [files, {"image_upload": True}]
    if kind == "WEIGHTS":
        return ["COMBO", {"multiselect": False, "options": bench.weights}]
    return list(kind)


def load_image(bench: Bench, image: str) -> Any:
    opened = ImageOps.exif_transpose(Image.open(bench.annotated(image)))
    alpha = opened.getchannel("A") if "A" in opened.getbands() else Image.new("L", (64, 64), 255)
    return (opened.convert("RGB"), ImageChops.invert(alpha)), None


def image_scale(bench: Bench, image: Any, upscale_method: str, width: int, height: int, crop: str) -> Any:
    width = width or max(1, round(image.width * height / image.height))
    height = height or max(1, round(image.height * width / image.width))
    return (image.resize((width, height)),), None


def image_invert(bench: Bench, image: Any) -> Any:
    return (ImageChops.invert(image),), None


def image_blend(bench: Bench, image1: Any, image2: Any, blend_factor: float, blend_mode: str) -> Any:
    second = image2.resize(image1.size)
    mixed = ImageChops.multiply(image1, second) if blend_mode == "multiply" else second
    return (Image.blend(image1, mixed, blend_factor),), None


def empty_image(bench: Bench, width: int, height: int, batch_size: int, color: int) -> Any:
    return (Image.new("RGB", (width, height), f"#{color:06x}"),), None


def save_image(bench: Bench, images: Any, filename_prefix: str) -> Any:
    return (), {"images": [bench.save(filename_prefix, "output", ".png", images.save)]}


def preview_image(bench: Bench, images: Any) -> Any:
    return (), {"images": [bench.save("ComfyUI_temp", "temp", ".png", images.save)]}


def save_video(bench: Bench, images: Any, filename_prefix: str) -> Any:
    """A video is under `images` as well, as the SaveVideo of ComfyUI says it."""
    file = bench.save(filename_prefix, "output", ".mp4", lambda path: path.write_bytes(MP4))
    return (), {"images": [file], "animated": [True]}


def load_checkpoint(bench: Bench, ckpt_name: str) -> Any:
    return ("model", "clip", "vae"), None


def wait(bench: Bench, image: Any, steps: int) -> Any:
    for step in range(steps):
        bench.told(step + 1, steps)
    while not bench.gate.wait(0.01):
        if bench.interrupted.is_set():
            raise Interrupted
    return (image,), None


def fail(bench: Bench, image: Any, message: str) -> Any:
    raise OutOfMemoryError(message) if "memory" in message else ValueError(message)


def two_pictures(bench: Bench, first: Any, second: Any = None) -> Any:
    """The first picture, with the second at its right when there is one."""
    if second is None:
        return (first,), None
    both = Image.new("RGB", (first.width + second.width, max(first.height, second.height)))
    both.paste(first, (0, 0))
    both.paste(second, (first.width, 0))
    return (both,), None


PREFIX = ("STRING", {"default": "ComfyUI"})
CLASSES = {
    "LoadImage": NodeClass(load_image, {"image": "PICTURES"}, outputs=("IMAGE", "MASK")),
    "ImageScale": NodeClass(
        image_scale,
        {
            "image": ("IMAGE",),
            "upscale_method": (METHODS,),
            "width": SIZE,
            "height": SIZE,
            "crop": (["disabled", "center"],),
        },
        outputs=("IMAGE",),
    ),
    "ImageInvert": NodeClass(image_invert, {"image": ("IMAGE",)}, outputs=("IMAGE",)),
    "ImageBlend": NodeClass(
        image_blend,
        {
            "image1": ("IMAGE",),
            "image2": ("IMAGE",),
            "blend_factor": ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
            "blend_mode": (MODES,),
        },
        outputs=("IMAGE",),
    ),
    "EmptyImage": NodeClass(
        empty_image,
        {
            "width": ("INT", {"default": 512, "min": 1, "max": 16384, "step": 1}),
            "height": ("INT", {"default": 512, "min": 1, "max": 16384, "step": 1}),
            "batch_size": ("INT", {"default": 1, "min": 1, "max": 4096}),
            "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}),
        },
        outputs=("IMAGE",),
    ),
    "SaveImage": NodeClass(save_image, {"images": ("IMAGE",), "filename_prefix": PREFIX}, is_output=True),
    "PreviewImage": NodeClass(preview_image, {"images": ("IMAGE",)}, is_output=True),
    "SaveVideo": NodeClass(save_video, {"images": ("IMAGE",), "filename_prefix": PREFIX}, is_output=True),
    "CheckpointLoaderSimple": NodeClass(
        load_checkpoint, {"ckpt_name": "WEIGHTS"}, outputs=("MODEL", "CLIP", "VAE")
    ),
    "Wait": NodeClass(
        wait,
        {"image": ("IMAGE",), "steps": ("INT", {"default": 1, "min": 1, "max": 100})},
        outputs=("IMAGE",),
    ),
    "Fail": NodeClass(fail, {"image": ("IMAGE",), "message": ("STRING", {})}, outputs=("IMAGE",)),
    "TwoPictures": NodeClass(two_pictures, {"first": ("IMAGE",)}, {"second": ("IMAGE",)}, outputs=("IMAGE",)),
}
