"""The chat scenarios: one conversation of each kind, for every vendor that can hold it, whole and streamed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, Field

from multiapi.providers import PROVIDERS
from multiapi.types.chat import ChatRequest, MediaPart, Message, Reasoning, ResponseFormat, TextPart, Tool, ToolCall
from tests.cassettes.scenario import LLAMAINDEX, Scenario, Step

MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-2.5-flash",
}
WITHOUT_LLAMAINDEX = frozenset({"parts"})
"""What LlamaIndex says otherwise: it joins the text blocks of a message to one text, without anything between them."""

UNSTREAMED = frozenset({"bineric", "binobox"})
"""They document no streaming: a stream is then the same exchange, which two cassettes show well enough."""

REASONING_MODELS = {"aimlapi": "deepseek/deepseek-r1"}


class City(BaseModel):
    name: str
    population: int = Field(description="Number of inhabitants")


WEATHER = Tool(
    "get_weather",
    "Get the current weather in a city",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Name of the city"}},
        "required": ["city"],
    },
)
TIME = Tool(
    "get_time",
    "Get the local time in a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CITY = ResponseFormat(City.model_json_schema(), name="City")

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElFTkSuQmCC"
"""A red square of ten by ten pixels."""


def tone(seconds: float = 0.02, rate: int = 8000) -> str:
    """Silence, as a WAV file."""
    samples = bytes([128]) * round(seconds * rate)
    head = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = (1).to_bytes(2, "little") * 2 + rate.to_bytes(4, "little") * 2 + b"\x01\x00\x08\x00"
    return base64.b64encode(head + form + b"data" + len(samples).to_bytes(4, "little") + samples).decode()


def page(text: str = "The launch is on Friday.") -> str:
    """A PDF of one page with one line of text."""
    drawn = f"BT /F1 18 Tf 40 100 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return base64.b64encode(body + end % (table, len(body))).decode()


def user(*content: str | TextPart | MediaPart) -> Message:
    """A message of the user."""
    if len(content) == 1 and isinstance(content[0], str):
        return Message("user", content[0])
    return Message("user", [TextPart(part) if isinstance(part, str) else part for part in content])


def variants(provider: str) -> Iterator[tuple[str, ChatRequest]]:
    """The conversations that a vendor can hold, by the name of the variant; the plain one has none."""
    vendor = PROVIDERS[provider]
    plain = ChatRequest(model=MODELS[provider], messages=[user("Say hello to the world.")])
    yield "", plain
    yield "system", replace(plain, messages=[Message("system", "You are a terse assistant."), *plain.messages])
    yield (
        "developer",
        replace(plain, messages=[Message("system", "Be kind."), Message("developer", "Be terse."), *plain.messages]),
    )
    yield "parts", replace(plain, messages=[user("Say hello to the world.", "Say it in two words.")])
    yield (
        "conversation",
        replace(
            plain,
            messages=[
                user("My name is Ada."),
                Message("assistant", "Nice to meet you, Ada."),
                user("What is my name?"),
            ],
        ),
    )
    yield "unicode", replace(plain, messages=[user("سلام دنیا، ₹100, blåbærsyltetøy 🫐 – say it back.")])
    yield "settings", replace(plain, temperature=0.2, max_tokens=64, **_further_settings(provider))
    yield "length", replace(plain, messages=[user("Tell me a long story about the sea.")], max_tokens=5)
    yield (
        "stop",
        replace(plain, messages=[user("Count from one to five: one, two, three, four, five.")], stop=["three"]),
    )

    asked = [user("What is the weather in Oslo?")]
    yield "tools", replace(plain, messages=asked, tools=[WEATHER, TIME])
    yield (
        "tools_parallel",
        replace(plain, messages=[user("What is the weather in Oslo and in Bergen?")], tools=[WEATHER, TIME]),
    )
    yield "tools_forced", replace(plain, messages=asked, tools=[WEATHER, TIME], tool_choice="get_weather")
    yield "tools_required", replace(plain, messages=asked, tools=[WEATHER, TIME], tool_choice="required")
    yield (
        "tools_result",
        replace(
            plain,
            messages=[
                *asked,
                Message("assistant", "", tool_calls=[ToolCall("call_1", "get_weather", '{"city":"Oslo"}')]),
                Message("tool", "12 degrees and rain", tool_call_id="call_1"),
            ],
            tools=[WEATHER, TIME],
        ),
    )
    if vendor.native_tools:
        yield "tools_single", replace(plain, messages=asked, tools=[WEATHER, TIME], parallel_tool_calls=False)
        yield "tools_prompted", replace(plain, messages=asked, tools=[WEATHER, TIME], tool_calling="prompted")

    about = [user("Oslo is a city with 717710 inhabitants. Extract it.")]
    yield "structured", replace(plain, messages=about, response_format=CITY)
    for method in ("function_calling", "json_mode", "prompted"):
        if method in vendor.structured and vendor.structured[0] != method:
            wanted = replace(CITY, method=method)
            # With JSON mode alone the vendor is not told the schema: the prompt has to say what is wanted.
            form = f"{about[0].content} Answer in JSON that matches this JSON schema: {json.dumps(CITY.schema)}"
            messages = [user(form)] if method == "json_mode" else about
            yield f"structured_{method}", replace(plain, messages=messages, response_format=wanted)

    if vendor.has("vision"):
        yield (
            "image",
            replace(plain, messages=[user("What is this?", MediaPart("image", data=PIXEL, mime_type="image/png"))]),
        )
        if provider != "bineric":  # It takes files as data only.
            address = MediaPart("image", url="https://example.com/cat.png")
            yield "image_url", replace(plain, messages=[user("What is this?", address)])
    if vendor.has("documents"):
        pdf = MediaPart("file", data=page(), mime_type="application/pdf", filename=_filename(provider))
        yield "document", replace(plain, messages=[user("When is the launch?", pdf)])
    if vendor.has("audio_in"):
        sound = MediaPart("audio", data=tone(), mime_type="audio/wav")
        yield "audio", replace(plain, messages=[user("What do you hear?", sound)])
    if vendor.has("reasoning"):
        thinking = replace(plain, model=REASONING_MODELS[provider], messages=[user("How many days has a week?")])
        yield "reasoning", thinking
        yield (
            "reasoning_replayed",
            replace(
                thinking,
                messages=[
                    *thinking.messages,
                    Message(
                        "assistant",
                        "Seven.",
                        reasoning=Reasoning("A week has seven days.", (), provider, REASONING_MODELS[provider]),
                    ),
                    user("And a fortnight?"),
                ],
            ),
        )


def _further_settings(provider: str) -> dict[str, Any]:
    """Settings that the vendor has a field for, so that a builder that drops one is noticed."""
    if provider == "binobox":
        return {}
    if provider == "bineric":
        return {"top_p": 0.9}
    return {
        "top_p": 0.9,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
    }


def _filename(provider: str) -> str | None:
    return None if provider == "bineric" else "plan.pdf"


def scenarios() -> Iterator[Scenario]:
    """Each conversation, whole and streamed, on each vendor."""
    for provider in PROVIDERS:
        for variant, request in variants(provider):
            for method in ("chat", "chat_stream"):
                if method == "chat_stream" and provider in UNSTREAMED and variant not in {"", "tools"}:
                    continue
                name = f"{method}_{variant}" if variant else method
                step = Step(method=method, arguments=(request,))
                left_out = LLAMAINDEX if variant in WITHOUT_LLAMAINDEX else frozenset()
                yield Scenario(provider=provider, name=name, steps=(step,), without=left_out)
        if provider not in UNSTREAMED:
            yield _token_counts(provider)
        if PROVIDERS[provider].prompt_cache_field is not None:
            yield _prompt_cache(provider)


def _prompt_cache(provider: str) -> Scenario:
    """The same long instructions twice: the first call has them kept, the second one reads them."""
    rules = Message("system", "You answer questions about a very long contract. " * 150)
    requests = (
        ChatRequest(
            model="anthropic/claude-sonnet-4.6", messages=[rules, user(text)], max_tokens=32, prompt_cache=True
        )
        for text in ("Who signed it?", "When does it end?")
    )
    steps = tuple(Step(method="chat", arguments=(request,)) for request in requests)
    return Scenario(provider=provider, name="chat_prompt_cache", steps=steps)


def _token_counts(provider: str) -> Scenario:
    """A stream with token counts where they are not asked for by default, and the other way round."""
    usual = provider == "aimlapi"
    request = ChatRequest(model=MODELS[provider], messages=[user("Say hello to the world.")], stream_usage=not usual)
    name = "chat_stream_without_usage" if usual else "chat_stream_with_usage"
    return Scenario(provider=provider, name=name, steps=(Step(method="chat_stream", arguments=(request,)),))
