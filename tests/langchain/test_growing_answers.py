"""Structured answers while they are written: alike in every method, and the sum of a stream is what `invoke` gives."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from multiapi.negotiation import json_answers as structured
from tests.http.test_exact_values import calling, wire

TEXT = '{"city": "Oslo", "days": [1, 2, 3], "degrees": 7}'
VALUE = {"city": "Oslo", "days": [1, 2, 3], "degrees": 7}


class Typed(TypedDict):
    """The weather."""

    city: str
    days: list[int]
    degrees: int


class Weather(BaseModel):
    """The weather."""

    city: str
    days: list[int] = []
    degrees: int


class Name(BaseModel):
    """Make a user name."""

    name: str


SCHEMA = {"title": "Typed", "description": "The weather.", **Weather.model_json_schema()} | {"title": "Typed"}
METHODS = ["auto", "function_calling", "json_schema", "json_mode", "prompted"]


def model_of(provider: str, message: dict[str, Any], *, streamed: bool) -> ChatMultiApi:
    return ChatMultiApi(model=f"{provider}:m", **wire(provider, message, [], streamed=streamed))


def message_of(provider: str, text: str, method: str, name: str) -> dict[str, Any]:
    return calling(provider, text, name) if method == "function_calling" else {"role": "assistant", "content": text}


@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binom_router"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", [Typed, SCHEMA])
def test_an_answer_grows_in_every_method(provider: str, method: str, form: Any) -> None:
    model = model_of(provider, message_of(provider, TEXT, method, "Typed"), streamed=True)
    chain = model.with_structured_output(form, method=method)

    async def later() -> list[Any]:
        return [value async for value in chain.astream("x")]

    for seen in (list(chain.stream("x")), asyncio.run(later())):
        assert seen[-1] == VALUE
        assert len(seen) >= 4
        assert {"city": "Oslo"} in seen


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_of_a_class_is_given_once_it_is_valid(method: str) -> None:
    model = model_of("aimlapi", message_of("aimlapi", TEXT, method, "Weather"), streamed=True)
    assert list(model.with_structured_output(Weather, method=method).stream("x"))[-1] == Weather(**VALUE)


SHAPES = {
    "form": {"content": TEXT},
    "form as a call": calling("aimlapi", TEXT, "Weather"),
    "other tool": calling("aimlapi", '{"name": "alice"}', "Name"),
    "text only": {"content": "I do not know."},
    "refusal": {"content": None, "refusal": "no"},
    "nothing": {"content": ""},
    "broken JSON": {"content": '{"city": "Oslo", "degrees": '},
    "wrong JSON": {"content": '{"city": "Oslo", "degrees": "warm"}'},
    "two objects": {"content": f'First {TEXT}, then {{"city": "Rome", "degrees": 1}}'},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", [Weather, Typed])
@pytest.mark.parametrize("tools", [[], [Name]])
def test_the_sum_of_a_stream_is_what_invoke_gives(shape: str, form: Any, tools: list[Any]) -> None:
    message = {"role": "assistant", **SHAPES[shape]}
    if shape == "refusal":
        message.pop("content")
    made = []
    for streamed in (False, True):
        chain = model_of("aimlapi", message, streamed=streamed).with_structured_output(
            form, include_raw=True, **({"tools": tools} if tools else {})
        )

        async def later(chain: Any = chain) -> Any:
            return [piece async for piece in chain.astream("x")]

        made.append(chain.invoke("x"))
        for pieces in (list(chain.stream("x")), asyncio.run(later())):
            whole = pieces[0]
            for piece in pieces[1:]:
                whole = whole + piece
            made.append(whole)
    for answer in made:
        assert sorted(answer) == ["parsed", "parsing_error", "raw"]
        assert answer["parsed"] == made[0]["parsed"]
        assert type(answer["parsing_error"]) is type(made[0]["parsing_error"])
        assert answer["raw"].text == made[0]["raw"].text
    assert (made[0]["parsed"] is None) == (shape not in {"form", "form as a call"}) or form is Typed


def test_one_answer_is_searched_for_json_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    search = structured.json_text

    def counted(text: str, **settings: Any) -> str | None:
        searched.append(text)
        return search(text, **settings)

    monkeypatch.setattr(structured, "json_text", counted)
    for text in (TEXT, f"```json\n{TEXT}\n```", f"Here: {TEXT}"):
        for provider in ("aimlapi", "bineric"):
            searched.clear()
            model = model_of(provider, {"role": "assistant", "content": text}, streamed=False)
            assert model.with_structured_output(Typed).invoke("x") == VALUE
            assert len(searched) == 1
