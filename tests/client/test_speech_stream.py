"""Speech as bytes while it is made: what comes, when it comes, what breaks it, and what is said then."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client, Limits, SpeechRequest
from multiapi.errors import (
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    ResponseFormatError,
    ResponseTooLargeError,
    StreamInterruptedError,
    UnsupportedError,
)
from multiapi.money.spending import track_spending
from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator

ASK = SpeechRequest(model="elevenlabs/v3_alpha", text="The tide turns at noon. " * 20, voice="Rachel")
SOUND = b"ID3\x04" + bytes(range(256)) * 64


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in chunks; an exception among them is raised in its place, and what was taken is noted."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.taken += 1
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def sent(body: Body, *, kind: str = "audio/mpeg", status: int = 200, **settings: Any) -> tuple[Client, AsyncClient]:
    headers = {"content-type": kind} if kind else {}
    transport = httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, stream=body))
    given: dict[str, Any] = {"api_key": "any-key-1234", "max_retries": 0, **settings}
    return (
        Client("aimlapi", http_client=httpx.Client(transport=transport), **given),
        AsyncClient("aimlapi", http_client=httpx.AsyncClient(transport=transport), **given),
    )


def come(which: str, body: Body, **facts: Any) -> tuple[list[bytes], MultiApiError | None]:
    """The chunks before the end or an error, and the error."""
    blocking, awaiting = sent(body, **facts)
    chunks: list[bytes] = []
    try:
        if which == "sync":
            for chunk in blocking.speech_stream(ASK):
                chunks.append(chunk)
        else:

            async def read() -> None:
                async for chunk in awaiting.speech_stream(ASK):
                    chunks.append(chunk)

            asyncio.run(read())
    except MultiApiError as error:
        return chunks, error
    return chunks, None


both = pytest.mark.parametrize("which", ["sync", "async"])


@both
@pytest.mark.parametrize("kind", ["audio/mpeg", "audio/wav; rate=8000", "application/octet-stream", "", "AUDIO/OGG"])
def test_bytes_are_handed_on_as_they_came(which: str, kind: str) -> None:
    chunks = [SOUND[:5], SOUND[5:4000], SOUND[4000:]]
    assert come(which, Body(*chunks), kind=kind) == (chunks, None)


def test_the_first_bytes_are_there_before_the_last_are_sent() -> None:
    body = Body(*[SOUND] * 50)
    stream = sent(body)[0].speech_stream(ASK)
    assert next(stream) == SOUND and body.taken <= 2
    stream.close()
    assert body.closed and body.taken <= 2


def test_the_simulator_streams_what_it_gives_as_a_whole() -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport)
    client = Client("aimlapi", api_key="any-key-1234", base_url=simulator.base_url("aimlapi"), http_client=http)
    chunks = list(client.speech_stream(ASK))
    assert len(chunks) > 3 and b"".join(chunks) == client.speech(ASK).data


@both
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_broken_stream_says_so_behind_what_came(which: str, cut: int) -> None:
    chunks, error = come(which, Body(*[SOUND] * cut, httpx.ReadError("gone")))
    assert chunks == [SOUND] * cut
    assert isinstance(error, StreamInterruptedError) and error.outcome_unknown and not error.retryable


@both
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html", b"<html>no</html>"),
        ("", b"<html>no</html>"),
        ("audio/mpeg", b"<html>no</html>"),
        ("application/json", b"{"),
        ("text/plain", b"busy"),
        ("audio/mpeg", b""),
        ("application/json", b'{"status": "done"}'),
    ],
)
def test_what_is_not_sound_is_an_error(which: str, kind: str, text: bytes) -> None:
    chunks, error = come(which, Body(text), kind=kind)
    assert chunks == [] and isinstance(error, ResponseFormatError)
    assert error.provider == "aimlapi" and error.status == 200


@both
def test_a_file_instead_of_a_stream_is_not_lost(which: str) -> None:
    body = b'{"audio": {"url": "https://cdn.example.com/a.mp3"}}'
    chunks, error = come(which, Body(body), kind="application/json")
    assert chunks == [] and isinstance(error, ResponseFormatError)
    assert error.partial.url == "https://cdn.example.com/a.mp3"


@both
def test_base64_in_json_is_sound_too(which: str) -> None:
    import base64

    body = b'{"audio": {"base64": "%s"}}' % base64.b64encode(SOUND)
    assert come(which, Body(body[:100], body[100:]), kind="application/json") == ([SOUND], None)


@both
def test_an_error_before_the_first_byte_is_typed(which: str) -> None:
    body = b'{"error": {"message": "no funds", "code": "insufficient_funds"}}'
    assert isinstance(come(which, Body(body), kind="application/json", status=402)[1], InsufficientCreditsError)


@both
def test_more_than_the_limit_is_refused(which: str) -> None:
    chunks, error = come(which, Body(SOUND, SOUND), limits=Limits(file_bytes=len(SOUND) + 1))
    assert chunks == [SOUND] and isinstance(error, ResponseTooLargeError)


@both
@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_what_cannot_stream_is_refused_unsent(which: str, provider: str) -> None:
    asked: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: asked.append(request) or httpx.Response(500))  # type: ignore[func-returns-value]
    ask = SpeechRequest(model="openai/tts-1", text="Hi.", voice="coral")
    with pytest.raises(UnsupportedError, match=provider):
        if which == "sync":
            client = Client(provider, api_key="any-key-1234", http_client=httpx.Client(transport=transport))
            next(client.speech_stream(ask))
        else:
            made = httpx.AsyncClient(transport=transport)
            awaiting = AsyncClient(provider, api_key="any-key-1234", http_client=made)
            asyncio.run(anext(awaiting.speech_stream(ask)))  # type: ignore[arg-type]
    assert asked == []


def test_extra_cannot_ask_for_the_other_one() -> None:
    client, _ = sent(Body(SOUND))
    with pytest.raises(InvalidRequestError, match="stream=False in `extra`"):
        next(client.speech_stream(SpeechRequest(model=ASK.model, text="x", voice="Rachel", extra={"stream": False})))
    with pytest.raises(InvalidRequestError, match="use speech_stream"):
        client.speech(SpeechRequest(model=ASK.model, text="x", voice="Rachel", extra={"stream": True}))
    with pytest.raises(UnsupportedError, match="streams no events of speech"):
        next(client.legacy_stream("speech", ASK))  # type: ignore[arg-type]


@pytest.mark.parametrize("taken", [1, 3])
def test_a_stream_counts_once_whether_it_is_read_to_its_end_or_left(taken: int) -> None:
    with track_spending() as spent:
        stream = sent(Body(SOUND, SOUND))[0].speech_stream(ASK)
        for _, _chunk in zip(range(taken), stream, strict=False):
            pass
        stream.close()
    assert spent.calls == 1


def test_the_command_line_plays_it(capsysbinary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from multiapi.cli import media
    from multiapi.cli.run import Run

    body = Body(SOUND, SOUND)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
    media._play(Run("speech"), sent(body)[0], ASK)
    import sys

    assert sys.stdout.buffer.getvalue() == SOUND * 2  # type: ignore[attr-defined]
