"""What we send is what the openai SDK sends for the same arguments: body, query and headers, in every place where an argument may stand."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from llama_index.core.base.llms.types import ImageBlock, MessageRole, TextBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage

from langchain_multiapi import ChatMultiApi, MultiApiEmbeddings
from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM
from multiapi.errors import InvalidRequestError

openai = pytest.importorskip("openai", reason="the SDK that is compared with is not installed")

URL = "https://provider.example/v1"
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "City",
        "schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
ARGUMENTS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "max_tokens": 5,
    "max_completion_tokens": 5,
    "stop": ["a", "b"],
    "seed": 3,
    "frequency_penalty": 0.1,
    "presence_penalty": -0.1,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 2,
    "user": "u",
    "metadata": {"a": "b"},
    "store": False,
    "service_tier": "auto",
    "reasoning_effort": "low",
    "verbosity": "low",
    "safety_identifier": "s",
    "prompt_cache_key": "k",
    "response_format": {"type": "json_object"},
    "web_search_options": {"search_context_size": "low"},
    "extra_body": {"chat_template_kwargs": {"enable_thinking": False}},
    "extra_headers": {"x-team": "a"},
    "extra_query": {"v": "1"},
    "timeout": 3.0,
}


JSON_WORDS = [{"role": "user", "content": "x\n\nAnswer with only one JSON object and no other text."}]
OTHERWISE: dict[tuple[Any, str, str], dict[str, Any] | type[Exception]] = {
    # Of LangChain's tracing, in every model; `extra_body` sends it.
    (ChatMultiApi, "metadata", "constructor"): {},
    (ChatMultiApi, "metadata", "call"): TypeError,
    (ChatMultiApi, "extra_query", "call"): InvalidRequestError,
    # Servers refuse JSON mode where nobody speaks of JSON; as a field of the body it is left alone.
    (ChatMultiApi, "response_format", "call"): {"response_format": {"type": "json_object"}, "messages": JSON_WORDS},
    (MultiApiLLM, "response_format", "call"): {"response_format": {"type": "json_object"}, "messages": JSON_WORDS},
}
"""What is not as the SDK has it, knowingly: the body, or the error that says so."""


class Wire:
    """Answers chats and embeddings of anybody; keeps the last request."""

    def __init__(self) -> None:
        self.sent: httpx.Request | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent = request
        if request.url.path.endswith("embeddings"):
            return httpx.Response(200, json={"data": [{"index": 0, "embedding": [0.1]}], "model": "m"})
        choice = {"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}
        if json.loads(request.content).get("stream"):
            event = {"id": "a", "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]}
            text = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n"
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)
        return httpx.Response(200, json={"id": "a", "model": "m", "choices": [choice]})

    @property
    def http(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self))

    def said(self) -> dict[str, Any]:
        """The request, as far as the arguments of a call decide it."""
        assert self.sent is not None
        return {
            "path": self.sent.url.path,
            "query": dict(self.sent.url.params),
            "body": json.loads(self.sent.content),
            "team": self.sent.headers.get("x-team"),
            "key": self.sent.headers["authorization"],
            "timeout": self.sent.extensions["timeout"]["read"] if self.limited else None,
        }

    limited = False


def of_the_sdk(*, limited: bool = False, **arguments: Any) -> dict[str, Any]:
    wire = Wire()
    wire.limited = limited
    client = openai.OpenAI(api_key="k", base_url=URL, http_client=wire.http, max_retries=0)
    client.chat.completions.create(**{"model": "m", "messages": [{"role": "user", "content": "x"}], **arguments})
    return wire.said()


def ours(kind: Any, wire: Wire, **more: Any) -> Any:
    return kind(
        **{"provider": "binom_router", "model": "m", "api_key": "k", "base_url": URL, "http_client": wire.http, **more}
    )


@pytest.mark.parametrize("place", ["constructor", "call"])
@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("kind", [ChatMultiApi, MultiApiLLM])
def test_an_argument_goes_where_the_sdk_puts_it(kind: Any, argument: str, place: str) -> None:
    given = {argument: ARGUMENTS[argument]}
    limited = argument == "timeout"
    wire = Wire()
    wire.limited = limited
    if kind is ChatMultiApi and place == "constructor":
        # LangChain's names for what a model sends with every call, as in langchain-openai.
        names = {"extra_headers": "default_headers", "extra_query": "default_query"}
        given = {names.get(argument, argument): ARGUMENTS[argument]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names that are no fields of the class
        model = ours(kind, wire, **(given if place == "constructor" else {}))
        ask = model.invoke if kind is ChatMultiApi else model.complete
        options = given if place == "call" else {}
        otherwise = OTHERWISE.get((kind, argument, place))
        if isinstance(otherwise, type):
            with pytest.raises(otherwise, match=argument):
                ask("x", **options)
            return
        ask("x", **options)
    expected = of_the_sdk(limited=limited, **({} if otherwise is not None else {argument: ARGUMENTS[argument]}))
    assert wire.said() == {**expected, "body": {**expected["body"], **(otherwise or {})}}


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
ARGUMENTS_OF_A_CALL = '{"city":"Oslo"}'
CONVERSATIONS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "system and user": (
        [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
        [SystemMessage("s"), HumanMessage("q")],
        [ChatMessage(role="system", content="s"), ChatMessage(role="user", content="q")],
    ),
    "an earlier answer": (
        [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "r"},
        ],
        [HumanMessage("q"), AIMessage("a"), HumanMessage("r")],
        [
            ChatMessage(role="user", content="q"),
            ChatMessage(role="assistant", content="a"),
            ChatMessage(role="user", content="r"),
        ],
    ),
    "a picture": (
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "q"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                ],
            }
        ],
        [
            HumanMessage(
                [
                    {"type": "text", "text": "q"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                ]
            )
        ],
        [ChatMessage(role="user", blocks=[TextBlock(text="q"), ImageBlock(image=base64.b64decode(PNG))])],
    ),
    "a call and its result": (
        [
            {"role": "user", "content": "q"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "look", "arguments": ARGUMENTS_OF_A_CALL},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ],
        [
            HumanMessage("q"),
            AIMessage("", tool_calls=[{"name": "look", "args": {"city": "Oslo"}, "id": "c1"}]),
            ToolMessage("rain", tool_call_id="c1"),
        ],
        [
            ChatMessage(role="user", content="q"),
            ChatMessage(
                role=MessageRole.ASSISTANT,
                blocks=[ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs={"city": "Oslo"})],
            ),
            ChatMessage(role=MessageRole.TOOL, content="rain", additional_kwargs={"tool_call_id": "c1"}),
        ],
    ),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", [ChatMultiApi, MultiApiLLM])
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_a_conversation_is_what_the_sdk_sends(conversation: str, kind: Any, streamed: bool) -> None:
    plain, langchain, llamaindex = CONVERSATIONS[conversation]
    wire = Wire()
    model = ours(kind, wire)
    if kind is ChatMultiApi:
        list(model.stream(langchain)) if streamed else model.invoke(langchain)
    else:
        list(model.stream_chat(llamaindex)) if streamed else model.chat(llamaindex)
    asked = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    assert wire.said() == of_the_sdk(messages=plain, **asked)


@pytest.mark.parametrize(
    "choice", [None, "auto", "required", "none", {"type": "function", "function": {"name": "look"}}]
)
@pytest.mark.parametrize("kind", [ChatMultiApi, MultiApiLLM])
def test_tools_are_what_the_sdk_sends(kind: Any, choice: Any) -> None:
    wire = Wire()
    model = ours(kind, wire)
    chosen = {} if choice is None else {"tool_choice": choice}
    if kind is ChatMultiApi:
        model.bind_tools([LOOK], **chosen).invoke("x")
    else:
        model.chat([ChatMessage(role="user", content="x")], tools=[LOOK], **chosen)
    assert wire.said() == of_the_sdk(tools=[LOOK], **chosen)


@pytest.mark.parametrize("kind", [ChatMultiApi, MultiApiLLM])
def test_a_form_is_what_the_sdk_sends(kind: Any) -> None:
    wire = Wire()
    model = ours(kind, wire)
    if kind is ChatMultiApi:
        model.invoke("x", response_format=FORM)
    else:
        model.complete("x", response_format=FORM)
    assert wire.said() == of_the_sdk(response_format=FORM)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"dimensions": 8},
        {"user": "u"},
        {"extra_body": {"truncate": "END"}},
        {"extra_headers": {"x-team": "a"}},
        {"extra_query": {"v": "1"}},
        {"timeout": 3.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [MultiApiEmbeddings, MultiApiEmbedding])
def test_embeddings_are_what_the_sdk_sends(kind: Any, arguments: dict[str, Any]) -> None:
    """In the constructor: neither framework gives arguments with a call."""
    wire, of_openai = Wire(), Wire()
    wire.limited = of_openai.limited = "timeout" in arguments
    client = openai.OpenAI(api_key="k", base_url=URL, http_client=of_openai.http, max_retries=0)
    client.embeddings.create(model="m", input=["x"], encoding_format="float", **arguments)
    names = {"extra_headers": "default_headers", "extra_query": "default_query"}
    given = {names.get(name, name): value for name, value in arguments.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names that are no fields of the class
        model = ours(kind, wire, provider="aicredits", encoding_format="float", **given)
    model.embed_documents(["x"]) if kind is MultiApiEmbeddings else model.get_text_embedding("x")
    assert wire.said() == of_openai.said()
