"""The table of all readers: each with how it is fed, and the units of input that it is fed with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from langchain_core.messages import AIMessageChunk
from llama_index.core.llms import ChatMessage
from llama_index.core.llms import ChatResponse as LlamaResponse
from pydantic import BaseModel

from langchain_multiapi._structured import AnswerParser
from llamaindex_multiapi._structured import Question
from multiapi.errors import MultiApiError
from multiapi.formats import account as account_format
from multiapi.formats import assembly, error_words, jobs, named_events, tool_arguments, tool_calls
from multiapi.formats import media as media_format
from multiapi.formats import messages as messages_format
from multiapi.formats import responses as responses_format
from multiapi.formats.openai import answers as openai_answers
from multiapi.formats.openai import embeddings as openai_embeddings
from multiapi.http import exchange, sse, vectors
from multiapi.http import json as http_json
from multiapi.http.exchange import HttpResponse
from multiapi.http.json import parse_partial
from multiapi.negotiation import call_reader, prompted_tools, stop_words, surroundings, wanted
from multiapi.negotiation import json_answers as structured
from multiapi.negotiation import thoughts as thinking
from multiapi.providers.aimlapi.media import speech_decoder
from multiapi.sending import bodies as body_reader
from multiapi.types.chat import ChatDelta, ChatRequest, ChatResponse, ResponseFormat, Tool
from multiapi.types.limits import Limits

Feed = Callable[[Sequence[Any]], object]
"""Gets the whole input as a sequence of chunks."""

# ------------------------------------------------------------------------------------------------ what is fed

TEXT_UNITS = [
    "{", "[", "}", "]", '"', "'", "\\", "`", "```", " ", "\n", "a", "<", ">", ",", ":", "1", "/", "1.5e", "0.10,",
    '\\"a', '\\"a": \\"b\\", ', '{"a":', '[{"a":', "{}", "[]", '{"a":1}', '"b",', "a`b", "```json\n", "```json\n{", "<think>", "</think>",
    "<think></think>", '{"name": "x", "arguments": {', '{"tool_calls": [', '{"tool_calls": []}\n', "{'a': 1,}", "True ", "\u2028", "STOP", "STO",
]  # fmt: skip
TEXT_HEADS = [
    "",
    "{",
    '{"a":[',
    "```json\n",
    "<think>",
    '"',
    "Here:\n```json",
    '{"tool_calls": [{"name": "pay", "arguments": {"a": "',
]
BYTE_UNITS = [unit.encode() for unit in TEXT_UNITS] + [
    b"data: {}\n\n", b"data: x\n", b"data:\n", b"event: x\n", b": c\n", b"\r", b"\r\n", b"\n\n", b"0.1,", b'"embedding": [0.5], ', b"<html>", b"\xc3", b"NaN,",
]  # fmt: skip

CALL = {"index": 0, "id": "c0", "type": "function", "function": {"name": "pay", "arguments": ""}}
MESSAGE_UNITS: list[Callable[[int], dict[str, Any]]] = [
    lambda _: {"content": "x"},
    lambda _: {"content": [{"type": "text", "text": "x"}]},
    lambda _: {"reasoning_content": "x"},
    lambda _: {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "x"}]},
    lambda n: {"reasoning_details": [{"type": "reasoning.text", "index": n, "text": "x"}]},
    lambda _: {"refusal": "x"},
    lambda _: {"audio": {"id": "a", "data": "eHh4", "transcript": "x"}},
    lambda n: {"tool_calls": [CALL if n == 0 else {"index": 0, "function": {"arguments": '{"'}}]},
    lambda n: {"tool_calls": [{**CALL, "index": n, "id": f"c{n}"}]},
    lambda n: {"tool_calls": [{"id": "same", "function": {"name": "pay", "arguments": "{}"}}]},
    lambda n: {"function_call": {"name": "pay" if n == 0 else "", "arguments": "x"}},
    lambda n: {"annotations": [{"type": "url_citation", "url_citation": {"url": f"https://example.com/{n}"}}]},
    lambda _: {"annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.com/"}}]},
    lambda n: {"images": [{"type": "image_url", "image_url": {"url": f"https://example.com/{n}.png"}}]},
    lambda _: {"note": "x" * 70},
    lambda n: {"token_ids": [n]},
    lambda n: {"scores": {f"k{n}": n}},
    lambda n: {f"field{n}": n},
]
EVENT_UNITS: list[Callable[[int], dict[str, Any]]] = [
    *(lambda n, unit=unit: {"id": "a", "choices": [{"index": 0, "delta": unit(n)}]} for unit in MESSAGE_UNITS),  # type: ignore[misc]
    lambda n: {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [{"token": "x", "logprob": -0.1, "top_logprobs": []}]}}]},
    lambda n: {"choices": [{"index": 0, "delta": {}, "seen": {f"k{n}": 1}}]},
    lambda n: {"choices": [{"index": n % 100, "delta": {"content": "x"}}]},
    lambda n: {"choices": [], "citations": [f"https://example.com/{n}"]},
    lambda n: {"choices": [], "usage": {"prompt_tokens": n, "completion_tokens": n}},
    lambda n: {"choices": [], f"top{n}": n},
    lambda n: {"choices": [], "notes": [n]},
]  # fmt: skip
RESPONSES_UNITS: list[Callable[[int], dict[str, Any]]] = [
    lambda _: {"type": "response.output_text.delta", "delta": "x"},
    lambda _: {"type": "response.reasoning_text.delta", "delta": "x"},
    lambda _: {"type": "response.refusal.delta", "delta": "x"},
    lambda n: {"type": "response.output_item.added", "item": {"type": "function_call", "id": f"i{n}", "call_id": f"c{n}", "name": "pay"}},
    lambda _: {"type": "response.function_call_arguments.delta", "item_id": "i0", "delta": '{"'},
    lambda n: {"type": "unknown", "x": n},
]  # fmt: skip
LIST_UNITS: list[Callable[[int], dict[str, Any]]] = [
    lambda n: {"index": n, "message": {"content": "x"}},
    lambda n: {"id": f"m{n}", "url": f"https://example.com/{n}.png", "embedding": [0.5], "b64_json": "eHh4"},
    lambda n: {"type": "text", "text": "x"},
    lambda n: {"type": "tool_use", "id": f"c{n}", "name": "pay", "input": {}},
    lambda n: {"type": "message", "content": [{"type": "output_text", "text": "x"}]},
    lambda n: {"type": "function_call", "call_id": f"c{n}", "name": "pay", "arguments": "{}"},
    lambda n: {"type": "reasoning", "summary": [{"type": "summary_text", "text": "x"}]},
    lambda n: {"message": "x", "code": f"c{n}", "msg": "y"},
]

# ------------------------------------------------------------------------------------------------ how it is fed

REQUEST = ChatRequest(model="m", messages=[], tools=[Tool("pay")])
WANTED = ResponseFormat({"type": "object"}, "answer")
HEAD = HttpResponse(200, {"content-type": "text/event-stream"})
MANY = Limits(choices=10**9, tool_calls=10**9, citations=10**9, media=10**9, parts=10**9)


class Answer(BaseModel):
    """What is wanted."""

    a: int


def _answer(text: str) -> ChatResponse:
    return ChatResponse(provider="acme", id="a", text=text)


def _text(read: Callable[[str], object]) -> Feed:
    return lambda chunks: read("".join(chunks))


def _answered(read: Callable[[ChatResponse], object]) -> Feed:
    return lambda chunks: read(_answer("".join(chunks)))


def _filter(make: Callable[[], Any]) -> Feed:
    def feed(chunks: Sequence[str]) -> None:
        reader = make()
        for chunk in chunks:
            reader.take([ChatDelta(chunk)])
        reader.take([ChatDelta(response=_answer("".join(chunks)))])

    return feed


def _bytes(read: Callable[[bytes], object]) -> Feed:
    return lambda chunks: read(b"".join(chunks))


def _body(read: Callable[[HttpResponse], object], status: int = 200) -> Feed:
    return lambda chunks: read(HttpResponse(status, {"content-type": "application/json"}, b"".join(chunks)))


def _fed(make: Callable[[], Any], *, end: str | None = None) -> Feed:
    def feed(chunks: Sequence[bytes]) -> None:
        reader = make()
        for chunk in chunks:
            reader.feed(chunk)
        if end is not None:
            getattr(reader, end)()

    return feed


def _call_reader(chunks: Sequence[str]) -> None:
    reader = call_reader.CallReader()
    for chunk in chunks:
        reader.feed(chunk)
    reader.found()


def _surroundings(chunks: Sequence[str]) -> None:
    around = surroundings.Surroundings()
    for chunk in chunks:
        around.take(chunk, is_code=False)
    around.quote("")


def _events(make: Callable[[], Any]) -> Feed:
    def feed(events: Iterable[dict[str, Any]]) -> None:
        held = make()
        for event in events:
            held.add(event)
        held.response()

    return feed


def _sse(events: Sequence[dict[str, Any]]) -> None:
    stream = openai_answers.chat_stream_decoder(HEAD, MANY, provider="acme")
    for event in events:
        stream.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    stream.close()


def _whole(events: Sequence[dict[str, Any]]) -> None:
    """All of them in one body: the fields of their messages joined in one, lists and all."""
    message: dict[str, Any] = {}
    for event in events:
        for choice in event["choices"]:
            for key, value in choice.get("delta", {}).items():
                message[key] = (
                    message[key] + value
                    if type(message.get(key)) is type(value) and isinstance(value, str | list)
                    else value
                )
    held = assembly.Assembly("acme", limits=MANY)
    held.add_body({"choices": [{"message": message}]})
    held.response()


def _calls(events: Sequence[dict[str, Any]]) -> None:
    held = tool_calls.ToolCallAssembly()
    for event in events:
        for choice in event["choices"]:
            held.add(choice.get("delta", {}).get("tool_calls") or [], "a")
    held.finished(cut=False)
    held.to_wire()


def _growing_of_langchain(chunks: Sequence[str]) -> None:
    for _ in AnswerParser(name="answer").transform(AIMessageChunk(chunk) for chunk in chunks):
        pass


def _growing_of_llamaindex(chunks: Sequence[str]) -> None:
    take = Question([], WANTED, Answer).growing()
    text = ""
    for chunk in chunks:
        text += chunk
        take(LlamaResponse(message=ChatMessage(role="assistant", content=text)))


def _growing(chunks: Sequence[str]) -> None:
    growing, size = wanted.Growing(wanted.Wanted()), 0
    texts: list[str] = []
    for chunk in chunks:
        size += len(chunk)
        texts.append(chunk)
        growing.take(size, lambda: "".join(texts))


def _listed(read: Callable[[HttpResponse], object], *names: str, status: int = 200) -> Feed:
    def feed(entries: Sequence[dict[str, Any]]) -> None:
        body = json.dumps({key: list(entries) for key in names} | {"id": "a", "status": "completed"}).encode()
        read(HttpResponse(status, {"content-type": "application/json"}, body, limits=MANY))

    return feed


def _named_events(entries: Sequence[dict[str, Any]]) -> None:
    held = messages_format.MessagesAssembly("acme", limits=MANY)
    held.add({"type": "message_start", "message": {"id": "a", "model": "m", "content": []}})
    for number, entry in enumerate(entries):
        held.add({"type": "content_block_start", "index": number, "content_block": {"type": "text", **entry}})
        for delta in ({"type": "text_delta", "text": "x"}, {"type": "input_json_delta", "partial_json": "{}"}):
            held.add({"type": "content_block_delta", "index": number, "delta": delta})
        held.add({"type": "content_block_stop", "index": number})
    held.add({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}})
    held.response()


TEXT_READERS: dict[str, Feed] = {
    "multiapi.negotiation.json_answers.json_text": _text(structured.json_text),
    "multiapi.negotiation.json_answers.json_value": _text(structured.json_value),
    "multiapi.negotiation.json_answers.has_several": _text(structured.has_several),
    "multiapi.negotiation.json_answers.mended": _text(structured.mended),
    "multiapi.negotiation.json_answers.parsed": _text(structured.parsed),
    "multiapi.http.json.parse_partial": _text(parse_partial),
    "multiapi.negotiation.json_answers.partial_json": _text(structured.partial_json),
    "multiapi.negotiation.json_answers.partial_value": _text(structured.partial_value),
    "multiapi.negotiation.wanted.read_structured": _answered(wanted.read_structured),
    "multiapi.negotiation.wanted.Wanted": _text(lambda text: wanted.Wanted().fault(wanted.Said(text))),
    "multiapi.negotiation.wanted.Growing": _growing,
    "multiapi.negotiation.json_answers.as_json_answer": _answered(
        lambda answer: structured.as_json_answer(answer, WANTED)
    ),
    "multiapi.negotiation.json_answers.without_root": _answered(lambda answer: structured.without_root(answer, "a")),
    "multiapi.negotiation.json_answers.JsonAnswerFilter": _filter(lambda: structured.JsonAnswerFilter(WANTED)),
    "multiapi.negotiation.json_answers.RootFilter": _filter(lambda: structured.RootFilter("a")),
    "multiapi.negotiation.call_reader.CallReader": _call_reader,
    "multiapi.negotiation.surroundings.Surroundings": _surroundings,
    "multiapi.negotiation.prompted_tools.find_calls": _text(lambda text: prompted_tools.find_calls(text, REQUEST)),
    "multiapi.negotiation.prompted_tools.read_prompted": _answered(
        lambda answer: prompted_tools.read_prompted(answer, REQUEST)
    ),
    "multiapi.negotiation.prompted_tools.PromptedStream": _filter(lambda: prompted_tools.PromptedStream(REQUEST)),
    "multiapi.negotiation.thoughts.split_text": _text(thinking.split_text),
    "multiapi.negotiation.thoughts.without_thoughts": _text(thinking.without_thoughts),
    "multiapi.negotiation.thoughts.split_thoughts": _answered(thinking.split_thoughts),
    "multiapi.negotiation.thoughts.ThoughtFilter": _filter(thinking.ThoughtFilter),
    "multiapi.negotiation.stop_words.cut_at_stop": _answered(
        lambda answer: stop_words.cut_at_stop(answer, ["STOP", "\n\n\n"])
    ),
    "multiapi.negotiation.stop_words.StopFilter": _filter(lambda: stop_words.StopFilter(["STOP", "\n\n\n"])),
    "multiapi.formats.tool_calls.index_of": _text(tool_calls.index_of),
    "multiapi.formats.tool_calls.arguments_error": _text(tool_calls.arguments_error),
    "multiapi.formats.tool_arguments.arguments_object": _text(tool_arguments.arguments_object),
    "multiapi.formats.tool_arguments.text_to_keep": _text(tool_arguments.text_to_keep),
    "multiapi.formats.tool_arguments.text_in_history": _text(lambda text: tool_arguments.text_in_history({}, text)),
    "multiapi.http.json.parse_text": _text(http_json.parse_text),
    "multiapi.http.json.rewritten": _text(http_json.rewritten),
    "langchain_multiapi._structured.AnswerParser": _growing_of_langchain,
    "llamaindex_multiapi._structured.Question": _growing_of_llamaindex,
}
BYTE_READERS: dict[str, Feed] = {
    "multiapi.http.json.parse_json": _bytes(http_json.parse_json),
    "multiapi.http.json.parse_answer": _bytes(http_json.parse_answer),
    "multiapi.http.exchange.excerpt": _bytes(exchange.excerpt),
    "multiapi.http.sse.SseDecoder": _fed(sse.SseDecoder, end="close"),
    "multiapi.formats.streamed_sound.SoundStream": _fed(
        lambda: speech_decoder(HttpResponse(200, {"content-type": "audio/mpeg"}), MANY), end="close"
    ),
    "multiapi.formats.stream.ChatStream": _fed(
        lambda: openai_answers.chat_stream_decoder(HEAD, MANY, provider="acme"), end="close"
    ),
    "multiapi.formats.named_events.NamedEvents": _fed(
        lambda: named_events.NamedEvents(
            HEAD, MANY, provider="acme", read_event_error=partial(openai_answers.read_event_error, provider="acme")
        ),
        end="close",
    ),
    "multiapi.sending.bodies.BodyReader": _fed(lambda: body_reader.BodyReader(HEAD, 10**9, "acme"), end="answer"),
    "multiapi.http.vectors.VectorReader": _fed(vectors.VectorReader, end="finish"),
    "multiapi.http.vectors.read_vector": _bytes(vectors.read_vector),
    "multiapi.formats.openai.answers.read_error": _body(
        lambda response: openai_answers.read_error(response, "acme"), 400
    ),
    "multiapi.formats.openai.answers.without_comments": _body(openai_answers.without_comments),
}
EVENT_READERS: dict[str, Feed] = {
    "multiapi.formats.assembly.Assembly": _events(lambda: assembly.Assembly("acme", limits=MANY)),
    "multiapi.formats.assembly.Assembly of a body": _whole,
    "multiapi.formats.tool_calls.ToolCallAssembly": _calls,
    "multiapi.formats.openai.answers.chat_stream_decoder": _sse,
}
RESPONSES_READERS: dict[str, Feed] = {
    "multiapi.formats.responses.ResponsesAssembly": _events(
        lambda: responses_format.ResponsesAssembly("acme", limits=MANY)
    ),
}
LIST_READERS: dict[str, Feed] = {
    "multiapi.formats.messages.MessagesAssembly": _named_events,
    "multiapi.formats.openai.answers.parse_chat": _listed(lambda answer: openai_answers.parse_chat(answer, provider="acme"), "choices"),
    "multiapi.formats.messages.parse_messages": _listed(lambda answer: messages_format.parse_messages(answer, provider="acme"), "content"),
    "multiapi.formats.responses.parse_responses": _listed(lambda answer: responses_format.parse_responses(answer, provider="acme"), "output"),
    "multiapi.formats.media.parse_images": _listed(lambda answer: media_format.parse_images(answer, provider="acme"), "data", "images"),
    "multiapi.formats.media.parse_sound": _listed(lambda answer: media_format.parse_sound(answer, provider="acme"), "data", "audio"),
    "multiapi.formats.openai.embeddings.parse_embed": _listed(lambda answer: openai_embeddings.parse_embed(answer, provider="acme"), "data"),
    "multiapi.formats.account.parse_models": _listed(lambda answer: account_format.parse_models(answer, provider="acme", read_model=lambda entry: entry["id"]), "data"),
    "multiapi.formats.jobs.parse_status": _listed(lambda answer: jobs.parse_status(answer, provider="acme"), "data", "error"),
    "multiapi.formats.openai.answers.read_error of lists": _listed(lambda answer: openai_answers.read_error(answer, "acme"), "error", "detail", "errors", status=400),
    "multiapi.formats.error_words.read_error_words": lambda entries: error_words.read_error_words({"error": list(entries), "errors": list(entries)}),
}  # fmt: skip


def quietly(feed: Feed, chunks: Sequence[Any]) -> Callable[[], object]:
    """A reading that may end in an error that says so: what is refused costs no more than what is taken."""

    def read() -> None:
        try:
            feed(chunks)
        except (MultiApiError, ValueError, KeyError):
            pass

    return read
