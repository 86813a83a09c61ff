"""What users record themselves holds no key: not in the address, the headers that are kept, or bodies, whatever they are packed in."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import vcr

from multiapi import Client, cassettes
from multiapi.cassettes.secrets import clean_body, clean_url
from multiapi.errors import MultiApiError
from multiapi.sending.scrubbing import MASK, Scrubber
from tests.reliability.bodies import chat_body
from tests.reliability.hostile_server import HostileServer, answer
from tests.reliability.ways import request

KEY = "sk-Ab+cd/EFGH=0123456789abcdefXYZ"
QUERY_KEY = "query-key-0123456789"
GATEWAY = "gateway-secret-0123"


def packed(text: str) -> dict[str, bytes]:
    """A text with the key in all packings."""
    encoded = base64.b64encode(text.encode()).decode()
    return {
        "plain": json.dumps({"error": {"message": text}}).encode(),
        "text": text.encode(),
        "percent": quote(text, safe="").encode(),
        "base64": json.dumps({"data": encoded}).encode(),
        "base64 in base64": json.dumps({"data": base64.b64encode(encoded.encode()).decode()}).encode(),
        "gzip in base64": json.dumps({"data": base64.b64encode(gzip.compress(text.encode())).decode()}).encode(),
        "gzip unsaid": gzip.compress(text.encode()),
    }


def opened(content: bytes) -> str:
    """All that stands in a file, also behind base64 and gzip."""
    import re

    found = content.decode("latin-1")
    for run in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", re.sub(r"(?<=[A-Za-z0-9+/])\n +(?=[A-Za-z0-9+/=])", "", found)):
        inner = base64.b64decode(run + "=" * (-len(run) % 4))
        if inner[:2] == b"\x1f\x8b":
            inner = gzip.decompress(inner)
        found += opened(inner) if inner.isascii() else inner.decode("latin-1")
    return found


def recorded(path: Path, play: Any, **settings: Any) -> str:
    recorder = vcr.VCR()
    cassettes.register(recorder)
    with HostileServer(play) as server:
        client = Client("aimlapi", **({"api_key": KEY, "base_url": server.url, "max_retries": 0} | settings))
        with recorder.use_cassette(str(path), record_mode="once", serializer="yaml"):
            try:
                client.chat(request())
            except MultiApiError:
                pass
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("packing", packed(""))
@pytest.mark.parametrize("zipped", [False, True])
def test_no_key_in_a_body(packing: str, zipped: bool, tmp_path: Path) -> None:
    body = packed(f"Incorrect API key provided: {KEY}. Look it up.")[packing]
    headers = {"content-type": "application/json"} | ({"content-encoding": "gzip"} if zipped else {})
    text = recorded(tmp_path / "own.yaml", answer(gzip.compress(body) if zipped else body, headers=headers))
    assert KEY not in opened(text.encode())
    assert "Look it up" in opened(text.encode()) or packing == "percent"


@pytest.mark.parametrize("name", ["location", "x-request-id", "retry-after", "x-ratelimit-limit", "etag", "content-type"])
def test_no_key_in_a_header(name: str, tmp_path: Path) -> None:
    text = recorded(tmp_path / "own.yaml", answer(chat_body(), headers={name: f"a/{KEY}?key={KEY}"}))
    assert KEY not in text
    assert MASK in text


def test_no_key_in_the_address_and_what_was_hidden_is_no_hindrance_to_a_replay(tmp_path: Path) -> None:
    settings = {"default_query": {"api_key": QUERY_KEY, "page": "7"}, "default_headers": {"x-gateway-token": GATEWAY}}
    play = answer(chat_body(f"of {QUERY_KEY}, {GATEWAY} and {KEY}"))
    text = recorded(tmp_path / "own.yaml", play, **settings)
    for secret in (QUERY_KEY, GATEWAY, KEY):
        assert secret not in text
    assert "page=7" in text
    url = cassettes.read(tmp_path / "own.yaml").interactions[0]["request"]["uri"].partition("/chat/")[0]
    with cassettes.replay(tmp_path / "own.yaml"):
        client = Client("aimlapi", api_key="another", base_url=url, **settings)
        assert client.chat(request()).text == f"of {MASK}, {MASK} and {MASK}"


def test_a_zipped_answer_is_read_back(tmp_path: Path) -> None:
    body = gzip.compress(json.dumps(chat_body("read back")).encode())
    recorded(tmp_path / "own.yaml", answer(body, headers={"content-encoding": "gzip"}))
    url = cassettes.read(tmp_path / "own.yaml").interactions[0]["request"]["uri"].partition("/chat/")[0]
    with cassettes.replay(tmp_path / "own.yaml"):
        assert Client("aimlapi", api_key="another", base_url=url).chat(request()).text == "read back"


@pytest.mark.parametrize("pack", [lambda body: body, gzip.compress, base64.b64encode, lambda body: base64.b64encode(gzip.compress(body))])
def test_what_holds_no_secret_keeps_its_bytes(pack: Callable[[bytes], bytes]) -> None:
    body = pack(json.dumps({"text": "nothing of it" * 20, "data": base64.b64encode(bytes(range(256))).decode()}).encode())
    assert clean_body(body, Scrubber([KEY])) == body


def test_an_address_loses_its_user_and_its_secret_parameters() -> None:
    url = f"https://user:pass@host/v1/{KEY}?a=1&token=t&Signature=s&b=&key="
    assert clean_url(url, Scrubber([KEY])) == f"https://host/v1/{MASK}?a=1&token={MASK}&Signature={MASK}&b=&key="
