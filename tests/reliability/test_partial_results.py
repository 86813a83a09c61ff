"""What was paid for is not lost to what is wrong beside it: n - 1 good entries and a bad one of each kind, for every operation that gives
several."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import AddressRefusedError, MultiApiError
from multiapi.sending.waiting import without_waiting
from multiapi.types.media import Media
from multiapi.types.media_requests import (
    ImageEditRequest,
    ImageRequest,
    MeshRequest,
    MusicRequest,
    OcrRequest,
    SpeechRequest,
    VideoRequest,
)

KEY = "any-key-1234"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
MP3 = b"ID3\x04" + bytes(60)
PICTURE = Media.from_bytes(PNG, name="a.png")


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


REFUSED = {
    "metadata address": {"url": "http://169.254.169.254/x.png"},
    "private address": {"url": "https://10.0.0.1/x.png"},
    "local name": {"url": "https://printer.local/x.png"},
    "another scheme": {"url": "ftp://cdn.example.com/x.png"},
}
UNREADABLE = {
    "relative address": {"url": "/files/x.png"},
    "broken base64": {"b64_json": "!!!"},
    "a number": {"b64_json": 17},
}
BAD: dict[str, Any] = REFUSED | UNREADABLE

# vendor, method, request, a good entry, and the body around the entries
SEVERAL: dict[str, tuple[str, str, Any, Any, Any]] = {
    **{
        f"{vendor} image": (
            vendor,
            "image",
            ImageRequest(model=model, prompt="x"),
            {"b64_json": packed(PNG)},
            lambda entries: {"data": entries},
        )
        for vendor, model in (
            ("aimlapi", "flux/schnell"),
            ("aicredits", "dall-e-3"),
            ("binobox", "imagen-4-fast-generate"),
        )
    },
    "aimlapi edit": (
        "aimlapi",
        "edit_image",
        ImageEditRequest(model="openai/gpt-image-2", prompt="x", images=[PICTURE]),
        {"b64_json": packed(PNG)},
        lambda entries: {"data": entries},
    ),
    "aimlapi choices": (
        "aimlapi",
        "image",
        ImageRequest(model="flux/schnell", prompt="x"),
        {"url": "https://cdn.example.com/a.png"},
        lambda entries: {"output": {"choices": entries}},
    ),
    "aimlapi mesh": (
        "aimlapi",
        "mesh",
        MeshRequest(model="triposr", images=[PICTURE]),
        {"url": "https://cdn.example.com/a.glb"},
        lambda entries: {"data": entries},
    ),
    "aimlapi named meshes": (
        "aimlapi",
        "mesh",
        MeshRequest(model="triposr", images=[PICTURE]),
        {"url": "https://cdn.example.com/a.glb"},
        lambda entries: {f"part{number}_mesh": entry for number, entry in enumerate(entries)},
    ),
    "aimlapi sound": (
        "aimlapi",
        "speech",
        SpeechRequest(model="openai/tts-1", text="x", voice="alloy"),
        {"b64_json": packed(MP3)},
        lambda entries: {"data": entries},
    ),
}
COST = {"meta": {"usage": {"usd_spent": 0.1}}, "usage": {"cost": 0.1}, "binobox": {"diamonds_charged": 0.1}}


def outcome(name: str, entries: list[Any], *, is_async: bool) -> Any:
    vendor, method, request, _, around = SEVERAL[name]
    body = json.dumps({**around(entries), **COST}).encode()

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "application/json", "x-request-id": "req-1"}
        return httpx.Response(200, headers=headers, content=body)

    async def later(request: httpx.Request) -> httpx.Response:
        return answer(request)

    try:
        if is_async:
            http = httpx.AsyncClient(transport=httpx.MockTransport(later))
            return asyncio.run(getattr(AsyncClient(vendor, api_key=KEY, http_client=http), method)(request))
        http_client = httpx.Client(transport=httpx.MockTransport(answer))
        return getattr(Client(vendor, api_key=KEY, http_client=http_client), method)(request)
    except MultiApiError as error:
        return error


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("bad", list(BAD))
@pytest.mark.parametrize("name", list(SEVERAL))
def test_a_bad_entry_takes_none_of_the_good_ones_away(name: str, bad: str, place: int, is_async: bool) -> None:
    good = SEVERAL[name][3]
    entries = [good, good]
    entries.insert(place, BAD[bad])
    if "named meshes" in name and "url" not in BAD[bad]:
        entries[place] = {"url": "/files/x.glb"}
    error = outcome(name, entries, is_async=is_async)
    assert isinstance(error, MultiApiError)
    assert len(error.partial.media) == 2
    assert all(media.data in {PNG, MP3} or media.url == good.get("url") for media in error.partial.media)
    assert error.outcome_unknown
    assert not error.retryable
    assert error.request_id == error.partial.request_id == "req-1"
    assert error.cost == error.partial.cost
    assert error.cost is not None
    assert str(error.cost.amount) == "0.1"
    assert pickle.loads(pickle.dumps(error)).partial.media == error.partial.media


@pytest.mark.parametrize("bad", list(REFUSED))
@pytest.mark.parametrize("name", list(SEVERAL))
def test_nothing_good_still_says_what_it_cost(name: str, bad: str) -> None:
    error = outcome(name, [REFUSED[bad]], is_async=False)
    assert isinstance(error, AddressRefusedError)
    assert error.outcome_unknown
    assert str(error.cost.amount) == "0.1"  # type: ignore[union-attr]


def test_pages_stay_although_a_picture_of_one_cannot_be_read() -> None:
    pages = [{"index": 0, "markdown": "one", "images": [{"image_base64": packed(PNG)}, {"image_base64": "!!!"}]}]
    pages.append({"index": 1, "markdown": "two", "images": []})
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"pages": pages, **COST})))
    request = OcrRequest(model="mistral/mistral-ocr-latest", document="https://example.com/a.pdf")
    with pytest.raises(MultiApiError) as caught:
        Client("aimlapi", api_key=KEY, http_client=http).ocr(request)
    assert [page.text for page in caught.value.partial.pages] == ["one", "two"]
    assert [len(page.images) for page in caught.value.partial.pages] == [1, 0]
    assert caught.value.cost is not None


@pytest.mark.parametrize("what", ["video", "music"])
def test_a_job_that_made_several_keeps_the_good_ones(what: str) -> None:
    links = ["https://cdn.example.com/a", "https://10.0.0.1/b", "https://cdn.example.com/c"]
    done = {"id": "job-1", "status": "completed", "video": links, "audio_file": links, **COST}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": "job-1", "status": "queued"} if request.method == "POST" else done)

    client = Client("aimlapi", api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    video = VideoRequest(model="alibaba/wan-2-6-t2v", prompt="x")
    with without_waiting(), pytest.raises(AddressRefusedError) as caught:
        if what == "video":
            client.video(video)
        else:
            client.music(MusicRequest(model="google/lyria2", prompt="x"))
    error = caught.value
    assert error.job_id == "job-1"
    assert [media.url for media in error.partial.media] == [links[0], links[2]]
    assert str(error.cost.amount) == "0.1"  # type: ignore[union-attr]


def test_an_answer_of_a_batch_that_cannot_be_read_is_one_of_many() -> None:
    good = {
        "role": "assistant",
        "type": "message",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
    }
    lines = [
        {"custom_id": "a", "result": {"type": "succeeded", "message": good}},
        {
            "custom_id": "b",
            "result": {"type": "succeeded", "message": {"content": 17, "type": "error", "error": {"message": "no"}}},
        },
        {"custom_id": "c", "result": {"type": "succeeded", "message": good}},
    ]
    body = "\n".join(map(json.dumps, lines))
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, text=body)))
    batch = Client("aimlapi", api_key=KEY, http_client=http).batch("batch-1")
    assert [result.custom_id for result in batch.results] == ["a", "b", "c"]
    assert batch.by_id["a"].response is not None
    assert batch.by_id["c"].response is not None
