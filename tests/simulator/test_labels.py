"""The simulator compares what a file is called with what its bytes are, on its own."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from multiapi.simulator import Simulator

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEBM = bytes.fromhex(
    "1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878104428581021853806701ffffffffffffff"
) + bytes(64)
MP4 = bytes.fromhex("000000186674797069736f6d0000020069736f6d69736f32") + bytes(64)


def url(label: str, data: bytes) -> str:
    return f"data:{label};base64,{base64.b64encode(data).decode()}"


def sent(provider: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
    simulator = Simulator(seed=0)
    with httpx.Client(transport=simulator.transport, headers={"authorization": "Bearer k", "api-key": "k"}) as client:
        return client.post(simulator.base_url(provider) + path, json=body, **more)


def chat(part: Any) -> Any:
    return {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]}


def sound(word: str, data: bytes) -> Any:
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": word}}


@pytest.mark.parametrize(
    ("provider", "path", "good", "bad"),
    [
        (
            "aimlapi",
            "/v1/chat/completions",
            chat({"type": "image_url", "image_url": {"url": url("image/png", PNG)}}),
            chat({"type": "image_url", "image_url": {"url": url("image/jpeg", PNG)}}),
        ),
        ("aimlapi", "/v1/chat/completions", chat(sound("audio/webm", WEBM)), chat(sound("mp3", WEBM))),
        (
            "aimlapi",
            "/v1/chat/completions",
            chat({"type": "file", "file": {"filename": "a.pdf", "file_data": url("application/pdf", b"%PDF-1.4\n%%EOF\n")}}),
            chat({"type": "file", "file": {"filename": "a.csv", "file_data": url("text/csv", b"a,b\n1,2\n")}}),
        ),
        (
            "aimlapi",
            "/v1/images/generations",
            {"model": "google/gemini-2.5-flash-image-edit", "prompt": "night", "image_urls": [url("image/png", PNG)]},
            {"model": "google/gemini-2.5-flash-image-edit", "prompt": "night", "image_urls": [url("video/mp4", MP4)]},
        ),
        (
            "bineric",
            "/ai/chat/completions",
            {"model": "gpt-4", "messages": [{"role": "user", "content": "x", "attachments": [url("audio/webm", WEBM)]}]},
            {"model": "gpt-4", "messages": [{"role": "user", "content": "x", "attachments": [url("audio/mpeg", WEBM)]}]},
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_called_what_it_is_not_is_refused(provider: str, path: str, good: Any, bad: Any) -> None:
    assert sent(provider, path, good).status_code == 200
    assert sent(provider, path, bad).status_code == 400


def test_names_of_uploads_are_compared_too() -> None:
    for name, label, status in (
        ("a.png", "image/png", 200),
        ("a.jpg", "image/png", 400),
        ("a.png", "image/jpeg", 400),
        ("a", "image/png", 200),
    ):
        files = {"image": (name, PNG, label)}
        answer = sent(
            "aimlapi", "/v1/images/edits", data={"model": "openai/gpt-image-1", "prompt": "night"}, files=files
        )
        assert answer.status_code == status, (name, label, answer.text)


def test_the_words_for_sound_at_aicredits_are_compared() -> None:
    for word, status in (("webm", 400), ("mp3", 400), ("ogg", 400)):
        body = {"model": "openai/whisper-1", "input_audio": {"data": base64.b64encode(PNG).decode(), "format": word}}
        assert sent("aicredits", "/v1/audio/transcriptions", body).status_code == status


def test_documents_that_are_none_are_not_read() -> None:
    for label, data in (("video/mp4", MP4), ("text/csv", b"a,b\n"), ("image/svg+xml", b"<svg/>")):
        body = {
            "model": "mistral/mistral-ocr-latest",
            "document": {"type": "document_url", "document_url": url(label, data)},
        }
        assert sent("aimlapi", "/v1/ocr", body).status_code == 400
