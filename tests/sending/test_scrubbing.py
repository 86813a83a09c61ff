"""Keys and other secrets that come back in an answer: of each request its own, in every form, over every cut; free on success."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import IN_FORCE, MultiApiError
from multiapi.sending.scrubbing import MASK, Scrubber
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.limits import Limits
from tests.reliability.bodies import chat_body, delta, event
from tests.reliability.ways import request

KEY = "sk-Ab+cd/EFGH=0123456789abcdefXYZ"
LONGEST_LEFT = 7


def shown(error: BaseException) -> str:
    """All that an error shows."""
    return f"{error} {error!r} {error.args} {vars(error)} {error.__cause__!r}"


def longest_piece(text: str, secret: str = KEY) -> int:
    """The length of the longest piece of the secret that stands in a text, in whatever case."""
    text, secret, longest = text.lower(), secret.lower(), 0
    for start in range(len(secret)):
        while secret[start : start + longest + 1] in text and start + longest < len(secret):
            longest += 1
    return longest


def failing(answer: Callable[[httpx.Request], httpx.Response], **settings: Any) -> MultiApiError:
    client = httpx.Client(transport=httpx.MockTransport(answer))
    settings = {"api_key": KEY, "max_retries": 0, "http_client": client} | settings
    with pytest.raises(MultiApiError) as caught:
        Client("aicredits", **settings).chat(request())
    return caught.value


# ------------------------------------------------------------------------------------------------ of each request its own


KEYS = [f"sk-number-{number}-0123456789abcdef" for number in range(4)]


def refused(sent: httpx.Request) -> httpx.Response:
    return httpx.Response(401, json={"error": {"message": f"wrong key: {sent.headers['authorization'][7:]}"}})


def ask(client: Client, kind: str) -> Any:
    if kind == "embed":
        return client.embed(EmbedRequest(model="e", texts=["a", "b", "c", "d"], batch_size=1))
    return client.chat(request()) if kind == "chat" else list(client.chat_stream(request()))


async def await_it(client: AsyncClient, kind: str) -> Any:
    if kind == "embed":
        return await client.embed(EmbedRequest(model="e", texts=["a", "b", "c", "d"], batch_size=1))
    return await client.chat(request()) if kind == "chat" else [delta async for delta in client.chat_stream(request())]


@pytest.mark.parametrize("kind", ["chat", "stream", "embed"])
def test_several_keys_in_flight_in_threads(kind: str) -> None:
    keys, meeting = iter(KEYS * 4), threading.Barrier(4)

    def answer(sent: httpx.Request) -> httpx.Response:
        if kind != "embed":
            meeting.wait()  # all four are on their way before one is answered
        return refused(sent)

    client = Client(
        "aicredits",
        api_key=lambda: next(keys),
        max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )

    def outcome(_: int) -> MultiApiError:
        with pytest.raises(MultiApiError) as caught:
            ask(client, kind)
        return caught.value

    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(outcome, range(4)))
    for error in errors:
        assert MASK in str(error)
        assert not any(key in shown(error) for key in KEYS)


@pytest.mark.parametrize("kind", ["chat", "stream", "embed"])
async def test_several_keys_in_flight_in_a_loop(kind: str) -> None:
    keys, arrived, all_there = iter(KEYS * 4), [], asyncio.Event()

    async def answer(sent: httpx.Request) -> httpx.Response:
        arrived.append(1)
        if len(arrived) >= 4:
            all_there.set()
        await all_there.wait()
        return refused(sent)

    client = AsyncClient(
        "aicredits",
        api_key=lambda: next(keys),
        max_retries=0,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )
    outcomes = await asyncio.gather(*(await_it(client, kind) for _ in range(4)), return_exceptions=True)
    for error in outcomes:
        assert isinstance(error, MultiApiError)
        assert MASK in str(error)
        assert not any(key in shown(error) for key in KEYS)
    assert IN_FORCE.scrub is None


# ------------------------------------------------------------------------------------------------ every form


def forms(key: str) -> Iterator[tuple[str, str]]:
    yield "plain", key
    yield "upper", key.upper()
    yield "lower", key.lower()
    yield "percent", quote(key, safe="")
    yield "percent twice", quote(quote(key, safe=""), safe="")
    yield "percent small", quote(key, safe="").lower()
    yield "all percent", "".join(f"%{ord(each):02X}" for each in key)
    yield "slashes", key.replace("/", "\\/")
    yield "unicode", "".join(f"\\u{ord(each):04x}" for each in key)
    yield "some unicode", key.replace("+", "\\u002B").replace("=", "\\u003d")
    yield "html", html.escape(key).replace("+", "&#43;").replace("/", "&#x2F;").replace("=", "&equals;")
    yield "all html", "".join(f"&#{ord(each)};" for each in key)
    for before in ("", "x", "xy", "Bearer "):
        yield f"base64 {before}", base64.b64encode((before + key).encode()).decode()
        yield f"base64 url {before}", base64.urlsafe_b64encode((before + key + "?>").encode()).decode()
    yield "base64 lines", base64.encodebytes(b"x" * 50 + key.encode()).decode()


FORMS = dict(forms(KEY))


def undone(text: str) -> str:
    """The text with everything that may be behind it: unescaped in each way, and what its base64 stands for."""
    from urllib.parse import unquote

    plain = unquote(unquote(html.unescape(text.replace("\\/", "/"))))
    plain += " ".join(plain.encode().decode("unicode_escape", "replace").split())
    letters = text.translate(str.maketrans("-_", "+/", " \n\\"))
    for run in "".join(each if each.isalnum() or each in "+/" else " " for each in letters).split():
        for start in range(4):
            usable = run[start : start + (len(run) - start) // 4 * 4]
            plain += base64.b64decode(usable + "=" * (-len(usable) % 4)).decode("latin-1")
    return plain


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [401, 200])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_every_form_of_a_key(form: str, status: int, kind: str) -> None:
    written = FORMS[form]

    def answer(_: httpx.Request) -> httpx.Response:
        content = json.dumps({"error": {"message": f"wrong key {written} given"}})
        if kind == "text/plain":
            content = f"wrong key {written} given"
        return httpx.Response(status, headers={"content-type": kind, "x-request-id": f"id {KEY}"}, content=content)

    error = failing(answer)
    assert "wrong key" in shown(error)
    assert longest_piece(shown(error)) <= LONGEST_LEFT
    assert longest_piece(undone(shown(error))) <= LONGEST_LEFT


def test_what_a_text_holds_beside_the_key_stays() -> None:
    scrubber = Scrubber([KEY])
    for text in ("sk-Ab is how it begins", "100 % & more \\ than that", "x" * 5_000, "c2stQWIrY2Q=", ""):
        assert scrubber.text(text) == text
    assert scrubber.text(f"<{KEY}> and {KEY}!") == f"<{MASK}> and {MASK}!"
    assert Scrubber(["short"]).text("a short key is no secret") == "a short key is no secret"


# ------------------------------------------------------------------------------------------------ every cut

Answer = Callable[[int], httpx.Response]
"""An answer in which the key stands at an offset."""


def in_a_message(offset: int) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": "y" * offset + KEY + " more" * 600}})


def in_a_code(offset: int) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": "no", "code": "c" * offset + KEY + "d" * 300}})


def in_a_text(offset: int) -> httpx.Response:
    return httpx.Response(400, headers={"content-type": "text/plain"}, content="z" * offset + KEY + "tail" * 700)


def in_a_page(offset: int) -> httpx.Response:
    page = f"<html><body><b>Bad</b> gateway {'z' * offset}{KEY}{'tail' * 700}</body></html>"
    return httpx.Response(502, headers={"content-type": "text/html"}, content=page)


def in_no_json(offset: int) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, content="z" * offset + KEY + "t" * 2500)


def in_a_failed_success(offset: int) -> httpx.Response:
    return httpx.Response(200, json={"error": {"message": "y" * offset + KEY + " more" * 600, "code": 400}})


def in_a_header(offset: int) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": "e" * offset + KEY.lower()}, content=b"{}")


def in_a_request_id(offset: int) -> httpx.Response:
    return httpx.Response(500, headers={"x-request-id": "r" * offset + KEY + "s" * 300}, json={})


def in_percent(offset: int) -> httpx.Response:
    return httpx.Response(
        400, headers={"content-type": "text/plain"}, content="z" * offset + quote(KEY, "") + "t" * 900
    )


def at_the_end_of_what_is_read(offset: int) -> httpx.Response:
    return httpx.Response(400, headers={"content-type": "text/plain"}, content="z" * offset + KEY + "t" * 900)


ANSWERS: dict[Answer, tuple[int, ...]] = {
    in_a_message: (500, 2_000),
    in_a_code: (60, 80, 100, 120, 200),
    in_a_text: (500, 2_000),
    in_a_page: (500,),
    in_no_json: (200, 500, 2_000),
    in_a_failed_success: (500, 2_000),
    in_a_header: (40,),
    in_a_request_id: (40, 100, 200),
    in_percent: (500,),
    at_the_end_of_what_is_read: (300,),
}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
def test_the_key_at_every_offset_over_every_limit(answer: Answer) -> None:
    offsets = sorted({place for limit in ANSWERS[answer] for place in range(max(0, limit - 60), limit + 3)})
    limits = Limits(error_bytes=300) if answer is at_the_end_of_what_is_read else Limits()
    for offset in offsets:
        error = failing(lambda _, offset=offset: answer(offset), limits=limits)
        assert longest_piece(shown(error)) <= LONGEST_LEFT, offset
        assert longest_piece(undone(shown(error))) <= LONGEST_LEFT, offset


def test_the_measure_sees_a_piece() -> None:
    assert longest_piece(f"a {KEY[:-1]}...") == len(KEY) - 1
    assert longest_piece("nothing of it: sk-Ab") == 5
    assert longest_piece(undone(base64.b64encode(b"ab" + KEY.encode()).decode())) >= len(KEY) - 2


# ------------------------------------------------------------------------------------------------ the other secrets


@pytest.mark.parametrize("body", [True, False])
def test_values_of_default_headers_and_query_are_scrubbed_like_keys(body: bool) -> None:
    def answer(sent: httpx.Request) -> httpx.Response:
        words = f"{sent.url} {dict(sent.headers)} {sent.url.params}"
        return (
            httpx.Response(400, headers={"content-type": "text/plain"}, content=words if body else "no")
            if (body)
            else httpx.Response(400, json={"error": {"message": words}})
        )

    secrets = {
        "gateway": "gateway-secret-1",
        "query": "query secret & more",
        "basic": "Basic dXNlcjpzZWNyZXQtb2YtdXNlcg==",
    }
    error = failing(
        answer,
        default_headers={"x-own-token": secrets["gateway"], "x-more": secrets["basic"]},
        default_query={"token": secrets["query"]},
    )
    for secret in secrets.values():
        assert longest_piece(shown(error), secret) <= LONGEST_LEFT
        assert longest_piece(undone(shown(error)), secret) <= LONGEST_LEFT


# ------------------------------------------------------------------------------------------------ free on success


def test_a_call_that_succeeds_scrubs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("a success is searched for secrets")

    for name in ("text", "body", "headers", "beginning"):
        monkeypatch.setattr(Scrubber, name, never)
    events = b"".join(event(delta(f"w{number}")) for number in range(20)) + b"data: [DONE]\n\n"

    def answer(sent: httpx.Request) -> httpx.Response:
        asked = json.loads(sent.content)
        if "input" in asked:
            return httpx.Response(200, json={"data": [{"index": 0, "embedding": [1.0]}]})
        if asked.get("stream"):
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=events)
        return httpx.Response(200, json=chat_body())

    client = Client("aicredits", api_key=KEY, http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    assert client.chat(request()).text
    assert list(client.chat_stream(request()))[-1].response is not None
    assert client.embed(EmbedRequest(model="e", texts=["x"])).vectors
    assert IN_FORCE.scrub is None
