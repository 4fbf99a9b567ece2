"""Data URIs as people and programs write them."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inputs import TOO_WIDE, fetch_url, refused, run
from officina.fetch.data_uri import is_data_uri, read_data_uri
from pictures import png_of, saved


def written(body: bytes) -> dict[str, str]:
    text = base64.b64encode(body).decode()
    lines = "\r\n ".join(text[at : at + 76] for at in range(0, len(text), 76))
    return {
        "plain": f"data:image/png;base64,{text}",
        "mislabelled": f"data:text/html;charset=utf-8;BASE64,{text}",
        "without type": f"data:;base64,{text}",
        "in capitals": f"DATA:image/png;base64,{text}",
        "in lines": f"data:image/png;base64, {lines}",
        "without padding": f"data:image/png;base64,{text.rstrip('=')}",
        "url-safe": f"data:image/png;base64,{text.replace('+', '-').replace('/', '_')}",
        "escaped": f"data:image/png;base64,{quote(text, safe='')}",
        "percent-encoded": f"data:image/png,{quote(body)}",
    }


@pytest.mark.parametrize("way", written(b""))
@given(body=st.binary(max_size=200))
def test_a_data_uri_is_read_however_it_is_written(way: str, body: bytes) -> None:
    source = written(body)[way]
    assert is_data_uri(source)
    assert b"".join(read_data_uri(source)) == body


def test_a_long_one_is_read_in_pieces() -> None:
    body = bytes(range(256)) * 4096
    pieces = list(read_data_uri(written(body)["plain"]))
    assert len(pieces) > 2
    assert b"".join(pieces) == body


@pytest.mark.parametrize(
    "source",
    [
        "data:image/png;base64",
        "data:image/png;base64,a",
        "data:;base64,ab*d",
        "data:;base64,ab=c",
        "data:;base64,ä",
    ],
)
def test_a_broken_one_is_told(tmp_path: Path, source: str) -> None:
    error = refused(fetch_url(source, tmp_path))
    assert error.type == "not_a_picture"
    assert error.message.startswith("image_urls[0]: the data URI ")


def test_it_passes_the_same_door_as_every_file(tmp_path: Path) -> None:
    assert refused(fetch_url(written(png_of(5000, 10))["plain"], tmp_path)).message == TOO_WIDE
    found = run(fetch_url(written(saved("PNG"))["plain"], tmp_path))
    assert (found.width, found.path.name) == (40, "0-0.png")
