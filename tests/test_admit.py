"""Files are checked while they arrive: types, rules, limits, and what is kept."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from inputs import FREE, SEED, TOO_LARGE, TOO_WIDE, wanted
from officina.errors import RunError
from officina.fetch.admit import MEGABYTE, Admission, Fetched, files_by_field, wanted_files
from officina.model import MediaField, MediaRule
from pictures import animated, png_of, saved, turned

VIDEO = MediaField("video_url", "video", many=False, rules=(MediaRule("file_size_mb", "<", 1, "Too large."),))
MP4 = b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(1000)


def admit(
    parts: bytes | Iterable[bytes],
    into: Path,
    media: MediaField = SEED,
    *,
    max_bytes: int = 50 * MEGABYTE,
    accepts: tuple[str, ...] = ("jpeg", "png"),
) -> Fetched:
    file = wanted("anything", media, accepts=accepts)
    with file.named(), Admission(file, into, max_bytes) as admission:
        for part in [parts] if isinstance(parts, bytes) else parts:
            admission.take(part)
        return admission.finish()


def refusal(parts: bytes | Iterable[bytes], into: Path, media: MediaField = SEED, **how: Any) -> RunError:
    with pytest.raises(RunError) as caught:
        admit(parts, into, media, **how)
    assert list(into.iterdir()) == []
    assert caught.value.run_detail["field"] == media.name
    assert caught.value.run_detail["index"] == 0
    return caught.value


@pytest.mark.parametrize(
    ("body", "name", "mime"),
    [
        (saved("JPEG"), "0-0.jpg", "image/jpeg"),
        (saved("JPEG", mode="CMYK"), "0-0.jpg", "image/jpeg"),
        (saved("PNG"), "0-0.png", "image/png"),
        (saved("PNG", mode="I;16"), "0-0.png", "image/png"),
        (animated("PNG"), "0-0.png", "image/png"),
    ],
    ids=["jpeg", "cmyk", "png", "16-bit", "apng"],
)
@pytest.mark.parametrize("step", [1, 50, 10**6])
def test_a_picture_is_kept_as_it_came(tmp_path: Path, body: bytes, name: str, mime: str, step: int) -> None:
    found = admit((body[at : at + step] for at in range(0, len(body), step)), tmp_path)
    assert found == Fetched("image_urls", 0, tmp_path / name, mime, len(body), 40, 24)
    assert found.path.read_bytes() == body
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o600


def test_a_turned_photo_is_judged_as_it_is_shown(tmp_path: Path) -> None:
    assert (found := admit(turned("JPEG"), tmp_path)).width == 24
    assert found.height == 40


def test_other_media_are_bound_by_their_size_alone(tmp_path: Path) -> None:
    found = admit(MP4, tmp_path, VIDEO)
    assert (found.mime, found.width, found.path.name) == ("video/mp4", None, "0-0.mp4")
    found.path.unlink()
    error = refusal(MP4 + bytes(MEGABYTE), tmp_path, VIDEO)
    assert (error.type, error.message) == ("validation_failed", "Too large.")


def test_a_huge_picture_is_refused_from_its_header_alone(tmp_path: Path) -> None:
    def parts() -> Iterable[bytes]:
        yield png_of(5000, 4000)[:100]
        pytest.fail("more was read than the header")

    error = refusal(parts(), tmp_path)
    assert (error.type, error.message, error.retry) == ("validation_failed", TOO_WIDE, False)
    assert error.run_detail == {
        "field": "image_urls",
        "index": 0,
        "rule": "width_pixels<=",
        "measured": 5000,
        "limit": 4096,
    }


def test_a_picture_that_is_measured_last_obeys_the_rules_too(tmp_path: Path) -> None:
    webp = turned("WEBP")  # its EXIF stands at the end
    lacking = webp[: webp.rindex(b"EXIF")]
    for body, limit in ((webp, 24), (lacking, 40)):
        rule = MediaRule("width_pixels", "<", limit, "No.")
        media = MediaField("image_url", "image", many=False, rules=(rule,))
        assert refusal(body, tmp_path, media, accepts=("webp",)).message == "No."


def test_a_strip_breaks_the_ratio_as_the_schema_gives_it(tmp_path: Path) -> None:
    assert refusal(saved("PNG", (100, 25)), tmp_path).run_detail["measured"] == 4
    assert refusal(saved("PNG", (25, 100)), tmp_path).run_detail["rule"] == "width/height>="
    admit(saved("PNG", (99, 300)), tmp_path)


def test_a_megabyte_is_read_as_the_larger_of_its_meanings(tmp_path: Path) -> None:
    picture = saved("JPEG")
    padding = bytes(15 * MEGABYTE - len(picture))
    admit([picture, padding], tmp_path).path.unlink()
    error = refusal([picture, padding, b"\0"], tmp_path)
    assert (error.type, error.message) == ("validation_failed", TOO_LARGE)


def test_the_servers_own_limit_holds_without_any_rule(tmp_path: Path) -> None:
    error = refusal([saved("JPEG"), bytes(20_000)], tmp_path, FREE, max_bytes=10_000)
    assert error.type == "file_too_large"
    assert error.message.startswith("image_url: the file is larger than")


@pytest.mark.parametrize(
    ("operator", "limit", "broken"),
    [
        ("<=", 40, False),
        ("<=", 39, True),
        ("<", 40, True),
        ("<", 41, False),
        (">", 39, False),
        (">", 40, True),
        (">=", 40, False),
        (">=", 41, True),
        ("==", 40, False),
        ("==", 41, True),
    ],
)
def test_every_operator_is_understood(tmp_path: Path, operator: Any, limit: float, broken: bool) -> None:
    media = MediaField(
        "image_url", "image", many=False, rules=(MediaRule("width_pixels", operator, limit, "No."),)
    )
    if broken:
        assert refusal(saved("PNG"), tmp_path, media).message == "No."
    else:
        admit(saved("PNG"), tmp_path, media)


def test_a_file_can_be_too_small(tmp_path: Path) -> None:
    media = MediaField(
        "image_url", "image", many=False, rules=(MediaRule("file_size_mb", ">=", 1, "Too small."),)
    )
    assert refusal(saved("PNG"), tmp_path, media).message == "Too small."
    picture = saved("JPEG")
    admit([picture, bytes(MEGABYTE)], tmp_path, media)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"\n<!DOCTYPE html><title>Sign in</title>", "an HTML page"),
        (b"<html>" + bytes(500), "an HTML page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"<?xml version='1.0'?><Error/>", "an XML text"),
        (b'{"error": "no"}', "a JSON text"),
        (b"%PDF-1.7", "a PDF"),
        (b"", "an empty file"),
        (MP4, "a video (MP4)"),
        (b"noise", "a file of an unknown type"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(tmp_path: Path, body: bytes, what: str) -> None:
    error = refusal(body, tmp_path)
    assert (error.type, error.message) == (
        "not_a_picture",
        f"image_urls[0]: {what} came instead of a picture; give a direct link to a file in JPEG or PNG.",
    )


@pytest.mark.parametrize("name", ["GIF", "WebP", "TIFF", "BMP", "AVIF"])
def test_a_format_that_the_model_does_not_take_is_named(tmp_path: Path, name: str) -> None:
    error = refusal(saved(name.upper()), tmp_path)
    assert error.type == "picture_format"
    assert error.message == f"image_urls[0]: the file's format is {name}; the model takes JPEG or PNG here."


@pytest.mark.parametrize("name", ["gif", "webp", "bmp", "avif"])
def test_a_model_may_take_more_formats(tmp_path: Path, name: str) -> None:
    assert admit(saved(name.upper()), tmp_path, accepts=("jpeg", name)).path.name == f"0-0.{name}"


def test_a_format_without_a_header_parser_is_never_taken(tmp_path: Path) -> None:
    assert refusal(saved("TIFF"), tmp_path, accepts=("png", "tiff")).type == "picture_format"


def test_a_picture_for_a_video_field_is_refused(tmp_path: Path) -> None:
    error = refusal(saved("PNG"), tmp_path, VIDEO)
    assert error.type == "picture_format"
    assert error.message == "video_url: the file's format is PNG; the model takes a video here."


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_a_truncated_picture_is_refused_with_its_index(tmp_path: Path, name: str) -> None:
    error = refusal(saved(name, (200, 200))[:-500], tmp_path)
    assert error.type == "picture_damaged"
    assert error.message.startswith(f"image_urls[0]: the {name} picture is cut off")


def test_a_header_that_ends_early_is_damaged(tmp_path: Path) -> None:
    assert refusal(saved("PNG")[:20], tmp_path).type == "picture_damaged"


def test_a_bomb_of_pixels_is_refused_where_no_rule_does(tmp_path: Path) -> None:
    error = refusal(png_of(60_000, 60_000), tmp_path, FREE)
    assert error.type == "picture_too_large"
    assert error.message.startswith("image_url: the picture has 60000 x 60000 pixels")


def test_a_folder_that_cannot_be_written_is_not_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        admit(saved("PNG"), tmp_path / "missing")
    assert (caught.value.type, caught.value.retry) == ("store_failed", True)
    assert str(tmp_path) not in caught.value.message


def test_a_file_that_is_already_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "0-0.png").write_bytes(b"first")
    with pytest.raises(RunError):
        admit(saved("PNG"), tmp_path)
    assert (tmp_path / "0-0.png").read_bytes() == b"first"


def test_the_files_of_an_input_are_listed_and_grouped_by_field(tmp_path: Path) -> None:
    media = (SEED, FREE, MediaField("mask_url", "image", many=False))
    values = {"image_urls": ["a?secret", "b"], "mask_url": "c", "image_url": None, "prompt": "file_"}
    files = wanted_files(media, ("png",), values)
    assert [each.label for each in files] == ["image_urls[0]", "image_urls[1]", "mask_url"]
    assert [each.stem for each in files] == ["0-0", "0-1", "2-0"]
    assert "secret" not in repr(files)
    fetched = [Fetched(each.field.name, each.index, Path(each.stem), "image/png", 1) for each in files]
    assert files_by_field(fetched) == {
        "image_urls": (Path("0-0"), Path("0-1")),
        "mask_url": (Path("2-0"),),
    }
