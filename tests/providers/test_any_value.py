"""Whatever stands in a field of a request: what builds it raises errors of this package alone, and so do the tools of agents."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_multiapi import MultiApiToolkit
from llamaindex_multiapi import MultiApiToolSpec
from multiapi import Client
from multiapi.errors import InvalidRequestError, MultiApiError
from multiapi.http.exchange import HttpRequest
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi.legacy import ROUTES
from multiapi.simulator import Simulator
from multiapi.simulator.contract import contract
from multiapi.types.account import KeyChange, LogsRequest, ModelsRequest, TransactionsRequest, UsageRequest
from multiapi.types.batches import BatchRequest
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MeshRequest,
    ModerationRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
    VisionFeaturesRequest,
)
from multiapi.types.search import SearchRequest

PNG = Media.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40), name="a.png")
WAV = Media.from_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), name="a.wav")
CHAT = ChatRequest(model="m", messages=[Message("user", "x")])
PLAIN: dict[str, Any] = {
    "chat": CHAT,
    "responses": CHAT,
    "messages": CHAT,
    "embed": EmbedRequest(model="m", texts=["x"]),
    "image": ImageRequest(model="m", prompt="x"),
    "edit_image": ImageEditRequest(model="m", prompt="x", images=[PNG]),
    "mesh": MeshRequest(model="triposr", images=[PNG]),
    "speech": SpeechRequest(model="m", text="x", voice="v"),
    "transcribe": TranscriptionRequest(model="m", audio=WAV),
    "start_transcription": TranscriptionRequest(model="m", audio=WAV),
    "music": MusicRequest(model="m", prompt="x"),
    "start_music": MusicRequest(model="m", prompt="x"),
    "start_video": VideoRequest(model="m", prompt="x"),
    "ocr": OcrRequest(model="mistral-ocr-latest", document=PNG),
    "moderate": ModerationRequest(model="m", text="x"),
    "vision_features": VisionFeaturesRequest(image="https://example.com/a.png"),
    "search": SearchRequest(query="x"),
    "create_batch": BatchRequest(requests={"a": CHAT}),
    "usage": UsageRequest(),
    "usage_total": UsageRequest(),
    "logs": LogsRequest(),
    "transactions": TransactionsRequest(),
    "models": ModelsRequest(),
    "create_key": KeyChange(),
    **{name: LegacyRequest() for name in ROUTES},
}
FIELDS = [
    (provider.name, name, field.name)
    for provider in PROVIDERS.values()
    for name in ("chat", *provider.operations)
    if name in PLAIN
    for field in fields(PLAIN[name])
]
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**400, "", "0.9", "x", b"x", [], [1], [None], {}, {"a": object()},
     {1: 2}, object(), (), set(), lambda: 1, "\ud800", ["\ud800"], Media(), Exception, [[[]]], Path("/nowhere/at/all"),
)  # fmt: skip


def built(provider: str, name: str, request: Any) -> None:
    operation = PROVIDERS[provider].chat if name == "chat" else PROVIDERS[provider].operations[name]
    try:
        made = operation.build(request)
    except MultiApiError:
        return
    assert isinstance(made, HttpRequest)


@pytest.mark.filterwarnings("ignore:.* is sent all the same:UserWarning")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_any_value_of_any_field_is_built_or_one_of_our_errors(provider: str) -> None:
    """Each value in each field of each operation: a sample of them would pass by most."""
    for place in (place for place in FIELDS if place[0] == provider):
        _, name, field = place
        for value in ODD:
            try:
                built(provider, name, replace(PLAIN[name], **{field: value}))
            except Exception as error:
                raise AssertionError(f"{place} = {value!r}") from error


@pytest.mark.parametrize("provider", PROVIDERS)
def test_any_value_in_place_of_a_request_is_built_or_one_of_our_errors(provider: str) -> None:
    for name in dict.fromkeys(place[1] for place in FIELDS if place[0] == provider):
        for value in ODD:
            built(provider, name, value)


def test_an_odd_value_is_named_by_its_field_and_not_shown() -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport)
    client = Client("bineric", api_key="any-key-1234", base_url=simulator.base_url("bineric"), http_client=http)
    for speed in (object(), [1], float("nan"), {"a": 1}):
        with pytest.raises(InvalidRequestError, match="speed"):
            client.speech(SpeechRequest(model="text-to-speech", text="x", speed=speed))  # type: ignore[arg-type]
    assert not simulator.log


@pytest.mark.parametrize(("speed", "rate"), [("0.9", "0.9"), (0.9, "0.9"), (1, "1"), ("+10%", "+10%")])
def test_a_rate_is_text_as_pitch_and_volume_are(speed: Any, rate: str) -> None:
    request = SpeechRequest(model="text-to-speech", text="x", speed=speed, pitch="+1%", volume=5)
    options = PROVIDERS["bineric"].operations["speech"].build(request).json["options"]
    assert options == {"rate": rate, "pitch": "+1%", "volume": "+5%"}


@pytest.mark.parametrize(
    "options", [{"speed": object()}, {"speed": "0.9", "nonsense": 1}, {"speed": [1]}, {"extra": 5}]
)
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_no_tool_lets_another_error_out(framework: str, options: dict[str, Any]) -> None:
    simulator = Simulator()
    given = {
        "api_key": "any-key-1234",
        "base_url": simulator.base_url("bineric"),
        "http_client": httpx.Client(transport=simulator.transport),
    }
    if framework == "langchain":
        kit = MultiApiToolkit(provider="bineric", options={"speech": options}, include=["text_to_speech"], **given)
        assert "nonsense" in str(kit.get_tools()[0].invoke({"text": "x"})) or "nonsense" not in options
    else:
        spec = MultiApiToolSpec("bineric", options={"speech": options}, include=["text_to_speech"], **given)
        with pytest.raises(MultiApiError):
            spec.to_tool_list()[0].call(text="x")


def test_a_body_goes_only_where_the_operation_has_one() -> None:
    """Each of AI/ML API's older operations with nothing but its ids, against the contract."""
    paths = {(each.method, re.sub(r"{\w+}", "{}", each.path)): each for each in contract("aimlapi").operations.values()}
    for name, (method, path) in ROUTES.items():
        operation = paths[method, re.sub(r"{\w+}", "{}", path)]
        ids = dict.fromkeys(re.findall(r"{(\w+)}", path), "1")
        built = PROVIDERS["aimlapi"].operations[name].build(LegacyRequest(ids=ids))
        assert (built.json is not None) is bool(operation.content_types), name
