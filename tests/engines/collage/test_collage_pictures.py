"""Strangers' bytes: odd modes are read rightly, hostile ones refused with their index."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from officina.engines.collage.pictures import read, write
from officina.errors import RunError

RED = (200, 30, 40)


def test_a_truncated_jpeg_is_refused_with_its_index(run, portrait: Path, boat: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.jpg"
    short.write_bytes(portrait.read_bytes()[:9000])
    with pytest.raises(RunError) as caught:
        run("A girl is sitting on the boat", [boat, short])
    assert caught.value.type == "picture_damaged"
    assert caught.value.run_detail == {"index": 1}
    assert "Picture 2" in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 64,
        b"GIF89a" + b"\0" * 64,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        bytes(range(256)) * 40,
    ],
    ids=["empty", "jpeg start", "png start", "gif", "svg", "noise"],
)
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read(path, 0, 1024)
    assert caught.value.type == "picture_damaged"


def test_a_png_with_a_broken_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    Image.new("RGB", (64, 64), RED).save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(RunError, match="damaged"):
        read(path, 0, 1024)


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    path = tmp_path / "huge.png"
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")))
    with pytest.raises(RunError) as caught:
        read(path, 4, 1024)
    assert caught.value.type == "picture_too_large"
    assert caught.value.run_detail == {"index": 4}


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))],
)
def test_a_turned_picture_is_read_upright(orientation: int, corner: tuple[int, int], tmp_path: Path) -> None:
    image = Image.new("RGB", (80, 40), "white")
    image.paste(RED, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    image.save(path, exif=exif, quality=95)
    picture = read(path, 0, 1024)
    assert (picture.width, picture.height) == ((80, 40) if orientation in (1, 3) else (40, 80))
    assert np.abs(picture.pixels[corner].astype(int) - RED).max() < 30


def test_cmyk_becomes_srgb(tmp_path: Path) -> None:
    path = tmp_path / "cmyk.jpg"
    Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(path)
    red, green, blue = read(path, 0, 1024).pixels[20, 20]
    assert red > 200
    assert green < 60
    assert blue < 60


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((20, 20), 0x8040, np.uint16)).save(path)
    assert (read(path, 0, 1024).pixels == 0x80).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_every_mode_becomes_colour(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "mode.png"
    Image.new("RGB", (30, 20), "white").convert(mode).save(path)
    pixels = read(path, 0, 1024).pixels
    assert pixels.shape == (20, 30, 3)
    assert (pixels == 255).all()


def test_an_animated_png_gives_its_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "moving.png"
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    assert tuple(read(path, 0, 1024).pixels[10, 10]) == RED


def test_transparency_is_kept_and_shown_on_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((*RED, 255), (5, 5, 15, 15))
    image.save(path)
    picture = read(path, 0, 1024)
    assert picture.alpha is not None
    assert picture.alpha[0, 0] == 0
    assert tuple(picture.pixels[0, 0]) == (255, 255, 255)
    assert np.abs(picture.pixels[10, 10].astype(int) - RED).max() <= 2


def test_a_broken_colour_profile_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "profile.jpg"
    Image.new("RGB", (20, 20), RED).save(path, icc_profile=b"not a profile", quality=95)
    assert np.abs(read(path, 0, 1024).pixels[10, 10].astype(int) - RED).max() < 8


def test_a_large_picture_is_read_no_larger_than_of_use(portrait: Path) -> None:
    picture = read(portrait, 0, 200)
    assert (picture.width, picture.height) == (200, 200)


def test_a_jpeg_is_written_with_full_colour_resolution(portrait: Path, tmp_path: Path) -> None:
    with Image.open(write(read(portrait, 0, 256), tmp_path, 3)) as opened:
        assert opened.filename.endswith("output-3.jpg")
        assert opened.layer[0][1:3] == opened.layer[1][1:3] == (1, 1)
