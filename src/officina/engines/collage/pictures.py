"""Strangers' picture files into plain pixels, and pixels into files."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from officina.engines.collage.raster import Mask, Pixels, resized
from officina.errors import RunError

_PNG_LEVEL = 3
"""Beyond it a photo takes twice the time for a few percent less."""
_CLEAR_RIM = 9
"""Pixels around what is visible that keep their colour, for viewers that scale colour and coverage apart."""
FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 64_000_000
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError),
    *(struct.error, zlib.error, OverflowError, ZeroDivisionError, AssertionError),
)
"""What Pillow raises on hostile bytes, as seen in its own fuzzing."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels in sRGB, 8 bits, upright; and the file's own transparency if it has any."""

    pixels: Pixels
    alpha: Mask | None = None

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def reduced(self, longest: int) -> Picture:
        """No side longer than that."""
        factor = longest / max(self.width, self.height)
        if factor >= 1:
            return self
        size = (max(round(self.width * factor), 1), max(round(self.height * factor), 1))
        alpha = None if self.alpha is None else resized(self.alpha, size)
        return Picture(resized(self.pixels, size), alpha)


def read(path: Path, index: int, longest: int) -> Picture:
    """The picture of a file, `index` in the caller's list, made no larger than is of use."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decoded(path, index, longest).reduced(longest)
    except Image.DecompressionBombError as error:
        raise _too_large(index) from error
    except MemoryError as error:
        raise RunError("out_of_memory", f"Picture {index + 1} needs more memory than there is.") from error
    except _DAMAGE as error:
        raise RunError(
            "picture_damaged",
            f"Picture {index + 1} is truncated or damaged; save it again and send it anew.",
            index=index,
        ) from error


def _decoded(path: Path, index: int, longest: int) -> Picture:
    with Image.open(path, formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise _too_large(index)
        opened.seek(0)
        opened.draft(None, (longest, longest))
        opened.load()
        turned = ImageOps.exif_transpose(opened)
        return _plain(turned)


def _too_large(index: int) -> RunError:
    return RunError(
        "picture_too_large",
        f"Picture {index + 1} has more than {MOST_PIXELS // 1_000_000} million pixels; send a smaller one.",
        index=index,
    )


def _plain(image: Image.Image) -> Picture:
    """Any mode of Pillow as 8-bit sRGB, on white where it is transparent."""
    if image.mode in ("I;16", "I;16L", "I;16B", "I"):
        deep = np.asarray(image).astype(np.int64)
        image = Image.fromarray(
            np.clip(deep >> 8 if deep.max(initial=0) > 255 else deep, 0, 255).astype(np.uint8)
        )
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = np.asarray(image.convert("RGBA"))
        alpha = np.ascontiguousarray(layered[..., 3])
        if alpha.min() < 255:
            share = (alpha[..., None].astype(np.uint16) + 1) >> 1
            white = (layered[..., :3].astype(np.uint16) * share + 255 * (128 - share)) >> 7
            return Picture(white.astype(np.uint8), alpha)
        image = Image.fromarray(np.ascontiguousarray(layered[..., :3]))
        return Picture(np.asarray(image))
    return Picture(np.asarray(_srgb(image)))


def _srgb(image: Image.Image) -> Image.Image:
    """In sRGB, by the picture's own colour profile when it has a usable one."""
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            turned = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if turned is not None:
                return turned
        except (ImageCms.PyCMSError, *_DAMAGE):
            pass  # a broken profile says nothing about the pixels
    return image.convert("RGB")


def write(picture: Picture, folder: Path, number: int, *, png: bool = False) -> Path:
    """A PNG when there is transparency or one is asked for, else a JPEG with full colour."""
    if picture.alpha is not None:
        path = folder / f"output-{number}.png"
        Image.fromarray(_layered(picture.pixels, picture.alpha)).save(path, compress_level=_PNG_LEVEL)
    elif png:
        path = folder / f"output-{number}.png"
        Image.fromarray(picture.pixels).save(path, compress_level=_PNG_LEVEL)
    else:
        path = folder / f"output-{number}.jpg"
        Image.fromarray(picture.pixels).save(path, quality=95, subsampling=0)
    return path


def _layered(pixels: Pixels, alpha: Mask) -> npt.NDArray[np.uint8]:
    """Colour and coverage; what is clear has no colour, so that nothing hidden is given away or stored."""
    kept = cv2.dilate(alpha, np.ones((_CLEAR_RIM, _CLEAR_RIM), np.uint8))
    channels = [cv2.bitwise_and(channel, channel, mask=kept) for channel in cv2.split(pixels)]
    return np.asarray(cv2.merge([*channels, alpha]), np.uint8)
