"""Strangers' picture files into Pillow's pictures of a size, and made pictures into files."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from officina.engines.diffusers.recipe import References
from officina.engines.diffusers.sizes import MOST_STRETCHED, Size, covering, together
from officina.errors import RunError

FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 100_000_000
QUALITY = 95
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError),
    *(struct.error, zlib.error, OverflowError, ZeroDivisionError, AssertionError),
)
"""What Pillow raises on hostile bytes, as seen in its own fuzzing."""


def read_all(paths: Sequence[Path], limits: References) -> list[Image.Image]:
    """The pictures beside a prompt: upright, in RGB, scaled together to what the pipeline takes.

    Raises:
        RunError: there are too many, or one cannot be used.
    """
    if len(paths) > limits.most:
        most = f"at most {limits.most} pictures" if limits.most else "no pictures"
        raise RunError("validation_failed", f"This model takes {most}; {len(paths)} were given.")
    pictures = [_read(path, index, limits.each_pixels) for index, path in enumerate(paths)]
    sizes = together([Size(*each.size) for each in pictures], limits.each_pixels, limits.total_pixels)
    return [_scaled(each, size) for each, size in zip(pictures, sizes, strict=True)]


def fitted(picture: Image.Image, wanted: Size) -> Image.Image:
    """The picture at exactly that size: scaled up if it is too small, then cut evenly at the rims."""
    large = _scaled(picture.convert("RGB"), covering(Size(*picture.size), wanted))
    left, top = (large.width - wanted.width) // 2, (large.height - wanted.height) // 2
    return large.crop((left, top, left + wanted.width, top + wanted.height))


def write(picture: Image.Image, wanted: Size, folder: Path, number: int) -> Path:
    """Bring a picture to that size and write it as JPEG in full colour; numbers begin with 1."""
    path = folder / f"output-{number}.jpg"
    fitted(picture, wanted).save(path, quality=QUALITY, subsampling=0)
    return path


def _read(path: Path, index: int, pixels: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = _decoded(path, index, pixels)
    except Image.DecompressionBombError as error:
        raise _too_large(index) from error
    except _DAMAGE as error:
        raise RunError(
            "picture_damaged",
            f"Picture {index + 1} is truncated or damaged; save it again and send it anew.",
            index=index,
        ) from error
    if Size(*picture.size).stretch > MOST_STRETCHED:
        sentence = f"Picture {index + 1} is more than {MOST_STRETCHED:g} times as long as it is wide or high."
        raise RunError("validation_failed", f"{sentence} Cut it, and send it anew.", index=index)
    return picture


def _decoded(path: Path, index: int, pixels: int) -> Image.Image:
    with Image.open(path, formats=FORMATS) as opened:
        size = Size(*opened.size)
        if size.pixels > MOST_PIXELS:
            raise _too_large(index)
        useful = size.times(min((pixels / size.pixels) ** 0.5, 1.0))
        opened.draft("RGB", useful)  # JPEGs are decoded no larger than is of use
        opened.load()
        return _on_white(ImageOps.exif_transpose(opened))


def _on_white(picture: Image.Image) -> Image.Image:
    """As 8-bit RGB, on white where it is transparent."""
    if picture.mode.startswith("I"):
        return picture.point(lambda level: level / 256).convert("L").convert("RGB")  # 16 bits, grey
    if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(layered, mask=layered.getchannel("A"))
    return ground


def _scaled(picture: Image.Image, size: Size) -> Image.Image:
    if Size(*picture.size) == size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS)


def _too_large(index: int) -> RunError:
    return RunError(
        "picture_too_large",
        f"Picture {index + 1} has more than {MOST_PIXELS // 1_000_000} million pixels; send a smaller one.",
        index=index,
    )
