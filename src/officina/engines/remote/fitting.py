"""Brings a provider's picture to exactly the size that was asked for."""

from __future__ import annotations

import warnings
from pathlib import Path

from officina.engines.remote.refusal import nonsense
from officina.engines.remote.sizes import Size

QUALITY = 95
WRITTEN = frozenset({"JPEG", "PNG", "WEBP"})


def fit(path: Path, size: Size) -> bool:
    """Enlarge or reduce a picture until it covers the size, and cut off what is beyond, evenly on both sides.

    Gives whether that was done: a picture of a format that is not written here stays as it is.

    Raises:
        RunError: `provider_failed`: the picture is damaged.
    """
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        # How many pixels are too many was judged before.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as picture:
                written = str(picture.format)
                if written not in WRITTEN:
                    return False
                profile = picture.info.get("icc_profile")
                fitted = ImageOps.fit(ImageOps.exif_transpose(picture), size, Image.Resampling.LANCZOS)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            raise nonsense("a picture that is damaged") from None
    fitted.save(path, written, quality=QUALITY, icc_profile=profile)
    return True
