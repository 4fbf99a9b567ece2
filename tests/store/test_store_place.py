"""Where a store may be, and what a wrong setting is told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from road_server import serving

from officina.cli import checks
from officina.cli.checks import Finding
from officina.errors import SettingsError, Unavailable
from officina.settings import Settings
from officina.store import open_store, place_of
from pictures import saved
from s3_server import BUCKET, S3Server, s3_serving

S3 = Settings(store="s3://pictures/a/b")


def refusal(settings: Settings) -> str:
    with pytest.raises(SettingsError) as refused:
        place_of(settings)
    return refused.value.message


def test_without_a_setting_files_are_in_the_data_folder(tmp_path: Path) -> None:
    assert place_of(Settings(data=tmp_path)).folder == tmp_path / "files"


def test_a_folder_elsewhere_is_named_by_a_file_url(tmp_path: Path) -> None:
    assert place_of(Settings(store=f"file://{tmp_path}/a%20b")).folder == tmp_path / "a b"


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_a_bucket_may_have_a_prefix(scheme: str) -> None:
    place = place_of(Settings(store=f"{scheme}://pictures/a/b/"))

    assert (place.scheme, place.bucket, place.prefix, place.folder) == (scheme, "pictures", "a/b", None)


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("gcs://b", "did you mean gs://?"),
        ("s3s://b", "did you mean s3://?"),
        ("azure://b", "did you mean az://?"),
        ("ftp://b", "it takes s3://, gs://, az://, file://"),
        ("pictures", "it takes s3://"),
        ("https://minio.example.org/b", "store_endpoint"),
        ("s3://", "names no bucket"),
        ("file://folder", "from the root"),
    ],
)
def test_a_wrong_address_is_told_what_to_write_instead(store: str, words: str) -> None:
    assert words in refusal(Settings(store=store))


@pytest.mark.parametrize("store", ["s3://id:pa55word@b/p", "az://c/p?sig=pa55word", "s3://b#pa55word"])
def test_credentials_in_the_address_are_refused_and_not_repeated(store: str) -> None:
    message = refusal(Settings(store=store))

    assert "AWS_SECRET_ACCESS_KEY" in message
    assert "pa55word" not in message


@pytest.mark.parametrize(
    "endpoint", ["minio:9000", "ftp://minio", "https://id:pa55word@minio", "https://m?a=b"]
)
def test_an_endpoint_is_a_plain_url(endpoint: str) -> None:
    message = refusal(replace(S3, store_endpoint=endpoint))

    assert "plain URL" in message
    assert "pa55word" not in message


def test_plain_http_leaves_this_machine_only_by_a_setting() -> None:
    away = replace(S3, store_endpoint="http://10.1.2.3:9000")

    assert "store_http" in refusal(away)
    assert place_of(replace(away, store_http=True)).endpoint == "http://10.1.2.3:9000"
    assert place_of(replace(S3, store_endpoint="http://127.0.0.1:9000")).endpoint


@pytest.mark.parametrize("how", ["sign", "https://", "ftp://x", "https://x?y=z"])
def test_file_urls_is_one_of_three(how: str) -> None:
    assert "proxied" in refusal(replace(S3, file_urls=how))


@pytest.mark.parametrize("how", ["signed", "https://cdn.example.org"])
def test_a_folder_can_only_be_delivered_by_the_gateway(how: str) -> None:
    assert "object store" in refusal(Settings(file_urls=how))


@pytest.mark.parametrize("seconds", [0, 8 * 86400])
def test_signed_urls_hold_no_longer_than_providers_allow(seconds: float) -> None:
    assert "604800" in refusal(replace(S3, file_urls="signed", file_urls_s=seconds))


def probed(settings: Settings) -> str:
    async def run() -> str:
        with pytest.raises((SettingsError, Unavailable)) as refused:
            await open_store(place_of(settings)).probe()
        return f"{refused.type.__name__}: {refused.value.message}"

    return asyncio.run(run())


def test_a_bucket_that_does_not_exist_is_named(s3: S3Server) -> None:
    said = probed(Settings(store="s3://pictuers/a", store_endpoint=s3.url))

    assert said.startswith("SettingsError") and "no bucket 'pictuers'; create it" in said


def test_credentials_without_permission_are_told_which_to_get(tmp_path: Path) -> None:
    with s3_serving(tmp_path, INITIAL_NO_AUTH_ACTION_COUNT="1") as strict:
        said = probed(Settings(store=f"s3://{BUCKET}/a", store_endpoint=strict.url))

    assert said.startswith("SettingsError") and "refuses to put" in said and "permissions" in said
    assert "a-secret-of-the-store" not in said


def test_a_store_that_is_away_is_no_wrong_setting(tmp_path: Path, unused_port: int) -> None:
    said = probed(Settings(store=f"s3://{BUCKET}", store_endpoint=f"http://127.0.0.1:{unused_port}"))

    assert said.startswith("Unavailable") and "store_endpoint" in said


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="cannot be made"):
        open_store(place_of(Settings(store=f"file://{tmp_path}/file/below")))


def doctors(settings: Settings) -> Finding:
    return list(checks.store(settings))[-1]


def test_the_doctor_says_where_files_are_and_how_they_are_delivered(s3: S3Server, tmp_path: Path) -> None:
    bucket = Settings(store=f"s3://{BUCKET}/{tmp_path.name}", store_endpoint=s3.url, file_urls="signed")

    in_bucket, in_folder = doctors(bucket), doctors(Settings(data=tmp_path))

    assert in_bucket.grade == in_folder.grade == "ok"
    assert f"s3://{BUCKET}/{tmp_path.name} can be read and written" in in_bucket.text
    assert "signed URLs, good for 3600 s" in in_bucket.text
    assert "delivered by the gateway" in in_folder.text


def test_the_doctor_says_what_is_wrong_with_a_store(s3: S3Server, unused_port: int) -> None:
    away = Settings(store=f"s3://{BUCKET}", store_endpoint=f"http://127.0.0.1:{unused_port}")

    assert [doctors(each).grade for each in (away, replace(away, store="gcs://x"))] == ["fail", "fail"]
    assert "no bucket" in doctors(replace(away, store="s3://nowhere", store_endpoint=s3.url)).text


def test_a_back_up_of_a_server_on_a_bucket_says_where_the_files_are(s3: S3Server, tmp_path: Path) -> None:
    where = ("--store", f"s3://{BUCKET}/{tmp_path.name}", "--store-endpoint", s3.url)
    tar = tmp_path / "officina.tar"
    with serving(tmp_path / "data", *where, workers=0) as server:
        server.upload(saved("PNG"))
        command = [*(sys.executable, "-m", "officina", "backup", "--to", str(tar), "--json")]
        done = subprocess.run(
            [*command, "--url", server.url, "--key", server.key], capture_output=True, text=True, check=True
        )

    assert json.loads(done.stdout)["files_elsewhere"] == f"s3://{BUCKET}/{tmp_path.name}"
    with tarfile.open(tar) as archive:
        assert archive.getnames() == ["officina.db"]
