"""Arguments from elsewhere: those of a call of OpenAI's SDK in every place, of connections, of other packages, and with slips."""

from __future__ import annotations

import inspect
import json
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi.client.arguments import CONNECTION, FIELDS, MEANINGLESS, resembled
from multiapi.errors import InvalidRequestError

SECRET = "http://user:PASSWORD@proxy.example"


class Wire:
    """Answers chats and embeddings; keeps requests."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.url.path.endswith("embeddings"):
            return httpx.Response(200, json={"data": [{"index": 0, "embedding": [0.1]}], "model": "m"})
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})

    def settings(self, **more: Any) -> dict[str, Any]:
        http_client = httpx.Client(transport=httpx.MockTransport(self))
        return {"provider": "aimlapi", "model": "m", "api_key": "k", "http_client": http_client, **more}

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.sent[-1].content)  # type: ignore[no-any-return]


ARGUMENTS: dict[str, Any] = {
    "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
    "extra_headers": {"x-team": "a"},
    "extra_query": {"v": "1"},
    "timeout": 3,
}


@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # made up
@pytest.mark.parametrize("place", ["constructor", "additional_kwargs", "call"])
@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("kind", [MultiApiLLM, MultiApiEmbedding])
def test_what_openais_sdk_takes_beside_the_body_goes_where_it_belongs(kind: Any, argument: str, place: str) -> None:
    if kind is MultiApiEmbedding and place == "call":
        pytest.skip("embeddings take no arguments with a call")
    wire = Wire()
    given = {argument: ARGUMENTS[argument]}
    made = {"constructor": given, "additional_kwargs": {"additional_kwargs": given}}.get(place, {})
    model = kind(**wire.settings(**made))
    if kind is MultiApiLLM:
        model.complete("x", **(given if place == "call" else {}))
    else:
        model.get_text_embedding("x")
    request = wire.sent[-1]
    assert ARGUMENTS.keys() & wire.body.keys() == set()
    assert wire.body.get("chat_template_kwargs") == ({"enable_thinking": False} if argument == "extra_body" else None)
    assert request.headers.get("x-team") == ("a" if argument == "extra_headers" else None)
    assert dict(request.url.params) == ({"v": "1"} if argument == "extra_query" else {})
    assert (request.extensions["timeout"]["read"] == 3) == (argument == "timeout")


@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # made up
def test_bodies_are_merged_and_the_calls_values_win() -> None:
    wire = Wire()
    own = {"extra_body": {"a": {"x": 1}, "b": 1}, "additional_kwargs": {"extra_body": {"a": {"y": 2}}, "c": 3}}
    MultiApiLLM(**wire.settings(**own)).complete("x", extra_body={"a": {"x": 9}})
    assert {name: wire.body[name] for name in "abc"} == {"a": {"x": 9, "y": 2}, "b": 1, "c": 3}


@pytest.mark.parametrize("kind", [ChatMultiApi, MultiApiLLM, MultiApiEmbedding])
def test_arguments_of_connections_are_refused_by_name_and_their_values_are_not_shown(kind: Any) -> None:
    of_httpx = {"headers", *inspect.signature(httpx.Client.__init__).parameters} - {"self", "timeout", "base_url"}
    names = (
        {*CONNECTION, *of_httpx}
        - set(kind.model_fields)
        - ({"extra_headers", "extra_query"} if kind is not ChatMultiApi else set())
    )
    names -= set() if kind is ChatMultiApi else {"api_version"}  # that of OpenAILike is left out
    assert names
    for name in names:
        with pytest.raises((InvalidRequestError, ValueError), match=f"{name} is not an argument") as failure:
            kind(**Wire().settings(**{name: SECRET}))
        assert "PASSWORD" not in str(failure.value) + repr(failure.value)


@pytest.mark.parametrize("name", sorted(MEANINGLESS - {"use_responses_api"}))
@pytest.mark.parametrize("kind", [ChatMultiApi, MultiApiLLM])
def test_what_means_nothing_is_left_out_with_one_warning(kind: Any, name: str) -> None:
    wire = Wire()
    with pytest.warns(UserWarning, match="mean nothing") as said:
        model = kind(**wire.settings(**{name: True}))
    assert len(said) == 1
    model.invoke("x") if kind is ChatMultiApi else model.complete("x")
    assert name not in wire.body


DECIDED = {
    "openai_api_key",
    "openai_api_base",
    "api_base",
    "additional_kwargs",
    "model_name",
    "request_timeout",
    "stop_sequences",
}


@pytest.mark.parametrize(
    ("module", "name", "ours"),
    [
        ("langchain_openai", "ChatOpenAI", ChatMultiApi),
        ("langchain_openai", "OpenAIEmbeddings", None),
        ("llama_index.llms.openai_like", "OpenAILike", MultiApiLLM),
    ],
)
def test_every_argument_of_the_classes_people_come_from_is_decided(module: str, name: str, ours: Any) -> None:
    theirs = getattr(pytest.importorskip(module), name)
    names = set(theirs.model_fields) | {field.alias for field in theirs.model_fields.values() if field.alias}
    taken = set(ChatMultiApi.model_fields) | set(MultiApiLLM.model_fields) | set(MultiApiEmbedding.model_fields)
    from langchain_multiapi import MultiApiEmbeddings

    taken |= set(MultiApiEmbeddings.model_fields)
    undecided = (
        names - taken - DECIDED - CONNECTION.keys() - MEANINGLESS - FIELDS - {"chunk_size", "strict", "audio_config"}
    )
    assert not undecided, ours


SLIPS = {
    "temprature": "temperature",
    "max_tokns": "max_tokens",
    "presense_penalty": "presence_penalty",
    "sed": None,
    "top_a": None,
}


@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # made up
@pytest.mark.parametrize(("slip", "meant"), SLIPS.items())
def test_a_slip_is_refused_with_the_name_that_was_meant(slip: str, meant: str | None) -> None:
    ways = [
        lambda wire: ChatMultiApi(**wire.settings(**{slip: 1})).invoke("x"),
        lambda wire: ChatMultiApi(**wire.settings()).invoke("x", **{slip: 1}),
        lambda wire: ChatMultiApi(**wire.settings()).bind(**{slip: 1}).invoke("x"),
        lambda wire: list(ChatMultiApi(**wire.settings()).stream("x", **{slip: 1})),
        lambda wire: MultiApiLLM(**wire.settings(**{slip: 1})).complete("x"),
        lambda wire: MultiApiLLM(**wire.settings()).complete("x", **{slip: 1}),
    ]
    for way in ways if meant is not None else ():
        wire = Wire()
        with pytest.raises((InvalidRequestError, ValueError), match=f"{slip} is not an argument .*{meant} is"):
            way(wire)
        assert not wire.sent
    for model in (ChatMultiApi(**(wire := Wire()).settings()),):
        model.invoke("x", extra_body={slip: 1})
        assert wire.body[slip] == 1


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_no_field_of_a_body_is_taken_for_a_slip(field: str) -> None:
    assert resembled(field, ChatMultiApi.model_fields) is None
