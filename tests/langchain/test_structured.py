"""Answers of a given form: every way, every kind of schema, every vendor."""

from __future__ import annotations

import json
from typing import Any, TypedDict

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ModelInvalidRequestError, OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, Field, ValidationError
from pydantic.v1 import BaseModel as OldBaseModel

from langchain_multiapi._structured import AnswerParser
from multiapi.formats.schemas import SchemaStyle, written

from .wire import Server, call, delta, stream, whole


class Weather(BaseModel):
    """The weather at a place."""

    place: str = Field(description="where")
    degrees: int = Field(description="how warm")


class OldWeather(OldBaseModel):
    """The weather at a place."""

    place: str
    degrees: int


class WeatherDict(TypedDict):
    """The weather at a place."""

    place: str
    degrees: int


SCHEMA = {
    "title": "Weather",
    "description": "The weather at a place.",
    "type": "object",
    "properties": {"place": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["place", "degrees"],
}
FUNCTION = {
    "name": "Weather",
    "description": "The weather.",
    "parameters": {k: v for k, v in SCHEMA.items() if k != "title"},
}
ASKED = "It is 21 degrees in Paris."
VALUE = {"place": "Paris", "degrees": 21}
JSON = json.dumps(VALUE)


@pytest.mark.parametrize("method", [None, "function_calling", "json_schema", "json_mode", "prompted"])
@pytest.mark.parametrize(
    "schema",
    [Weather, OldWeather, WeatherDict, SCHEMA, FUNCTION],
    ids=lambda schema: getattr(schema, "__name__", "dict"),
)
def test_every_schema_by_every_method_on_every_vendor(vendor: str, schema: Any, method: Any, make_model: Any) -> None:
    model = make_model(vendor)
    form = model.with_structured_output(schema, method=method)
    asked = f"{ASKED} Answer with JSON of this schema: {json.dumps(SCHEMA)}" if method == "json_mode" else ASKED
    if vendor in {"bineric", "binobox"} and method in {"json_schema", "json_mode"}:
        with pytest.raises(ModelInvalidRequestError, match=f"{vendor} has no {method}"):
            form.invoke(asked)
        return
    value = form.invoke(asked)
    assert (value if isinstance(value, dict) else value.dict()) == VALUE
    if isinstance(schema, type) and issubclass(schema, (BaseModel, OldBaseModel)):
        assert type(value) is schema


async def test_streams_give_growing_dicts_and_whole_objects(vendor: str, make_model: Any) -> None:
    model = make_model(vendor)
    dicts = list(model.with_structured_output(SCHEMA).stream(ASKED))
    assert dicts[-1] == VALUE
    assert all(set(value) <= set(VALUE) for value in dicts)
    objects = [value async for value in model.with_structured_output(Weather).astream(ASKED)]
    assert objects[-1] == Weather(**VALUE)


@pytest.mark.parametrize("strict", [None, False, True])
def test_strictness_is_sent_if_it_is_set(strict: bool | None) -> None:
    server = Server(whole({"content": JSON}))
    server.model().with_structured_output(Weather, strict=strict).invoke("?")
    wanted = server.bodies[0]["response_format"]["json_schema"]
    assert (wanted["name"], wanted.get("strict")) == ("Weather", strict)
    server.model().with_structured_output(Weather, method="function_calling", strict=strict).invoke("?")
    assert server.bodies[1]["tools"][0]["function"].get("strict") == strict
    assert server.bodies[1]["tool_choice"] == {"type": "function", "function": {"name": "Weather"}}


def test_arguments_that_do_not_go_together_are_refused() -> None:
    model = Server(whole()).model()
    with pytest.raises(ValueError, match="strict does not go with"):
        model.with_structured_output(Weather, method="json_mode", strict=True)
    with pytest.raises(ValueError, match="needs a schema"):
        model.with_structured_output(None, method="json_schema")
    with pytest.raises(ValueError, match="is none of auto, function_calling"):
        model.with_structured_output(Weather, method="telepathy")  # type: ignore[arg-type]


def test_json_without_a_schema() -> None:
    server = Server(whole({"content": '{"a": [1]}'}))
    assert server.model().with_structured_output(None, method="json_mode").invoke("?") == {"a": [1]}
    assert server.bodies[0]["response_format"] == {"type": "json_object"}


ANSWERS = {
    "json": {"content": JSON},
    "fence": {"content": f"```json\n{JSON}\n```"},
    "words": {"content": f"Sure! Here you are: {JSON} Anything else?"},
    "thoughts": {"content": f"<think>is {{this}} it?</think>\n{JSON}"},
    "call": {"content": None, "tool_calls": [call(0, "c1", "Weather", JSON)]},
    "double": {"content": None, "tool_calls": [call(0, "c1", "Weather", json.dumps(JSON))]},
}


@pytest.mark.parametrize("method", [None, "function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_the_value_is_found_wherever_the_model_put_it(answer: str, method: Any) -> None:
    model = Server(whole(ANSWERS[answer])).model()
    assert model.with_structured_output(Weather, method=method).invoke("?") == Weather(**VALUE)


def test_what_cannot_be_read_is_an_error_that_says_why() -> None:
    model: Any = Server(whole({"content": "I do not know."})).model().with_structured_output(Weather)
    with pytest.raises(OutputParserException, match="the text holds no JSON.*it begins 'I do not know.'"):
        model.invoke("?")
    model = Server(whole({"content": '{"place": {"city": "Paris"}, "deg'}, finish_reason="length")).model()
    with pytest.raises(OutputParserException, match="cut off at max_tokens"):
        model.with_structured_output(Weather).invoke("?")
    model = Server(whole({"content": '{"place": "Paris"}'})).model()
    with pytest.raises(OutputParserException, match="is not a valid Weather"):
        model.with_structured_output(Weather).invoke("?")
    cut = whole({"content": None, "tool_calls": [call(0, "c1", "Weather", '{"place": "Pa')]}, finish_reason="length")
    with pytest.raises(OutputParserException, match="cut off"):
        Server(cut).model().with_structured_output(Weather, method="function_calling").invoke("?")


def test_the_raw_answer_comes_along_on_demand() -> None:
    model = Server(whole({"content": JSON})).model()
    result = model.with_structured_output(Weather, include_raw=True).invoke("?")
    assert (result["parsed"], result["parsing_error"]) == (Weather(**VALUE), None)
    assert isinstance(result["raw"], AIMessage)
    model = Server(whole({"content": "no"})).model()
    result = model.with_structured_output(Weather, include_raw=True).invoke("?")
    assert (result["parsed"], type(result["parsing_error"])) == (None, OutputParserException)
    assert result["raw"].text == "no"


@pytest.mark.parametrize("schema", [Weather, WeatherDict, SCHEMA])
@pytest.mark.parametrize("method", ["auto", "function_calling", "json_schema", "json_mode"])
def test_traces_show_the_form_that_was_asked_for(schema: Any, method: Any) -> None:
    seen: list[Any] = []

    class Handler(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            seen.append(kwargs["options"]["ls_structured_output_format"])

    model = Server(whole({"content": JSON})).model().with_structured_output(schema, method=method)
    model.invoke("?", config={"callbacks": [Handler()]})
    assert seen[0]["kwargs"]["method"] == method
    assert seen[0]["schema"] == convert_to_json_schema(schema)


def test_further_settings_go_along() -> None:
    server = Server(whole({"content": JSON}))
    server.model().with_structured_output(Weather, temperature=0.1, tools=[]).invoke("?")
    assert server.bodies[0]["temperature"] == 0.1


def test_a_refused_way_is_stepped_down_from_until_one_works() -> None:
    """json_schema, then a tool, then JSON mode, then the prompt alone; each refusal costs one request for good."""

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if "response_format" in body:
            kind = body["response_format"]["type"]
            return httpx.Response(400, json={"error": {"message": f"response_format {kind} is not supported"}})
        if "tools" in body:
            return httpx.Response(400, json={"error": {"message": "tool_choice is not supported"}})
        return whole({"content": JSON})

    server = Server(answer)
    model = server.model("binom_router", model="can-nothing", max_retries=4).with_structured_output(Weather)
    assert model.invoke("?") == Weather(**VALUE)
    assert len(server.requests) == 4
    assert model.invoke("?") == Weather(**VALUE)
    assert len(server.requests) == 5
    assert "Weather" not in server.bodies[-1]
    assert "JSON schema" in json.dumps(server.bodies[-1]["messages"])


def test_the_parser_stands_alone() -> None:
    parser = AnswerParser(schema_class=Weather, name="Weather")
    assert parser.parse(JSON) == Weather(**VALUE)
    assert parser.invoke(AIMessage(JSON)) == Weather(**VALUE)
    chunks = [AIMessageChunk(JSON[start:end]) for start, end in ((0, 5), (5, 14))]
    assert list(
        AnswerParser(name="Weather").transform(iter([*chunks, AIMessageChunk(JSON[14:], chunk_position="last")]))
    )
    with pytest.raises(OutputParserException) as raised:
        parser.parse("{}")
    assert isinstance(raised.value.__cause__, ValidationError)


def test_a_form_beside_tools_is_sent_with_them(vendor: str, make_model: Any) -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    model = make_model(vendor).bind_tools([add], response_format=SCHEMA)
    assert json.loads(model.invoke(ASKED).text) == VALUE
    assert model.invoke("Add 3 and 4.").tool_calls[0]["args"] == {"a": 3, "b": 4}


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_events_of_version_3_work_with_a_form() -> None:
    server = Server(stream(delta(JSON), delta(finish_reason="stop")))
    model = server.model().bind(response_format={"type": "json_object"}, ls_structured_output_format=None)
    assert str(model.stream_events("?", version="v3").text) == JSON


# ------------------------------------------------------------------------------------------------ what the user wrote


class Person(BaseModel):
    """A person and their children."""

    name: str = Field(title="Full name", description="as in the passport")
    nickname: str | None = None
    children: list[Person] = []


DEFINITIONS = Person.model_json_schema()["$defs"]
PERSON = {**DEFINITIONS["Person"], "$defs": DEFINITIONS}


@pytest.mark.parametrize("method", [None, "json_schema", "function_calling"])
def test_titles_descriptions_and_recursion_are_sent_as_they_were_written(method: Any) -> None:
    server = Server(whole({"content": '{"name": "Ada", "children": [{"name": "Bo"}]}'}))
    ada = server.model().with_structured_output(Person, method=method).invoke("?")
    assert ada == Person(name="Ada", children=[Person(name="Bo")])
    sent = server.bodies[0]
    if method == "function_calling":
        assert sent["tools"][0]["function"] == {
            "name": "Person",
            "description": "A person and their children.",
            "parameters": written(PERSON, SchemaStyle(references=False)),  # of tools, this provider takes no titles
        }
    else:
        assert sent["response_format"]["json_schema"]["schema"] == PERSON
    properties = PERSON["properties"]
    assert properties["name"] == {"title": "Full name", "description": "as in the passport", "type": "string"}
    assert properties["children"]["items"] == {"$ref": "#/$defs/Person"}


def test_a_strict_form_is_closed_on_every_level() -> None:
    server = Server(whole({"content": '{"name": "Ada", "nickname": null, "children": []}'}))
    assert server.model().with_structured_output(Person, strict=True).invoke("?") == Person(name="Ada")
    wanted = server.bodies[0]["response_format"]["json_schema"]
    assert wanted["strict"] is True
    person = wanted["schema"]["$defs"]["Person"]
    assert person["additionalProperties"] is False
    assert person["required"] == ["name", "nickname", "children"]
    assert "default" not in person["properties"]["nickname"]


PLAIN = {"type": "object", "properties": {"degrees": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("form", "name", "strict"),
    [
        (PLAIN, "answer", None),
        ({"title": "Weather", **PLAIN}, "Weather", None),
        ({"title": "Today's weather, in short", **PLAIN}, "Today_s_weather_in_short", None),
        ({"name": "Weather", "description": "Now.", "schema": PLAIN, "strict": True}, "Weather", True),
        ({"name": "Weather", "parameters": PLAIN}, "Weather", None),
        ({"name": "Weather", "input_schema": PLAIN}, "Weather", None),
        ({"type": "function", "function": {"name": "Weather", "parameters": PLAIN}}, "Weather", None),
        ({"type": "json_schema", "json_schema": {"name": "Weather", "schema": PLAIN, "strict": True}}, "Weather", True),
    ],
)
def test_a_form_may_be_written_in_every_known_way(form: dict[str, Any], name: str, strict: bool | None) -> None:
    server = Server(whole({"content": '{"degrees": 21}'}))
    assert server.model().with_structured_output(form).invoke("?") == {"degrees": 21}
    wanted = server.bodies[0]["response_format"]["json_schema"]
    assert (wanted["name"], wanted.get("strict")) == (name, strict)
    assert wanted["schema"]["properties"] == PLAIN["properties"]


@pytest.mark.parametrize("method", [None, "json_schema", "function_calling"])
def test_tools_beside_a_form_may_be_called_instead(method: Any) -> None:
    def search(words: str) -> str:
        """Search."""
        return words

    searching = whole({"content": None, "tool_calls": [call(0, "c1", "search", '{"words": "Paris"}')]})
    if method == "function_calling":
        answering = whole({"content": None, "tool_calls": [call(0, "c1", "Weather", JSON)]})
    else:
        answering = whole({"content": JSON})
    server = Server(searching, answering)
    form = server.model().with_structured_output(Weather, method=method, include_raw=True, tools=[search])
    first, second = form.invoke("?"), form.invoke("?")
    assert (first["parsed"], first["parsing_error"]) == (None, None)
    assert first["raw"].tool_calls[0]["args"] == {"words": "Paris"}
    assert second["parsed"] == Weather(**VALUE)
    names = [tool["function"]["name"] for tool in server.bodies[0]["tools"]]
    assert names == (["Weather", "search"] if method == "function_calling" else ["search"])
    assert server.bodies[0].get("tool_choice") == ("required" if method == "function_calling" else None)
