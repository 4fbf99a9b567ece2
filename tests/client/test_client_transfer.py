"""Files up and down."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pretend_faults import Cut, Drop, Refuse
from pretend_server import MODEL, PretendServer

import officina_client as oc

PICTURE = os.urandom(700_000)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a boat & co.png"
    path.write_bytes(PICTURE)
    return path


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file"])
def test_every_kind_of_source_arrives_whole(
    client: Any, server: PretendServer, picture: Path, kind: str
) -> None:
    with picture.open("rb") as file:
        source = {"path": picture, "text": str(picture), "bytes": PICTURE, "file": file}[kind]
        found = client.upload(source)
        assert not file.closed

    (call,) = server.seen("upload")
    assert call.body == PICTURE
    assert call.headers["content-length"] == str(len(PICTURE))
    assert call.query == {"filename": "upload" if kind == "bytes" else picture.name}
    assert call.headers["content-type"] == ("application/octet-stream" if kind == "bytes" else "image/png")
    assert found.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert found.size_bytes == len(PICTURE)
    assert found.expires_at is not None


def test_name_and_type_can_be_given(client: Any, server: PretendServer) -> None:
    found = client.upload(b"GIF89a", filename="x.bin", content_type="image/gif")

    assert server.seen("upload")[0].query == {"filename": "x.bin"}
    assert found.content_type == "image/gif"


def test_an_open_file_is_sent_from_where_it_stands_and_anew_after_a_failure(
    client: Any, server: PretendServer
) -> None:
    file = io.BytesIO(b"skip" + PICTURE)
    file.seek(4)
    server.fail("upload", Drop(), Refuse(503))

    client.upload(file)

    assert [call.body for call in server.seen("upload")] == [PICTURE] * 3


def test_a_stream_that_cannot_be_read_again_is_sent_once(client: Any, server: PretendServer) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    server.fail("upload", Refuse(503))
    with pytest.raises(oc.ServerProblem):
        client.upload(Pipe(PICTURE))

    client.upload(Pipe(PICTURE))
    assert [call.body for call in server.seen("upload")] == [PICTURE] * 2


def test_a_file_that_is_not_there_is_told_by_the_system(client: Any, server: PretendServer) -> None:
    with pytest.raises(FileNotFoundError):
        client.upload("nowhere.png")

    assert not server.calls


def test_an_uploaded_file_stands_in_an_input_by_its_url(client: Any, server: PretendServer) -> None:
    found = client.upload(b"bytes")

    client.submit(MODEL, {"image_urls": [found], "prompt": "a boat"})

    assert json.loads(server.seen("submit")[0].body)["image_urls"] == [found.url]


def test_a_download_arrives_whole_with_the_key(client: Any, server: PretendServer, tmp_path: Path) -> None:
    server.files["a.png"] = PICTURE

    by_url = client.download(f"{server.url}/files/a.png", tmp_path / "one.png")
    by_path = client.download("/files/a.png", str(tmp_path))

    assert by_url.read_bytes() == by_path.read_bytes() == PICTURE
    assert by_path == tmp_path / "a.png"
    assert {call.headers["authorization"] for call in server.seen("file")} == {"Bearer k-123"}


def test_the_key_is_never_sent_to_another_host(
    client: Any, server: PretendServer, elsewhere: PretendServer, tmp_path: Path
) -> None:
    elsewhere.files["a.png"] = PICTURE

    client.download(f"{elsewhere.url}/files/a.png", tmp_path / "a.png")

    (call,) = elsewhere.seen("file")
    assert "authorization" not in call.headers


def test_a_download_that_breaks_off_is_begun_anew(client: Any, server: PretendServer, tmp_path: Path) -> None:
    server.files["a.png"] = PICTURE
    server.fail("file", Cut(100_000), Drop(), Refuse(503))

    client.download("/files/a.png", tmp_path)

    assert (tmp_path / "a.png").read_bytes() == PICTURE
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_download_that_fails_leaves_what_was_there(
    client: Any, server: PretendServer, tmp_path: Path
) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"before")
    server.files["a.png"] = PICTURE
    server.fail("file", *[Cut(100_000)] * 4)

    with pytest.raises(oc.ConnectionProblem):
        client.download("/files/a.png", target)
    with pytest.raises(oc.NotFound):
        client.download("/files/b.png", target)

    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_download_never_leaves_its_folder(client: Any, server: PretendServer, tmp_path: Path) -> None:
    server.files["..%2F..%2Fevil"] = b"x"
    server.files["evil"] = b"x"
    folder = tmp_path / "in"
    folder.mkdir()

    assert client.download(f"{server.url}/files/evil?name=../../x", folder) == folder / "evil"
    with pytest.raises(oc.NotFound):
        client.download(f"{server.url}/files/..%2F..%2Fother", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_route_that_makes_its_file_is_asked_once(
    client: Any, server: PretendServer, tmp_path: Path
) -> None:
    server.answers["backup"] = {"all": "of it"}

    kept = client.download("/v1/backup", tmp_path / "backup.tar", method="post")
    server.fail("backup", Refuse(503))
    with pytest.raises(oc.ServerProblem):
        client.download("/v1/backup", tmp_path / "again.tar", method="POST")

    assert json.loads(kept.read_bytes()) == {"all": "of it"}
    assert len(server.seen("backup")) == 2


@pytest.mark.parametrize("url", ["ftp://example.org/a", "file:///etc/hosts", "//example.org/a", "a.png", ""])
def test_only_http_is_downloaded(client: Any, tmp_path: Path, url: str) -> None:
    with pytest.raises(oc.InvalidInput):
        client.download(url, tmp_path / "a")


def test_a_folder_that_is_not_there_is_told_by_the_system(
    client: Any, server: PretendServer, tmp_path: Path
) -> None:
    server.files["a.png"] = PICTURE

    with pytest.raises(FileNotFoundError):
        client.download("/files/a.png", tmp_path / "nowhere" / "a.png")
