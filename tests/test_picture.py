"""Types by magic bytes, and sizes from headers."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from officina.errors import RunError
from officina.picture import (
    MAX_PIXELS,
    PROBED,
    SNIFF_BYTES,
    HeaderProbe,
    PictureInfo,
    check_pixels,
    check_whole,
    probe,
    sniff,
)
from pictures import animated, png_of, saved, turned

Build = Callable[[], bytes]


def measured(data: bytes, step: int = 65536) -> PictureInfo:
    kind = sniff(data)
    assert kind is not None
    header = HeaderProbe(kind.name)
    for at in range(0, len(data), step):
        if header.feed(data[at : at + step]):
            break
    return header.end()


PICTURES: dict[str, Build] = {
    "jpeg": lambda: saved("JPEG"),
    "progressive jpeg": lambda: saved("JPEG", progressive=True),
    "grey jpeg": lambda: saved("JPEG", mode="L"),
    "cmyk jpeg": lambda: saved("JPEG", mode="CMYK"),
    "png": lambda: saved("PNG"),
    "16-bit png": lambda: saved("PNG", mode="I;16"),
    "palette png": lambda: saved("PNG", mode="P"),
    "webp": lambda: saved("WEBP"),
    "lossless webp": lambda: saved("WEBP", lossless=True),
    "transparent webp": lambda: saved("WEBP", mode="RGBA", lossless=False),
    "gif": lambda: saved("GIF"),
    "bmp": lambda: saved("BMP"),
    "avif": lambda: saved("AVIF"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_known_by_its_bytes_and_measured_from_its_header(name: str) -> None:
    data = PICTURES[name]()
    kind = sniff(data[:SNIFF_BYTES])
    assert kind is not None
    assert (kind.name, kind.kind) == (name.rsplit(" ", maxsplit=1)[-1], "image")
    info = measured(data)
    assert (info.format, info.width, info.height, info.animated) == (kind.name, 40, 24, False)


@pytest.mark.parametrize("name", PICTURES)
def test_bytes_may_come_one_at_a_time(name: str) -> None:
    data = PICTURES[name]()
    assert measured(data, step=1) == measured(data)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_taken_after_the_turn_that_exif_asks_for(format_: str, orientation: int) -> None:
    info = measured(turned(format_, orientation))
    assert (info.width, info.height) == ((24, 40) if orientation >= 5 else (40, 24))


def test_a_turned_avif_is_measured_as_it_is_shown() -> None:
    data = turned("AVIF", 6)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (40, 24) or picture.size == (24, 40)
    info = measured(data)
    assert (info.width, info.height) == (24, 40)


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_an_animation_is_noticed(format_: str) -> None:
    assert measured(animated(format_)).animated


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "mp4", "video"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", "mov", "video"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif", "image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic", "image"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm", "webm", "video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "wav", "audio"),
        (b"ID3\4\0\0\0\0\0\0", "mp3", "audio"),
        (b"II*\0\x08\0\0\0", "tiff", "image"),
    ],
)
def test_other_media_are_told_apart(head: bytes, name: str, kind: str) -> None:
    found = sniff(head)
    assert found is not None
    assert (found.name, found.kind) == (name, kind)


@pytest.mark.parametrize(
    "head",
    [b"", b"<!DOCTYPE html><html>", b"<svg xmlns=''>", b"%PDF-1.7", b"BMX is a sport", b"RIFF\0\0\0\0JUNK"],
)
def test_what_is_no_media_is_not_taken_for_it(head: bytes) -> None:
    assert sniff(head) is None


def test_a_profile_of_megabytes_before_the_size_is_passed_over() -> None:
    plain = saved("JPEG")
    bulk = b"\xff\xe2\xff\xff" + bytes(65533)
    data = plain[:2] + bulk * 40 + turned("JPEG")[2:]
    assert (measured(data).width, measured(data).height) == (24, 40)


def test_a_webp_that_promises_exif_and_holds_none_is_measured_as_it_is(tmp_path: Path) -> None:
    data = turned("WEBP", 6)
    lacking = data[: data.rindex(b"EXIF")]
    path = tmp_path / "picture.webp"
    path.write_bytes(lacking)
    info = probe(path)
    assert (info.width, info.height) == (40, 24)
    with pytest.raises(RunError, match="cut off"):
        check_whole(path, info)


def test_the_size_of_a_huge_png_is_known_after_its_first_bytes() -> None:
    header = HeaderProbe("png")
    info = header.feed(png_of(5000, 5000)[:64])
    assert info is not None
    assert (info.width, info.height) == (5000, 5000)


def test_a_header_without_end_is_refused() -> None:
    with pytest.raises(RunError) as caught:
        HeaderProbe("jpeg").feed(b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000)
    assert caught.value.type == "picture_damaged"


@pytest.mark.parametrize(
    "data", [png_of(0, 10), b"\x89PNG\r\n\x1a\n" + bytes(40), b"\xff\xd8\xff\xd9\xff\xd9"]
)
def test_a_header_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(RunError) as caught:
        measured(data)
    assert caught.value.type == "picture_damaged"


@pytest.mark.parametrize("name", PICTURES)
def test_a_file_that_ends_within_its_header_is_refused(name: str) -> None:
    header = HeaderProbe(name.rsplit(" ", maxsplit=1)[-1])
    header.feed(PICTURES[name]()[:9])
    with pytest.raises(RunError) as caught:
        header.end()
    assert caught.value.type == "picture_damaged"


@given(st.sampled_from(sorted(PROBED)), st.binary(max_size=400))
def test_noise_is_either_measured_or_refused_with_our_own_error(name: str, noise: bytes) -> None:
    header = HeaderProbe(name)
    damage: RunError | None = None
    try:
        info = header.feed(noise) or header.end()
    except RunError as error:
        damage = error
    assert damage.type == "picture_damaged" if damage else min(info.width, info.height) > 0


def test_a_bomb_is_refused_by_its_pixels() -> None:
    check_pixels(measured(png_of(10_000, 10_000)))
    with pytest.raises(RunError) as caught:
        check_pixels(measured(png_of(60_000, 60_000)))
    assert caught.value.type == "picture_too_large"
    assert caught.value.run_detail["limit"] == MAX_PIXELS


def probed(tmp_path: Path, data: bytes) -> tuple[Path, PictureInfo]:
    path = tmp_path / "picture"
    path.write_bytes(data)
    return path, probe(path)


@pytest.mark.parametrize("name", PICTURES)
def test_a_whole_file_is_whole(tmp_path: Path, name: str) -> None:
    check_whole(*probed(tmp_path, PICTURES[name]()))


@pytest.mark.parametrize("name", ["jpeg", "progressive jpeg", "png", "webp"])
def test_a_file_that_was_cut_off_is_damaged(tmp_path: Path, name: str) -> None:
    data = PICTURES[name]()
    for kept in (len(data) - 10, len(data) * 19 // 20):
        with pytest.raises(RunError) as caught:
            check_whole(*probed(tmp_path, data[:kept]))
        assert caught.value.type == "picture_damaged"


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_bytes_behind_the_end_are_no_harm(tmp_path: Path, name: str) -> None:
    check_whole(*probed(tmp_path, PICTURES[name]() + bytes(200_000)))


def test_the_end_of_an_embedded_preview_is_not_the_end_of_the_picture(tmp_path: Path) -> None:
    data, preview = saved("JPEG", (400, 300)), saved("JPEG")
    part = b"Exif\0\0" + preview
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part + data[2:]
    check_whole(*probed(tmp_path, data))
    with pytest.raises(RunError, match="cut off"):
        check_whole(*probed(tmp_path, data[:-100]))


def test_probing_a_file_says_what_is_not_a_picture(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        probed(tmp_path, b"<html>")
    assert caught.value.type == "not_a_picture"
    with pytest.raises(RunError) as caught:
        probed(tmp_path, saved("TIFF"))
    assert caught.value.type == "picture_format"
