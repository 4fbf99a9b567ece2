"""Lists, the catalogue, the keys, and any other route."""

from __future__ import annotations

from typing import Any

import pytest
from pretend_faults import Drop, Refuse
from pretend_server import MODEL, PretendServer

import officina_client as oc

INPUT = {"prompt": "a boat"}


def test_all_requests_are_listed_over_many_pages(client: Any, server: PretendServer) -> None:
    submitted = [client.submit(MODEL, INPUT).request_id for _ in range(5)]

    listed = list(client.requests())

    assert [one.request_id for one in listed] == submitted
    assert listed[0].status == "succeeded"
    assert listed[0].engine == "collage"
    assert [call.query.get("cursor") for call in server.seen("list")] == [None, "2", "4"]


def test_a_limit_bounds_the_list_and_its_pages(client: Any, server: PretendServer) -> None:
    submitted = [client.submit(MODEL, INPUT).request_id for _ in range(5)]

    listed = list(client.requests(model=MODEL, state="succeeded", cursor="1", limit=3))

    assert [one.request_id for one in listed] == submitted[1:4]
    first, second = (call.query for call in server.seen("list"))
    assert first == {"model": MODEL, "state": "succeeded", "cursor": "1", "limit": "3"}
    assert second == {**first, "cursor": "3", "limit": "1"}
    assert list(client.requests(limit=0)) == []


def test_pages_are_fetched_as_they_are_needed(client: Any, server: PretendServer) -> None:
    for _ in range(5):
        client.submit(MODEL, INPUT)
    listed = client.requests()

    next(listed)
    listed.close()

    assert len(server.seen("list")) == 1


def test_a_cursor_that_does_not_move_ends_the_list(client: Any, server: PretendServer) -> None:
    page = [{"request_id": "r", "status": "in_queue"}]
    server.answers["list"] = {"requests": page, "next_cursor": "same"}

    assert len(list(client.requests(cursor="same"))) == 1


def test_the_catalogue_is_read_over_many_pages(client: Any, server: PretendServer) -> None:
    names = [model.model_id for model in client.models()]

    assert names == [MODEL, "acme/one", "acme/two", "acme/three", "acme/four"]
    assert [call.query["offset"] for call in server.seen("models")] == ["0", "2", "4"]


def test_the_catalogue_can_be_searched(client: Any, server: PretendServer) -> None:
    found = list(
        client.models(search="t", category="image-to-image", kind="model", include_schema=True, limit=1)
    )

    assert len(found) == 1
    assert server.seen("models")[0].query == {
        "search": "t",
        "category": "image-to-image",
        "kind": "model",
        "include_schema": "true",
        "limit": "1",
        "offset": "0",
    }


def test_one_model_comes_with_its_schema(client: Any) -> None:
    model = client.model(MODEL)

    assert model.model_id == MODEL
    assert model.input_schema == {"properties": {}}
    assert model.required_inputs == ("prompt",)
    assert model.base_price_usd == 0


def test_the_categories_are_listed(client: Any) -> None:
    assert client.categories() == ("image-to-image",)


def test_keys_are_listed_made_and_revoked(client: Any, server: PretendServer) -> None:
    (known,) = client.keys()
    made = client.create_key("bob", scopes=["caller", "admin"])
    client.revoke_key("key_1")
    client.revoke_key("key_1", cancel_waiting=True)

    assert (known.id, known.secret) == ("key_1", None)
    assert (made.secret, made.scopes) == ("off_secret", ("caller", "admin"))
    assert "off_secret" not in repr(made)
    assert [call.query for call in server.seen("revoke_key")] == [{}, {"cancel_waiting": "true"}]
    with pytest.raises(oc.NotFound):
        client.revoke_key("key_9")


@pytest.mark.parametrize("fault", [Drop(late=True), Refuse(503)])
def test_a_key_is_never_made_twice(client: Any, server: PretendServer, fault: Any) -> None:
    server.fail("create_key", fault)

    with pytest.raises(oc.OfficinaApiError):
        client.create_key("bob")

    assert len(server.seen("create_key")) == 1


def test_any_route_can_be_called(client: Any, server: PretendServer) -> None:
    answer = client.call("post", "/v1/backup", query={"full": True, "none": None}, body={"to": "here"})

    assert answer == {"asked": {"to": "here"}, "query": {"full": "true"}}
    assert client.call("GET", "v1/models/categories") == {"categories": ["image-to-image"]}


def test_a_call_that_writes_is_not_repeated(client: Any, server: PretendServer) -> None:
    server.fail("backup", Refuse(503))

    with pytest.raises(oc.ServerProblem):
        client.call("POST", "/v1/backup", body={})

    assert len(server.seen("backup")) == 1


def test_the_environment_gives_the_address_and_the_key(
    connect: Any, server: PretendServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFICINA_URL", server.url + "/")
    monkeypatch.setenv("OFFICINA_KEY", "from-outside")

    connect().categories()
    connect(key="").categories()

    first, second = server.seen("categories")
    assert first.headers["authorization"] == "Bearer from-outside"
    assert "authorization" not in second.headers


@pytest.mark.parametrize(
    "base_url",
    [None, "", "example.org", "ftp://example.org", "http://", "http://a:b@example.org", "http://x/?q=1"],
)
def test_an_address_that_cannot_work_is_refused_at_once(connect: Any, base_url: str | None) -> None:
    with pytest.raises(oc.SetupProblem):
        connect(base_url, "key")


@pytest.mark.parametrize("key", ["Bearer k", "two words", "line\n", "clé", "k" * 4097])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(connect: Any, key: str) -> None:
    with pytest.raises(oc.SetupProblem) as caught:
        connect("http://127.0.0.1:1", key)

    assert key not in str(caught.value)


def test_a_base_url_may_have_a_path(connect: Any, server: PretendServer) -> None:
    client = connect(server.url + "/proxied", "k")

    with pytest.raises(oc.NotFound):
        client.categories()

    assert client.base_url == server.url + "/proxied"
