"""What users of AICredits and Bineric saw live: read beside what is documented, and never sent by itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import (
    ChatRequest,
    Client,
    EmbedRequest,
    ImageRequest,
    Media,
    MeshRequest,
    Message,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    TranscriptionRequest,
    VideoRequest,
)
from multiapi.errors import AuthenticationError, InsufficientCreditsError, MultiApiError, NotFoundError
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from multiapi.simulator.contract import contract
from multiapi.types.account import Balance, ModelInfo
from tests.cassettes.secret_scan import secrets
from tests.contracts import contract as document
from tests.contracts import response_examples

HELLO = ChatRequest(model="openai/gpt-4o-mini", messages=[Message("user", "x")])
WAV = base64.b64decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQAAAAA=")


def client(answer: Callable[[httpx.Request], httpx.Response], provider: str = "aicredits", **settings: Any) -> Client:
    http = httpx.Client(transport=httpx.MockTransport(answer))
    return Client(provider, api_key="any-key-1234", http_client=http, **settings)


# ------------------------------------------------------------------------------------------------ the balance


def places(**bodies: Any) -> tuple[list[str], Callable[[httpx.Request], httpx.Response]]:
    """Answers by path; what is not given is the text of a 404."""
    asked: list[str] = []
    known = {"/v1/credits": bodies.get("first"), "/api/v1/credits": bodies.get("second")}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        body = known[request.url.path]
        if isinstance(body, int):
            return httpx.Response(body, json={"error": {"message": "no", "code": body}})
        return httpx.Response(404, text="404 page not found") if body is None else httpx.Response(200, json=body)

    return asked, answer


@pytest.mark.parametrize(
    ("body", "amount", "unit"),
    [
        *(({name: 5}, "5", "INR") for name in ("balance", "balance_inr", "wallet_balance", "credits", "remaining")),
        ({"available": "7.25"}, "7.25", "INR"),
        ({"data": {"balance": 0}}, "0", "INR"),
        ({"data": {"total_credits": 500, "total_usage": 17.65, "credits_inr": 482.35}}, "482.35", "INR"),
        ({"data": {"balance": 3, "credits_inr": 482.35}}, "482.35", "INR"),
        ({"data": {"total_credits": 500, "total_usage": 17.65}}, "482.35", None),
        ({"total_credits": 5, "total_usage": 5}, "0", None),
        ({"data": {"total_credits": 500}}, None, "INR"),
    ],
)
@pytest.mark.parametrize("method", ["credits", "balance"])
@pytest.mark.parametrize("place", ["first", "second"])
def test_each_form_of_the_balance(body: Any, amount: str | None, unit: str | None, method: str, place: str) -> None:
    _, answer = places(**{place: body})
    found: Balance = getattr(client(answer), method)()
    assert (found.amount, found.unit) == (None if amount is None else Decimal(amount), unit)


def test_the_place_that_answered_is_remembered_by_the_client() -> None:
    asked, answer = places(second={"data": {"credits_inr": 1}})
    mine = client(answer)
    mine.credits()
    mine.balance()
    assert asked == ["/v1/credits", "/api/v1/credits", "/api/v1/credits"]
    client(answer).credits()
    assert asked[3:] == ["/v1/credits", "/api/v1/credits"]


def test_two_404s_say_that_there_is_no_balance() -> None:
    asked, answer = places()
    with pytest.raises(NotFoundError, match="AICredits seems to have no balance operation for this key"):
        client(answer).balance()
    assert asked == ["/v1/credits", "/api/v1/credits"]


@pytest.mark.parametrize("status", [401, 403, 400])
def test_another_refusal_is_not_followed_up(status: int) -> None:
    asked, answer = places(first=status, second={"data": {"credits_inr": 1}})
    with pytest.raises(MultiApiError) as raised:
        client(answer).credits()
    assert (type(raised.value) is AuthenticationError) is (status == 401)
    assert asked == ["/v1/credits"]


# ------------------------------------------------------------------------------------------------ the model list


def model(**entry: Any) -> ModelInfo:
    body = {"object": "list", "data": [{"id": "a/b", **entry}]}
    return client(lambda request: httpx.Response(200, json=body)).models()[0]


def test_every_field_that_was_seen_arrives() -> None:
    """Those with a place of their own there, all of them in `raw`; a new one in the contract fails here."""
    places_of = {
        "id": "id",
        "name": "name",
        "provider": "developer",
        "description": "description",
        "context_length": "context_tokens",
        "is_active": "active",
        "input_modalities": "inputs",
        "output_modalities": "outputs",
        "tags": "capabilities",
    }
    in_raw = {"short_name", "is_free"}
    schema = document("aicredits")["components"]["schemas"]["ModelSeen"]["properties"]
    for field, facts in schema.items():
        value: Any = 3e-6 if "cost" in field else {"boolean": True, "array": ["x"]}.get(str(facts["type"]), "word")
        value = 4096 if field == "context_length" else value
        found = model(**{field: value})
        assert found.raw[field] == value
        if "cost" in field:
            price = found.prices[0]
            assert (price.amount, price.per) == (Decimal(3) if "per_token" in field else Decimal("3e-6"), 1_000_000)
            assert price.currency == facts["x-unit"]
        elif field not in in_raw:
            wanted = tuple(value) if isinstance(value, list) else value
            assert getattr(found, places_of[field]) == wanted, field


@pytest.mark.parametrize("token", ["1.5e-7", "1.505e-05", "6.018e-05", "7.5e-8", "1e-9", "0", "0.123456789123456"])
def test_prices_are_exact(token: str) -> None:
    amounts = [price.amount for price in model(input_cost_per_token=float(token)).prices]
    assert amounts == [Decimal(token) * 1_000_000]
    assert "E" not in str(amounts[0])


def test_both_forms_in_one_list_and_in_one_entry() -> None:
    found = model(
        context_window=8192, input_cost_per_1m=0.15, input_cost_per_token=1.5e-7, input_cost_per_token_inr=1.5e-5
    )
    assert found.context_tokens == 8192
    assert [(str(price.amount), price.currency) for price in found.prices] == [("0.15", "USD"), ("15", "INR")]


def test_inactive_models_are_left_out_where_one_is_chosen() -> None:
    assert model(is_active=False).active is False
    assert model().active is None


# ------------------------------------------------------------------------------------------------ what a call cost


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_call_cost_is_in_rupees(stream: bool) -> None:
    simulator = Simulator(as_seen={"cost"})
    http = httpx.Client(transport=simulator.transport)
    settings: dict[str, Any] = {"provider": "aicredits", "api_key": "any-key-1234", "http_client": http}
    settings["base_url"] = simulator.base_url("aicredits")
    mine = Client(**settings)
    told = [*mine.chat_stream(HELLO)][-1].response if stream else mine.chat(HELLO)
    assert told is not None and told.cost is not None and told.cost.unit == "INR"
    chain, llm = (
        ChatMultiApi(model="openai/gpt-4o-mini", **settings),
        MultiApiLLM(model="openai/gpt-4o-mini", **settings),
    )
    assert chain.invoke("x").response_metadata["cost"]["unit"] == "INR"
    assert llm.complete("x").additional_kwargs["cost"]["unit"] == "INR"
    vectors = mine.embed(EmbedRequest(model="openai/text-embedding-3-small", texts=["x"]))
    assert vectors.cost is not None and vectors.cost.unit == "INR"


# ------------------------------------------------------------------------------------------------ what is sent

SEEN_AND_SENT = {
    ("aicredits", "path", "/api/v1/credits"): "B; after a 404 of /v1/credits, which is free",
    ("aicredits", "field", "stream_options"): "B; counts of streams, off by stream_usage=False",
    ("binom_router", "field", "stream_options"): "its claim of full compatibility; off by stream_usage=False",
}
"""What goes out by default although no page shows it: grade, and when or how it is switched off."""


def default_requests(provider: str) -> list[tuple[str, str, Any]]:
    """Method, path and body of each operation asked for with as little as can be."""
    sent: list[tuple[str, str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        is_json = request.headers.get("content-type", "").startswith("application/json")
        sent.append((request.method, request.url.path, json.loads(request.content) if is_json else None))
        return httpx.Response(404, text="404 page not found")

    mine = client(answer, provider, max_retries=0)
    sound = Media(data=WAV, mime_type="audio/wav")
    images = {"bineric": "stability-ai", "aicredits": "dall-e-3", "aimlapi": "flux/schnell"}
    speeches = {"bineric": "text-to-speech", "aicredits": "openai/tts-1", "aimlapi": "openai/tts-1"}
    hearing = {"bineric": "speech-to-text", "aicredits": "openai/whisper-1", "aimlapi": "openai/gpt-4o-transcribe"}
    asks: list[Callable[[], Any]] = [lambda: mine.chat(HELLO), lambda: [*mine.chat_stream(HELLO)]]
    if provider in images:
        asks += [
            lambda: mine.image(ImageRequest(model=images[provider], prompt="a boat")),
            lambda: (
                mine.speech(SpeechRequest(model=speeches[provider], text="hei", voice="alloy"))
                if provider in {"aicredits", "aimlapi"}
                else mine.speech(SpeechRequest(model=speeches[provider], text="hei"))
            ),
            lambda: mine.transcribe(TranscriptionRequest(model=hearing[provider], audio=sound)),
        ]
    if PROVIDERS[provider].has("embeddings"):
        asks.append(lambda: mine.embed(EmbedRequest(model="openai/text-embedding-3-small", texts=["x"])))
    if provider == "aimlapi":
        asks += [
            lambda: mine.responses(HELLO),
            lambda: mine.messages(replace(HELLO, max_tokens=9)),
            lambda: mine.start_video(VideoRequest(model="alibaba/wan-2-6-t2v", prompt="a boat")),
            lambda: mine.start_music(MusicRequest(model="elevenlabs/eleven_music", prompt="a boat")),
            lambda: mine.mesh(MeshRequest(model="triposr", images=["https://example.com/a.png"])),
            lambda: mine.ocr(OcrRequest(model="mistral/mistral-ocr-latest", document="https://example.com/a.pdf")),
        ]
    asks += [getattr(mine, name) for name in ("models", "balance") if name in PROVIDERS[provider].operations]
    for ask in asks:
        with pytest.raises(MultiApiError):
            ask()
    return sent


def properties_of(known: Any, schema: Any) -> dict[str, Any]:
    """The fields of a body, of all branches of a union."""
    schema = known.resolve(schema)
    found = dict(schema.get("properties", {}))
    for word in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(word, ()):
            found = {**properties_of(known, branch), **found}
    return found


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_nothing_that_was_only_seen_is_sent_by_default(provider: str) -> None:
    known = contract(provider)
    for method, path, body in default_requests(provider):
        matched = known.match(method, path.removeprefix(known.prefix))
        assert matched is not None, path
        operation = matched[0]
        if operation.status == "seen":
            assert (provider, "path", path) in SEEN_AND_SENT
        if body is None:
            continue
        properties = properties_of(known, operation.body_schemas["application/json"])
        assert properties, path
        for field in body:
            facts = properties.get(field)
            unsure = facts is None or facts.get("x-source") == "seen" or facts.get("x-undocumented")
            assert not unsure or (provider, "field", field) in SEEN_AND_SENT, f"{path}: {field}"


# ------------------------------------------------------------------------------------------------ keys


@pytest.mark.parametrize("key", ["sk-" + "0a" * 32, "sk-live-" + "0a" * 32, "sk-your-key-here", "abc"])
def test_no_key_is_refused_by_its_form_and_both_forms_are_hidden(
    key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AICREDITS_API_KEY", key)
    http = httpx.Client(
        transport=httpx.MockTransport(
            lambda request: httpx.Response(401, json={"error": {"message": f"bad key {key}"}})
        )
    )
    with pytest.raises(AuthenticationError) as raised:
        Client("aicredits", http_client=http).chat(HELLO)
    if len(key) > 20:
        assert key not in str(raised.value)
        (tmp_path / "a.yaml").write_text(f"bad key {key}\n")
        assert "a key of AICredits" in str([*secrets(tmp_path)])


# ------------------------------------------------------------------------------------------------ what holds


def test_an_error_after_text_is_its_class() -> None:
    example = next(each for each in response_examples("aicredits") if each.name == "final_error")
    head = {"content-type": "text/event-stream"}
    texts: list[str] = []
    with pytest.raises(InsufficientCreditsError):
        for delta in client(lambda request: httpx.Response(200, headers=head, text=example.value)).chat_stream(HELLO):
            texts.append(delta.text)
    assert "".join(texts) == "Rain"


def test_an_image_is_what_its_bytes_are() -> None:
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1" + bytes(200)).decode()
    body = {"created": 1, "data": [{"b64_json": jpeg}]}
    made = client(lambda request: httpx.Response(200, json=body)).image(ImageRequest(model="dall-e-3", prompt="x"))
    assert made.media[0].mime_type == "image/jpeg"


def test_settings_go_out_as_given() -> None:
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(400, json={"error": {"message": "no"}})

    extra = {"reasoning": {"enabled": False}, "no_cache": True, "cache": False}
    with pytest.raises(MultiApiError):
        client(answer).chat(ChatRequest(model="m", messages=HELLO.messages, reasoning_effort="low", extra=extra))
    assert {name: sent[0][name] for name in extra} == extra
    assert sent[0]["reasoning_effort"] == "low"


def test_an_unasked_stream_of_bineric_ends_in_its_response() -> None:
    head, body = (
        {"content-type": "text/event-stream"},
        'data: {"text":"He"}\n\ndata: {"response":"Hei!"}\n\ndata: [DONE]\n\n',
    )
    assert client(lambda request: httpx.Response(200, headers=head, text=body), "bineric").chat(HELLO).text == "Hei!"


def test_the_echo_of_a_model_is_compared_with_nothing() -> None:
    body = {
        "model": "gemini-2.5-flash",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    }
    told = client(lambda request: httpx.Response(200, json=body)).chat(HELLO)
    assert (told.text, told.model) == ("hi", "gemini-2.5-flash")
