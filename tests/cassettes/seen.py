"""The forms that users saw live, as `cassettes/<provider>/seen_<name>.yaml`, recorded with the simulator's switch on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from multiapi.errors import InvalidRequestError, NotFoundError, RateLimitError, ServerError
from multiapi.types.media_requests import ImageRequest, SpeechRequest, TranscriptionRequest
from multiapi.simulator import as_seen
from multiapi.types.chat import ChatRequest, ResponseFormat
from tests.cassettes.chats import CITY, user
from tests.cassettes.operations import SOUND, first
from tests.cassettes.scenario import Scenario, Step

HELLO = ChatRequest(model="openai/gpt-4o-mini", messages=[user("Say hello to the world.")])
GOOGLE = replace(HELLO, model="google/gemini-2.5-flash")
LISTED = ResponseFormat(
    schema={"type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"]},
    method="json_schema",
)
"""A schema as users write it for a value that may be missing."""


def _chat(request: ChatRequest, **facts: Any) -> Step:
    return Step(method="chat", arguments=(request,), **facts)


def _steps() -> dict[str, tuple[Step, ...]]:
    schema = replace(CITY, method="json_schema")
    raw = {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": LISTED.schema}}}
    thinking = replace(HELLO, model="deepseek/deepseek-r1")
    picture = ImageRequest(model="dall-e-2", prompt="a red boat", width=256, height=256)
    speech = SpeechRequest(model="text-to-speech", text="Hei.", language="nb-NO", voice="nb-NO-FinnNeural")
    return {
        "structured": (_chat(replace(GOOGLE, response_format=schema)), _chat(replace(GOOGLE, response_format=schema))),
        "wall": (_chat(HELLO, fault="delay=40", raises=ServerError),),
        "credits": (Step(method="credits"),),
        "models": (Step(method="models"),),
        "hosts": (_chat(HELLO),),
        "cost": (_chat(GOOGLE), Step(method="chat_stream", arguments=(replace(GOOGLE, stream_usage=True),))),
        "schema": (_chat(replace(HELLO, extra=raw), raises=InvalidRequestError),),
        "transcript": tuple(
            Step(method="transcribe", arguments=(TranscriptionRequest(model=model, audio=SOUND),))
            for model in ("sarvam/saarika-v2", "openai/whisper-1")
        ),
        "choices": (
            _chat(replace(HELLO, model="gpt-4")),
            Step(method="speech", arguments=(speech,)),
            Step(
                method="transcribe",
                arguments=(lambda done: TranscriptionRequest(model="speech-to-text", audio=done[1]),),
            ),
        ),
        "sizes": (Step(method="image", arguments=(picture,)),),
        "jpeg": (
            Step(method="image", arguments=(ImageRequest(model="dall-e-3", prompt="a red boat"),)),
            Step(method="download", arguments=(first(lambda made: made.media[0]),)),
        ),
        "upstream": (
            _chat(replace(HELLO, model="no-such-model"), raises=NotFoundError),
            *(_chat(HELLO) for _ in range(18)),
            _chat(HELLO, raises=RateLimitError),
        ),
        "reasoning": (_chat(thinking), Step(method="chat_stream", arguments=(thinking,))),
    }


def scenarios() -> Iterator[Scenario]:
    """One cassette for each name of the switch."""
    steps = _steps()
    for name, provider in as_seen.PROVIDER_OF.items():
        settings: dict[str, Any] = {"max_retries": 0}
        if name == "hosts":
            settings["base_url"] = "https://api.aicredits.in/api/v1"
        yield Scenario(
            provider=provider,
            name=f"seen_{name}",
            steps=steps[name],
            settings=settings,
            simulated={"as_seen": {name}},
        )
