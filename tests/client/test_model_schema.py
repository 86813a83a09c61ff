"""What a model takes that is newer than the packed list: read from its own document, on demand, bounded, from one host only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from multiapi import AsyncClient, Client
from multiapi.errors import (
    AddressRefusedError,
    InvalidRequestError,
    NotFoundError,
    ResponseFormatError,
    ResponseTooLargeError,
    UnsupportedError,
)
from multiapi.providers.aimlapi import RESPONSES_ONLY, catalogue
from multiapi.providers.aimlapi.catalogue import build, parameters
from multiapi.simulator import Simulator
from multiapi.simulator.contract import contract
from multiapi.simulator.vendors.aimlapi.documents import document
from multiapi.types.limits import Limits

pytestmark = pytest.mark.usefixtures("waits")

NEW = "moonshot/kimi-k3"
LISTED: list[dict[str, Any]] = json.loads((build.CONTRACTS / "aimlapi_models.json").read_bytes())
CONTRACT = yaml.safe_load((build.CONTRACTS / "aimlapi.yaml").read_bytes())


@pytest.fixture(autouse=True)
def _nothing_learnt() -> Iterator[None]:
    yield
    catalogue.forget()


def client(sent: list[httpx.Request] | None = None, **settings: Any) -> Client:
    simulator = Simulator()
    hooks = {"request": [(sent if sent is not None else []).append]}
    http = httpx.Client(transport=simulator.transport, event_hooks=hooks)
    return Client(
        "aimlapi", api_key="any-key-1234", base_url=simulator.base_url("aimlapi"), http_client=http, **settings
    )


def answering(found: Any, link: str | None = None) -> tuple[Client, list[str]]:
    """A client whose model list links `link`, and which is answered with `found`."""
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if request.url.path == "/docs-json":
            return httpx.Response(200, json=found)
        info = {"name": "N", "developer": "D", **({} if link is None else {"docsJson": link})}
        return httpx.Response(200, json={"data": {"id": "a/b", "type": "openai/chat-completions", "info": info}})

    return Client("aimlapi", api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(reply))), asked


def doc(schema: Any, path: str = "/v1/chat/completions", **more: Any) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": schema}}}
    return {"openapi": "3.0.0", "paths": {path: {"post": {"requestBody": body}}}, **more}


def test_a_document_of_three_parameters_gives_an_entry() -> None:
    sent: list[httpx.Request] = []
    assert catalogue.find(NEW) is None
    entry = catalogue.learn(client(sent), NEW)
    assert (entry.status, entry.endpoint, entry.family) == ("learnt", "POST /v1/chat/completions", "text")
    assert list(entry.params) == ["max_tokens", "temperature", "reasoning_effort"]
    assert entry.params["reasoning_effort"].enum == ("low", "high")
    assert (entry.params["temperature"].minimum, entry.params["temperature"].maximum) == (0, 1)
    assert entry.roles == ("system", "user", "assistant")
    assert catalogue.find(NEW) is entry
    assert not any("authorization" in request.headers for request in sent)


async def test_the_async_client_learns_the_same() -> None:
    simulator = Simulator()
    http = httpx.AsyncClient(transport=simulator.async_transport)
    mine = AsyncClient("aimlapi", api_key="k-123456789", base_url=simulator.base_url("aimlapi"), http_client=http)
    assert await catalogue.learn(mine, NEW) == client().model_schema(NEW)


def test_asking_teaches_nothing_and_what_was_learnt_can_be_forgotten() -> None:
    client().model_schema(NEW)
    assert catalogue.find(NEW) is None
    catalogue.learn(client(), NEW)
    catalogue.forget(NEW)
    assert catalogue.find(NEW) is None


def test_what_was_learnt_is_gone_by() -> None:
    schema = {"properties": {"prompt": {"type": "string"}, "mood": {"enum": ["calm", "wild"]}}, "required": ["prompt"]}
    mine, _ = answering(doc(schema, "/v1/images/generations"))
    catalogue.learn(mine, "a/b")
    entry = catalogue.find("a/b")
    assert entry is not None
    assert parameters.fill(entry, {"prompt": "cat", "mood": "calm"}) == {"prompt": "cat", "mood": "calm"}
    with pytest.raises(InvalidRequestError, match="calm"):
        parameters.fill(entry, {"prompt": "cat", "mood": "bored"})
    with pytest.raises(UnsupportedError):
        parameters.fill(entry, {"prompt": "cat", "seed": 1})


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/docs-json?model=a",
        "http://api.aimlapi.com/docs-json?model=a",
        "https://api.aimlapi.com:444/docs-json",
        "https://api.aimlapi.com@evil.example/docs-json",
        "https://api.aimlapi.com/v1/keys",
        "file:///etc/passwd",
        "x",
    ],
)
def test_a_link_to_another_place_is_not_opened(link: str) -> None:
    mine, asked = answering(doc({}), link)
    with pytest.raises(AddressRefusedError, match=r"https://api\.aimlapi\.com/docs-json"):
        mine.model_schema("a/b")
    assert len(asked) == 1


def test_the_link_is_asked_at_the_address_of_the_client() -> None:
    schema = {"properties": {"top_k": {"type": "integer"}}}
    mine, asked = answering(doc(schema), "https://api.aimlapi.com/docs-json?model=a%2Fb&endpoint=x%2Fy")
    assert list(mine.model_schema("a/b").params) == ["top_k"]
    assert asked[1] == "https://api.aimlapi.com/docs-json?model=a%2Fb&endpoint=x%2Fy"


def test_a_document_that_is_too_large_is_refused() -> None:
    with pytest.raises(ResponseTooLargeError):
        client(limits=Limits(document_bytes=500)).model_schema(NEW)
    assert client(limits=Limits(document_bytes=20_000, answer_bytes=2_000)).model_schema(NEW).params


@pytest.mark.parametrize("model", ["sakana/sakana-namazu", "no/such-model"])
def test_what_is_withdrawn_or_unknown_has_none(model: str) -> None:
    with pytest.raises(NotFoundError):
        client().model_schema(model)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"paths": []},
        {"paths": {"/v1/tts": {"post": {"requestBody": {"content": {"application/json": {"schema": None}}}}}}},
        doc({"properties": {"a": {}}}, "/v1/unheard-of"),
        doc({"$ref": "#/components/schemas/A"}, components={"schemas": {"A": {"$ref": "#/components/schemas/A"}}}),
        doc({"$ref": "https://evil.example/schema.json"}),
    ],
    ids=["empty", "no paths", "no schema", "another call", "a circle", "another document"],
)
def test_a_document_that_says_nothing_is_an_error_that_says_so(found: Any) -> None:
    with pytest.raises(ResponseFormatError, match="does not say what the model takes"):
        answering(found)[0].model_schema("a/b")


def test_a_document_that_refers_to_itself_ends() -> None:
    tree = {"type": "object", "properties": {f"a{i}": {"$ref": "#/components/schemas/T"} for i in range(10)}}
    with pytest.raises(ResponseFormatError, match="more than 20000 parts"):
        answering(doc({"properties": {"t": tree}}, components={"schemas": {"T": tree}}))[0].model_schema("a/b")
    line = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/L"}}}
    entry = answering(doc({"properties": {"l": line}}, components={"schemas": {"L": line}}))[0].model_schema("a/b")
    assert entry.params["l"].props["next"].types == ("object",)


def test_a_router_takes_what_any_of_its_models_takes() -> None:
    def body(name: str, **params: Any) -> dict[str, Any]:
        return {"properties": {"model": {"const": name}, **params}, "required": list(params)}

    whole, words = {"type": "integer", "minimum": 1}, {"type": "string", "enum": ["low"]}
    union = {"anyOf": [body("m1", n=whole, effort=words), body("m2", n=whole, effort={"type": "boolean"}, k=whole)]}
    params = answering(doc(union))[0].model_schema("a/b").params
    assert (params["n"].required, params["n"].minimum, params["k"].required) == (True, 1, False)
    assert (params["effort"].types, params["effort"].enum) == (("string", "boolean"), None)
    mine = {"anyOf": [*union["anyOf"], body("a/b", only=whole)]}
    assert list(answering(doc(mine))[0].model_schema("a/b").params) == ["only"]


KNOWN = [
    each
    for each in LISTED
    if "/generate/video/" not in each["endpoint"]
    and "audio/minimax" not in each["endpoint"]
    and each["family"] not in {"moderation", "search"}
]


def test_rows_made_of_documents_are_the_rows_of_the_list_byte_for_byte() -> None:
    shown = {each["id"]: document(contract("aimlapi"), each["id"]) for each in KNOWN}
    held: dict[str, Any] = {name: json.loads(json.dumps(each)) for name, each in shown.items() if each is not None}
    assert len(held) == len(KNOWN) > len(LISTED) - 12
    emptied = [{**each, "params": {}} if each["id"] in held else each for each in LISTED]
    made = build.renewed(emptied, CONTRACT, held)
    assert build.packed_bytes(build.pack(made, CONTRACT)) == build.PACKED.read_bytes()


def test_a_new_model_gets_a_row_by_the_command(tmp_path: Any) -> None:
    new = document(contract("aimlapi"), NEW)
    (tmp_path / "new.json").write_text(json.dumps(new))
    made = build.renewed(LISTED, CONTRACT, build.documents_in(tmp_path))
    assert made[:-1] == LISTED
    row = made[-1]
    assert (row["id"], row["source"], row["params"]["reasoning_effort"]["enum"]) == (NEW, "docs-json", ["low", "high"])
    assert "tools" in row["lacks"] and "max_tokens" not in row["lacks"]
    assert NEW in build.listed_bytes(made).decode()
    assert build.listed_bytes(LISTED) == (build.CONTRACTS / "aimlapi_models.json").read_bytes()


def test_the_models_of_the_responses_route_are_those_of_the_list() -> None:
    """After a change of the list: `python -m multiapi.providers.aimlapi.catalogue.build`."""
    assert build.CODE.read_text() == build.with_responses_only(build.CODE.read_text())
    assert len(RESPONSES_ONLY) == len([each for each in LISTED if each["endpoint"] == "POST /v1/responses"])


def test_only_one_provider_has_documents() -> None:
    with pytest.raises(UnsupportedError, match="aimlapi has"):
        Client("aicredits", api_key="k").model_schema("openai/gpt-4o")


def test_every_word_of_a_parameter_is_read() -> None:
    size = {"allOf": [{"properties": {"w": {"type": "integer"}}, "required": ["w"]}]}
    schema = {
        "properties": {
            "a": {"type": ["string", "null"], "maxLength": 3, "pattern": "^a"},
            "b": {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "string"}]},
            "c": {"type": "array", "items": {"type": "string", "enum": ["p", "q"]}, "minItems": 1},
            "d": size,
            "e": {"anyOf": [{"type": "object", "properties": {"type": {"const": "k1"}}}, {"type": "null"}]},
            "f": {"type": "string", "format": "binary"},
            "g": 7,
        }
    }
    params = answering(doc(schema, "/v1/tts"))[0].model_schema("a/b").params
    assert (params["a"].nullable, params["a"].max_length, params["a"].pattern) == (True, 3, "^a")
    assert (params["b"].enum, params["b"].open_enum) == (("x",), True)
    assert (params["c"].types, params["c"].item_enum, params["c"].min_items) == (("array<string>",), ("p", "q"), 1)
    assert params["d"].props["w"].required
    assert (params["e"].kinds, params["e"].nullable) == (("k1",), True)
    assert (params["f"].types, params["g"].types) == (("binary",), ("any",))
