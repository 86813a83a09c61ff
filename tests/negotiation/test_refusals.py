"""What is refused is left out or said otherwise, once; what was learnt holds for exactly that, and what a request contains teaches nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from langchain_multiapi import ChatMultiApi
from multiapi import AsyncClient, ChatRequest, Client, Message
from multiapi.errors import InvalidRequestError, MultiApiError
from multiapi.negotiation.refusals import MAX_MODELS, MAX_PARTS, WORDS, Refusals, refusal_in
from multiapi.sending.kept import PROCESS
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator
from multiapi.types.chat import ResponseFormat, Tool

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OTHER = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
LOOK = Tool("look", "Look.", SCHEMA)
USER = [Message("user", "x")]


@pytest.fixture(autouse=True)
def nothing_is_known() -> Any:
    PROCESS.refusals.forget()
    yield
    PROCESS.refusals.forget()


def whole(content: str | None = "ok", finish: str = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    return {"id": "a", "model": "m", "choices": [choice]}


def called(name: str, arguments: str) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return whole(None, "tool_calls", tool_calls=[call])


class Server:
    """Refuses what a function of the body says, in its words; `None` is an answer."""

    def __init__(
        self, refuse: Callable[[dict[str, Any]], Any], answer: Callable[[dict[str, Any]], Any] | None = None
    ) -> None:
        self._refuse, self._answer = refuse, answer or (lambda body: whole())
        self.sent: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.sent.append(body)
        refused = self._refuse(body)
        if refused is not None:
            status, said = refused if isinstance(refused, tuple) else (400, refused)
            return httpx.Response(status, json={"error": said if isinstance(said, dict) else {"message": said}})
        answer = self._answer(body)
        if body.get("stream"):
            event = {**answer, "choices": [{**choice, "delta": choice["message"]} for choice in answer["choices"]]}
            text = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n"
            return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})
        return httpx.Response(200, json=answer)

    def client(self, provider: str = "aimlapi", **more: Any) -> Client:
        return Client(provider, api_key="k", http_client=httpx.Client(transport=httpx.MockTransport(self)), **more)

    def ask(self, *, stream: bool = False, provider: str = "aimlapi", model: str = "m", **fields: Any) -> Any:
        request = ChatRequest(model=model, **{"messages": USER, **fields})
        client = self.client(provider)
        return list(client.chat_stream(request))[-1].response if stream else client.chat(request)


# ------------------------------------------------------------------------------------------------ T6: one thing in real servers' words

PARALLEL = {"tools": [LOOK], "parallel_tool_calls": False}
FORMAT = {"response_format": ResponseFormat(SCHEMA, "City")}
FORCED = {"tools": [LOOK], "tool_choice": "required"}

# (what is refused, how it is asked, the words or the error, what takes its place)
REAL: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = [
    (
        "stream_options",
        {"stream": True},
        {"message": "Unknown parameter: 'stream_options'.", "param": "stream_options", "code": "unknown_parameter"},
        {},
    ),
    ("stream_options", {"stream": True}, "Unrecognized request argument supplied: stream_options", {}),
    (
        "stream_options",
        {"stream": True},
        "Extra parameters ['stream_options'] are not allowed when extra-parameters is not set",
        {},
    ),
    (
        "stream_options",
        {"stream": True},
        (
            422,
            {"detail": [{"loc": ["body", "stream_options"], "msg": "stream_options: Extra inputs are not permitted"}]},
        ),
        {},
    ),
    (
        "parallel_tool_calls",
        PARALLEL,
        {
            "message": "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.",
            "param": "parallel_tool_calls",
        },
        {},
    ),
    ("parallel_tool_calls", PARALLEL, "This model does not support parallel tool calls", {}),
    ("parallel_tool_calls", PARALLEL, "parallel calls are not supported", {}),
    (
        "max_tokens",
        {"max_tokens": 5},
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        {"max_completion_tokens": 5},
    ),
    (
        "max_tokens",
        {"max_tokens": 5},
        {"message": "Use 'max_completion_tokens' instead.", "param": "max_tokens", "code": "unsupported_parameter"},
        {"max_completion_tokens": 5},
    ),
    ("tool_choice", FORCED, "Thinking mode does not support this tool_choice", {"tool_choice": "auto"}),
    (
        "tool_choice",
        FORCED,
        "<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being set to required or object in thinking mode",
        {"tool_choice": "auto"},
    ),
    (
        "tool_choice",
        FORCED,
        (404, {"message": "No endpoints found that support the provided 'tool_choice' value.", "code": 404}),
        {"tool_choice": "auto"},
    ),
    ("tool_choice", FORCED, {"message": "Invalid value", "param": "tool_choice"}, {"tool_choice": "auto"}),
    ("tool_choice", FORCED, "tool_choice: only auto is supported", {"tool_choice": "auto"}),
    ("tool_choice", FORCED, 'tool_choice="required" requires --enable-auto-tool-choice', {"tool_choice": "auto"}),
    ("tool_choice", FORCED, "tool_choice 参数在思考模式下只支持 auto。", {"tool_choice": "auto"}),
    ("tool_choice", FORCED, "thinking模式下tool_choice不支持required", {"tool_choice": "auto"}),
    ("parallel_tool_calls", PARALLEL, "模型不支持 parallel_tool_calls 参数", {}),
]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("thing", "fields", "said", "instead"), REAL, ids=lambda value: str(value)[:60])
def test_one_more_request_without_the_thing_and_nothing_else_changed(
    thing: str, fields: dict[str, Any], said: Any, instead: dict[str, Any], wrapped: bool
) -> None:
    if wrapped:
        status, inner = said if isinstance(said, tuple) else (400, said)
        inner = inner if isinstance(inner, dict) else {"message": inner}
        said = (status, {"message": "Provider returned error", "metadata": {"raw": json.dumps({"error": inner})}})
    refused = lambda body: said if thing in body and body[thing] != "auto" else None
    server = Server(refused)
    server.ask(**fields)
    first, second = server.sent
    assert {**{name: value for name, value in first.items() if name != thing}, **instead} == {
        **second,
        "messages": first["messages"],
    }
    if thing == "tool_choice":
        assert second["messages"] == [{"role": "user", "content": "x\n\nAnswer by calling one of the tools."}]
    else:
        assert second["messages"] == first["messages"]
    server.ask(**fields)
    assert server.sent[2] == second


METHODS_REFUSED = [
    "response_format json_schema is not supported",
    "This response_format type is unavailable now",
    "Failed to deserialize the JSON body into the target type: response_format: response_format.type `json_schema` is unavailable now",
    "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
    "structured outputs are not supported by this model",
    "json mode is not available for this model",
    "'response_format.type' must be 'json_object' or 'text'",
    "response_format.type 只支持 text 和 json_object",
    "模型不支持 response_format 参数",
    {"message": "no", "param": "response_format"},
]


@pytest.mark.parametrize("said", METHODS_REFUSED, ids=str)
def test_a_refused_form_is_asked_for_by_the_next_way(said: Any) -> None:
    server = Server(
        lambda body: said if "response_format" in body else None, lambda body: called("City", '{"city":"Oslo"}')
    )
    for _ in range(2):
        assert server.ask(**FORMAT).text == '{"city":"Oslo"}'
    assert ["response_format" in body for body in server.sent] == [True, False, False]
    assert server.sent[1]["tool_choice"] == {"type": "function", "function": {"name": "City"}}


PAIRS = [
    "json mode cannot be combined with tool/function calling",
    "response_format json_object cannot be combined with tool/function calling",
    "response_format cannot be used together with tools",
    "Function calling with a response mime type: 'application/json' is unsupported",
    "Tool use with a response mime type: 'application/json' is unsupported",
    "Forced function calling (ANY mode) with a response mime type: 'application/json' is unsupported",
    "structured output is not supported when tools are present",
]


@pytest.mark.parametrize("said", PAIRS)
def test_a_refused_pair_is_remembered_as_a_pair(said: str) -> None:
    server = Server(
        lambda body: said if "tools" in body and "response_format" in body else None,
        lambda body: whole('{"city":"Oslo"}'),
    )
    both = {**FORMAT, "tools": [LOOK]}
    for _ in range(2):
        assert server.ask(**both).text == '{"city":"Oslo"}'
    assert ["response_format" in body for body in server.sent] == [True, False, False]
    assert next(body["tools"] for body in server.sent) == server.sent[1]["tools"]
    assert "tool_choice" not in server.sent[1]
    server.ask(**FORMAT)
    assert server.sent[-1]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("choice", ["required", "look", "none", "auto"])
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_refused_choice_of_tools(choice: str, is_async: bool) -> None:
    """A model that refuses every choice gets none; where a call was demanded, it is asked for in words; where none was wanted, no tools."""
    server = Server(
        lambda body: "tool_choice is not supported" if "tool_choice" in body else None,
        lambda body: called("look", "{}"),
    )
    request = ChatRequest(model="m", messages=USER, tools=[LOOK], tool_choice=choice)
    if is_async:
        client = httpx.AsyncClient(transport=httpx.MockTransport(server))
        await AsyncClient("aimlapi", api_key="k", http_client=client).chat(request)
    else:
        server.client().chat(request)
    last = server.sent[-1]
    assert ("tools" in last) is (choice != "none")
    sentence = {"required": "Answer by calling one of the tools.", "look": "Answer by calling the tool look."}.get(
        choice
    )
    assert last["messages"] == [{"role": "user", "content": f"x\n\n{sentence}" if sentence else "x"}]


def test_a_named_method_still_means_the_tool() -> None:
    class City(BaseModel):
        city: str

    server = Server(
        lambda body: (
            "Thinking mode does not support this tool_choice" if isinstance(body.get("tool_choice"), dict) else None
        ),
        lambda body: called("City", '{"city":"Oslo"}'),
    )
    own = httpx.Client(transport=httpx.MockTransport(server))
    model = ChatMultiApi(provider="aimlapi", model="m", api_key="k", http_client=own)
    assert model.with_structured_output(City, method="function_calling").invoke("x") == City(city="Oslo")
    assert [body["tool_choice"] for body in server.sent][1] == "auto"


# ------------------------------------------------------------------------------------------------ schemas

SCHEMA_REFUSED = [
    {
        "message": "Invalid schema for response_format 'City': In context=(), 'additionalProperties' is required to be supplied and to be false.",
        "param": "response_format",
    },
    {"message": "Invalid schema", "code": "invalid_json_schema", "param": "text.format.schema"},
    "json: cannot unmarshal array into Go struct field Definition.properties.type of type jsonschema.DataType",
    "Invalid JSON schema",
    {"message": "x", "param": "response_format.json_schema.schema"},
]


@pytest.mark.parametrize("said", SCHEMA_REFUSED, ids=str)
@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binom_router"])
def test_a_refused_schema_is_refused_alone(said: Any, provider: str) -> None:
    def refuse(body: dict[str, Any]) -> Any:
        form = body.get("response_format", {}).get("json_schema")
        return said if form and form["schema"] == SCHEMA else None

    server = Server(
        refuse, lambda body: called("City", '{"city":"Oslo"}') if body.get("tools") else whole('{"town":"Rome"}')
    )
    for schema in (OTHER, SCHEMA, SCHEMA, OTHER):
        server.ask(provider=provider, model="openai/gpt-4o", response_format=ResponseFormat(schema, "City"))
    asked = [body["response_format"]["type"] if "response_format" in body else "tool" for body in server.sent]
    assert asked == ["json_schema", "json_schema", "tool", "tool", "json_schema"]


class Numbers(RootModel[list[int]]): ...


def test_every_rung_can_be_reached() -> None:
    def refuse(body: dict[str, Any]) -> Any:
        if body.get("tools"):
            return {
                "message": "Invalid schema for function 'City': x",
                "param": "tools[0].function.parameters",
                "code": "invalid_function_parameters",
            }
        kind = body.get("response_format", {}).get("type")
        return {"json_schema": SCHEMA_REFUSED[0], "json_object": "response_format json_object is not supported"}.get(
            kind
        )

    server = Server(refuse, lambda body: whole('{"city":"Oslo"}'))
    assert server.ask(**FORMAT).text == '{"city":"Oslo"}'
    assert len(server.sent) == 4
    assert not {"tools", "response_format"} & set(server.sent[-1])
    server.ask(**FORMAT)
    assert len(server.sent) == 5
    server.ask(response_format=ResponseFormat(OTHER, "City"))
    assert server.sent[5]["response_format"]["type"] == "json_schema"


def test_a_strict_tool_that_is_refused_is_asked_for_without_strictness_alone() -> None:
    def refuse(body: dict[str, Any]) -> Any:
        bad = [
            tool
            for tool in body.get("tools", ())
            if tool["function"].get("strict") and tool["function"]["name"] == "bad"
        ]
        return (
            {
                "message": "Invalid schema for function 'bad': x",
                "code": "invalid_function_parameters",
                "param": "tools[0].function.parameters",
            }
            if bad
            else None
        )

    server = Server(refuse)
    for name in ("bad", "good", "bad"):
        server.ask(tools=[Tool(name, "", SCHEMA, strict=True)])
    assert [body["tools"][0]["function"].get("strict") for body in server.sent] == [True, None, True, None]
    with pytest.raises(InvalidRequestError):
        Server(lambda body: "Invalid schema for function 'x'").ask(tools=[Tool("x")])


# ------------------------------------------------------------------------------------------------ an answer that is none


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("text", "learns"), [("", True), ("{}", True), (" {} ", True), ('{"town": 1}', False), ("no", False)]
)
def test_a_way_that_gives_nothing_is_not_taken_again(text: str, learns: bool, stream: bool) -> None:
    server = Server(
        lambda body: None, lambda body: whole(text) if "response_format" in body else called("City", '{"city":"Oslo"}')
    )
    for _ in range(2):
        server.ask(stream=stream, **FORMAT)
    assert ["response_format" in body for body in server.sent] == [True, not learns]


@pytest.mark.parametrize("answer", [called("City", "{}"), whole(""), whole(None)])
def test_a_tool_that_gives_nothing_neither(answer: dict[str, Any]) -> None:
    server = Server(lambda body: None, lambda body: answer if "tools" in body else whole('{"city":"Oslo"}'))
    for _ in range(2):
        server.ask(provider="aicredits", model="google/gemini-2.5-flash", **FORMAT)
    assert ["tools" in body for body in server.sent] == [True, False]


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (whole("", "length"), FORMAT),
        (whole("", "content_filter"), FORMAT),
        (whole("", refusal="no"), FORMAT),
        (whole("{}"), {"response_format": ResponseFormat({"type": "object", "properties": {}}, "City")}),
        (whole(""), {"response_format": ResponseFormat(SCHEMA, "City", method="json_schema")}),
        (called("look", "{}"), {**FORMAT, "tools": [LOOK]}),
    ],
)
def test_what_teaches_nothing(answer: dict[str, Any], fields: dict[str, Any]) -> None:
    server = Server(lambda body: None, lambda body: answer)
    for _ in range(2):
        server.ask(**fields)
    assert server.sent[0] == server.sent[1]


# ------------------------------------------------------------------------------------------------ what a request contains teaches nothing

WORD = sorted({word for row in WORDS for word in row.words})
TEMPLATES = [
    "Invalid image url: '{}'",
    "Invalid value: '{}'. Supported values are: 'a' and 'b'.",
    "the content {} is not supported",
    "unknown content: {}",
    'messages[0]: unsupported text "{}", cannot be read',
]


def echo(text: str, how: str, at: int) -> str:
    part = text[at:] if how == "end" else text[: len(text) - at] if how == "beginning" else text
    return json.dumps(part)[1:-1] if at % 2 else part


@given(
    st.sampled_from(WORD),
    st.sampled_from(["prompt", "description", "schema", "name", "history", "own field"]),
    st.sampled_from(TEMPLATES),
    st.sampled_from(["whole", "beginning", "end"]),
    st.integers(0, 12),
    st.text(max_size=12),
    st.text(max_size=12),
)
@settings(deadline=None, max_examples=300)
def test_what_the_request_contains_teaches_nothing(
    word: str, place: str, template: str, how: str, at: int, before: str, behind: str
) -> None:
    PROCESS.refusals.forget()
    text = f"{before}http://x.example/{word}.png {behind}"
    messages, parameters, description = list(USER), {"type": "object", "properties": {}}, "d"
    extra: dict[str, Any] = {}
    if place == "prompt":
        messages = [Message("user", text)]
    elif place == "history":
        messages = [Message("user", "x"), Message("assistant", text), Message("user", "y")]
    elif place == "description":
        description = text
    elif place == "schema":
        parameters["properties"] = {text: {"type": "string", "description": text}}
    elif place == "own field":
        extra = {"metadata": {text: text}}
    else:
        messages = [Message("user", "x", name=text)]
    said = template.format(echo(text, how, at))
    server = Server(lambda body: said)
    fields = {
        "messages": messages,
        "tools": [Tool("look", description, parameters, strict=True)],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_tokens": 5,
        "response_format": ResponseFormat(SCHEMA, "City"),
        "extra": extra,
    }
    for stream in (False, True):
        with pytest.raises(MultiApiError):
            server.ask(stream=stream, **fields)
    assert len(PROCESS.refusals) == 0
    assert server.sent[0] == {
        key: value for key, value in server.sent[1].items() if key not in {"stream", "stream_options"}
    }


@pytest.mark.parametrize("word", ["max_tokens", "stream_options", "parallel_tool_calls"])
def test_a_true_refusal_still_teaches_where_the_prompt_has_the_name(word: str) -> None:
    fields: dict[str, Any] = {"messages": [Message("user", f"what is {word}?")], "max_tokens": 5, **PARALLEL}
    for said in (
        {"message": "no", "param": word},
        f"Unsupported parameter: '{word}' is not supported with this model.",
    ):
        PROCESS.refusals.forget()
        server = Server(lambda body, said=said: said if word in body else None)
        server.ask(stream=True, **fields)
        assert [word in body for body in server.sent] == [True, False]


def test_the_example_of_an_echoed_address() -> None:
    server = Server(
        lambda body: f"Invalid image url: '{text}'" if "image:" in (text := body["messages"][-1]["content"]) else None
    )
    server.ask(max_tokens=5)
    with pytest.raises(InvalidRequestError):
        server.ask(max_tokens=5, messages=[Message("user", "image: http://x.example/max_tokens.png")])
    server.ask(max_tokens=5)
    assert server.sent[0] == server.sent[-1]
    assert len(server.sent) == 3


def test_a_value_that_is_refused_is_not_the_field() -> None:
    for said in (
        {
            "message": "max_tokens is too large: 9000. This model supports at most 4096 completion tokens",
            "param": "max_tokens",
        },
        "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
        "max_tokens must be greater than thinking_budget [8192]: not allowed",
    ):
        server = Server(lambda body, said=said: said)
        with pytest.raises(InvalidRequestError):
            server.ask(max_tokens=9000)
        assert len(server.sent) == 1


def test_nothing_is_remembered_before_it_worked() -> None:
    server = Server(lambda body: "max_tokens is not supported" if "max_tokens" in body else "something else")
    with pytest.raises(InvalidRequestError, match="something else"):
        server.ask(max_tokens=5)
    assert len(PROCESS.refusals) == 0


def test_without_retries_nothing_is_asked_again() -> None:
    server = Server(lambda body: "max_tokens is not supported")
    with pytest.raises(InvalidRequestError):
        server.client(max_retries=0).chat(ChatRequest(model="m", messages=USER, max_tokens=5))
    assert len(server.sent) == 1


@pytest.mark.parametrize(
    "fields", [{"temperature": 1.5}, {"seed": 3}, {"stop": ["x"]}, {"top_p": 0.5}, {"logprobs": True}]
)
@pytest.mark.parametrize("in_words", [False, True])
def test_a_setting_of_the_caller_is_not_dropped_but_named(fields: dict[str, Any], in_words: bool) -> None:
    (name,) = fields
    words = f"Unsupported value: '{name}' does not support this with this model."
    server = Server(lambda body: words if in_words else {"message": words, "param": name})
    with pytest.raises(
        InvalidRequestError, match=f"{name} was sent as .*: leave it out or set another value"
    ) as caught:
        server.ask(**fields)
    assert caught.value.param == name
    assert len(server.sent) == 1


def test_a_setting_that_the_prompt_names_is_not_taken_for_the_refused_one() -> None:
    server = Server(lambda body: f"unsupported text: {body['messages'][0]['content']}")
    with pytest.raises(InvalidRequestError) as caught:
        server.ask(messages=[Message("user", "what is temperature?")], temperature=0.5)
    assert caught.value.param is None


# ------------------------------------------------------------------------------------------------ how long, how many


def test_what_is_known_ends_and_is_bounded() -> None:
    now = [0.0]
    refusals = Refusals(lambda: now[0])
    refusals.remember("u", "m", "strict")
    assert refusals.of("u", "m") == {"strict"}
    now[0] = 7 * 3600.0
    assert refusals.of("u", "m") == frozenset()
    for number in range(MAX_PARTS * 3):
        refusals.remember("u", "m", f"json_schema#{number}")
    assert len(refusals.of("u", "m")) == MAX_PARTS
    assert f"json_schema#{MAX_PARTS * 3 - 1}" in refusals.of("u", "m")
    for number in range(MAX_MODELS * 2):
        refusals.remember("u", str(number), "strict")
    assert len(refusals) == MAX_MODELS


def test_a_models_name_makes_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="multiapi"):
        Refusals().remember("u", "gpt\nERROR forged \x9b line", "strict")
        Server(lambda body: "max_tokens is not supported" if "max_tokens" in body else None).ask(
            model="a\nb\x85", max_tokens=5
        )
    for record in caplog.records:
        assert record.getMessage().isprintable()


def test_a_large_request_does_not_hide_a_refusal() -> None:
    error = InvalidRequestError("unsupported " * 150 + "max_tokens", status=400)
    assert refusal_in(error, {"max_tokens": 1, "messages": [{"content": "x" * 1_000_000}]}) is not None


@pytest.fixture(autouse=True)
def no_waits() -> Any:
    with without_waiting():
        yield


# ------------------------------------------------------------------------------------------------ AICredits: by the developer of the model

OPENAI_IDS = ["openai/gpt-4o-mini", "gpt-4o-mini", "o1", "o3-mini", "openai/o4-mini", "OpenAI/GPT-4o"]
OTHER_IDS = [
    "google/gemini-2.5-flash",
    "gemini-2.5-flash",
    "anthropic/claude-haiku-4.5",
    "deepseek/deepseek-v4-flash",
    "mistralai/mistral-large",
]


@pytest.mark.parametrize("model", OPENAI_IDS + OTHER_IDS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("with_tools", [False, True])
def test_the_way_at_aicredits_follows_from_the_developer(model: str, stream: bool, with_tools: bool) -> None:
    server = Server(lambda body: None, lambda body: whole('{"city":"Oslo"}'))
    fields = {**FORMAT, **({"tools": [LOOK]} if with_tools else {})}
    server.ask(provider="aicredits", model=model, stream=stream, **fields)
    (body,) = server.sent
    kind = body.get("response_format", {}).get("type")
    if model in OPENAI_IDS:
        assert kind == "json_schema"
    elif with_tools:
        assert kind == "json_object"
        assert "JSON schema" in json.dumps(body["messages"])
        assert [tool["function"]["name"] for tool in body["tools"]] == ["look"]
    else:
        assert (kind, body["tool_choice"]["function"]["name"]) == (None, "City")
    assert ("stream_options" in body) is stream


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling", "prompted"])
def test_a_named_way_is_always_sent(method: Any) -> None:
    server = Server(lambda body: None, lambda body: whole('{"city":"Oslo"}'))
    server.ask(
        provider="aicredits",
        model="google/gemini-2.5-flash",
        response_format=ResponseFormat(SCHEMA, "City", method=method),
    )
    form = server.sent[0].get("response_format", {}).get("type")
    assert form == {"json_schema": "json_schema", "json_mode": "json_object"}.get(method)


# ------------------------------------------------------------------------------------------------ the simulator


@pytest.mark.parametrize("provider", ["aimlapi", "aicredits", "binom_router"])
def test_a_provider_that_refuses_to_count_is_streamed_from_all_the_same(provider: str) -> None:
    simulator = Simulator()
    sent: list[dict[str, Any]] = []

    def noted(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return simulator.transport.handle_request(request)

    own = httpx.Client(transport=httpx.MockTransport(noted))
    client = Client(provider, api_key="any-key-1234", base_url=simulator.base_url(provider), http_client=own)
    request = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "Say hello.")])
    counted = list(client.chat_stream(request))[-1].response
    assert counted is not None
    assert counted.usage is not None
    simulator.faults.add("refuses=stream_options", vendor=provider, times=None)
    for _ in range(2):
        uncounted = list(client.chat_stream(request))[-1].response
        assert uncounted is not None
        assert uncounted.text == counted.text
    assert ["stream_options" in body for body in sent] == [True, True, False, False]
