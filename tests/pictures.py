"""Pictures for tests, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def saved(format_: str, size: tuple[int, int] = (40, 24), mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_mandelbrot(size, (-2, -1, 1, 1), 20).convert(mode).save(file, format_, **options)
    return file.getvalue()


def turned(format_: str, orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(format_, exif=exif.tobytes())


def animated(format_: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (40, 24), colour) for colour in ("red", "blue")]
    frames[0].save(file, format_, save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG header that claims a size, without the pixels."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(b"\0")),
            (b"IEND", b""),
        )
    )
