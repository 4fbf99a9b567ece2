"""The signature, version 4, against published vectors.

The first two are the worked examples of Volcengine's and BytePlus' documentation (docs 6369/67270, in its older
and its present form), whose keys were made for it. The others are from the test suite that AWS published for the
scheme from which Volcengine's is taken; they differ in its words alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import httpx
import pytest

from officina.engines.remote.jimeng import authorizer
from officina.engines.remote.signing import (
    VOLCENGINE,
    Scheme,
    Signer,
    canonical_query,
    canonical_request,
    sha256,
    stamp_of,
    string_to_sign,
)

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
LIST_USERS = [("Version", "2018-01-01"), ("Action", "ListUsers"), ("Offset", "0"), ("Limit", "10")]

OLDER = Signer(
    "AKLTMjI2ODVlYzI3ZGY1NGU4ZjhjYWRjMTlmNTM5OTZkYzE",
    "TnpCak5XWXpZV1U0WkRaaE5ERmxaR0ZpTmpjeVkyUXlZek0wTWpJMU1qWQ==",
    "cn-north-1",
    "iam",
)
PRESENT = Signer(
    "AKLTYWViMTVmZGYzM2E0NDI5Mzk2MDZjNjFmMjc2MjRjMzg",
    "WkRZeE1EQmxPVGhsWWpWak5HVmtNbUUxTXpZeU9UVXlOMlE1TmpZeVlqTQ==",
    "cn-beijing",
    "iam",
)

AWS = Scheme("AWS4-HMAC-SHA256", "AWS4", "aws4_request")
SUITE = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service", AWS)


def test_the_older_example_of_volcengine_step_by_step() -> None:
    stamp, headers = (
        "20201230T081805Z",
        {
            "X-Date": "20201230T081805Z",
            "Host": "iam.volcengineapi.com",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Content-Sha256": NOTHING,
        },
    )
    query = canonical_query(LIST_USERS)
    assert query == "Action=ListUsers&Limit=10&Offset=0&Version=2018-01-01"
    request = canonical_request("GET", "/", query, headers, sha256(b""))
    text = string_to_sign(VOLCENGINE, stamp, "20201230/cn-north-1/iam/request", request)
    assert text.splitlines() == [
        "HMAC-SHA256",
        "20201230T081805Z",
        "20201230/cn-north-1/iam/request",
        "3a4d4dee07c3308a52da01bc12d7a83c3705bfa543f51648f46de880bb2a7447",
    ]
    assert OLDER.authorization("GET", "/", query, headers, sha256(b""), stamp) == (
        f"HMAC-SHA256 Credential={OLDER.access_key}/20201230/cn-north-1/iam/request, "
        "SignedHeaders=content-type;host;x-content-sha256;x-date, "
        "Signature=28eeabbbd726b87002e0fe58ad8c1c768e619b06e2646f35b6ad7ed029a6d8a7"
    )


def test_the_present_example_of_volcengine_step_by_step() -> None:
    stamp = "20240619T071306Z"
    headers = {"Host": "iam.volcengineapi.com", "X-Date": stamp}
    query = canonical_query(LIST_USERS)
    request = canonical_request("GET", "/", query, headers, NOTHING)
    assert sha256(request.encode()) == "5ed5bca3905e1fcbf789abb56a17c2d819674a3bcfa468ae476bd1ea80d135cb"
    key = "abee62e533a58934c49954459a3c3237d2fccea517c9a7c8a2651d8ea7779826"
    assert PRESENT.signing_key("20240619").hex() == key
    assert PRESENT.authorization("GET", "/", query, headers, NOTHING, stamp).endswith(
        "SignedHeaders=host;x-date, "
        "Signature=e31c4558bcfe08a286001f59cedbf0791ffd0b2362f10e55ee2627467bcdde93"
    )


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        (
            [("Param-3", "Value3"), ("Param", "Value2"), ("ሴ", "Value1")],
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        ([("ሴ", "bar")], "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            [("Param2", "value2"), ("Param1", "value1")],
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            [("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",) * 2],
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
    ],
    ids=["order-encoded", "utf8", "order-key-case", "unreserved"],
)
def test_queries_of_the_published_suite(query: list[tuple[str, str]], signature: str) -> None:
    stamp = "20150830T123600Z"
    headers = {"Host": "example.amazonaws.com", "X-Amz-Date": stamp}
    value = SUITE.authorization("GET", "/", canonical_query(query), headers, NOTHING, stamp)
    assert value.endswith(f"SignedHeaders=host;x-amz-date, Signature={signature}")


def test_a_body_of_the_published_suite() -> None:
    stamp, digest = "20150830T123600Z", sha256(b"Param1=value1")
    assert digest == "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Host": "example.amazonaws.com",
        "Content-Length": "13",
        "x-amz-content-sha256": digest,
        "X-Amz-Date": stamp,
    }
    value = SUITE.authorization("POST", "/", "", headers, digest, stamp)
    assert value == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=content-length;content-type;host;x-amz-content-sha256;x-amz-date, "
        "Signature=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
    )


def test_a_request_is_signed_over_what_is_sent_at_the_time_it_is_sent() -> None:
    body = json.dumps({"req_key": "jimeng_t2i_v40", "prompt": "小船"}).encode()
    request = httpx.Request(
        "POST",
        "https://visual.volcengineapi.com/?Version=2022-08-31&Action=CVSync2AsyncSubmitTask",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    added = authorizer(Signer("AK", "SK", "cn-north-1", "cv"), now=lambda: moment)(request)
    assert added["X-Date"] == stamp_of(moment) == "20260102T030405Z"
    assert added["Authorization"].endswith(f"Signature={by_hand('SK', body, added)}")


def test_a_temporary_key_is_sent_and_signed() -> None:
    request = httpx.Request(
        "POST", "https://h.example/", json={}, headers={"Content-Type": "application/json"}
    )
    added = authorizer(Signer("AK", "SK", "cn-north-1", "cv"), "temporary-token")(request)
    assert added["X-Security-Token"] == "temporary-token"
    assert "x-date;x-security-token" in added["Authorization"]


def test_a_signer_does_not_show_its_secret() -> None:
    assert "SK" not in repr(Signer("AK", "SK", "cn-north-1", "cv"))


def by_hand(secret: str, body: bytes, headers: dict[str, str] | httpx.Headers) -> str:
    """The signature of a submit, derived once more and straight from the documentation."""
    lines = (
        "POST",
        "/",
        "Action=CVSync2AsyncSubmitTask&Version=2022-08-31",
        "content-type:application/json",
        "host:visual.volcengineapi.com",
        f"x-content-sha256:{hashlib.sha256(body).hexdigest()}",
        f"x-date:{headers['X-Date']}",
        "",
        "content-type;host;x-content-sha256;x-date",
        hashlib.sha256(body).hexdigest(),
    )
    stamp = headers["X-Date"]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = f"HMAC-SHA256\n{stamp}\n{stamp[:8]}/cn-north-1/cv/request\n{digest}"
    key = secret.encode()
    for part in (stamp[:8], "cn-north-1", "cv", "request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()
