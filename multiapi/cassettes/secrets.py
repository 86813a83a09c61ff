"""Secrets of a recording, and how they leave it: what was sent as a key is known, so it is taken out wherever it stands."""

from __future__ import annotations

import base64
import binascii
import gzip
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from multiapi.providers import PROVIDERS
from multiapi.sending.scrubbing import MASK, SECRET_NAMES, Scrubber

_NOT_SECRET = frozenset({"max_tokens", "idempotency-key"})
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_MOST_INFLATED = 256_000_000
_MOST_LAYERS = 4


def is_secret(name: str) -> bool:
    """Whether a header or query parameter of this name holds a secret."""
    return SECRET_NAMES.search(name) is not None and name.lower() not in _NOT_SECRET


def secrets_of(interactions: Iterable[Mapping[str, Any]]) -> Scrubber:
    """What takes the secrets of these exchanges out: keys that were sent in headers or in the query, and those of the environment."""
    scrubber = Scrubber(
        os.environ.get(name, "") for provider in PROVIDERS.values() for name in provider.key_variables
    )
    for each in interactions:
        request = each["request"]
        for name, value in request["headers"].items():
            if is_secret(name):
                for text in [value] if isinstance(value, (str, bytes)) else value:
                    scrubber.add(text.decode("latin-1") if isinstance(text, bytes) else text)
        for name, value in _query(request["uri"]):
            if is_secret(name):
                scrubber.add(value)
        password = _parts(request["uri"]).password
        scrubber.add(password)
    return scrubber


def clean_url(url: str, scrubber: Scrubber) -> str:
    """An address without user and password, and without the values of parameters that hold a secret."""
    parts = _parts(url)
    host = parts.netloc.rpartition("@")[2]
    pieces = []
    for piece in parts.query.split("&") if parts.query else ():
        name, equals, value = piece.partition("=")
        pieces.append(f"{name}={MASK}" if equals and value and is_secret(name) else name + equals + value)
    return scrubber.text(urlunsplit(parts._replace(netloc=host, query="&".join(pieces))))


def clean_body(body: bytes, scrubber: Scrubber, layers: int = _MOST_LAYERS) -> bytes:
    """A body without the secrets, also where they stand behind gzip or base64, or behind both."""
    if body[:2] == b"\x1f\x8b" and layers:
        inner = _inflated(body)
        if inner is not None:
            clean = clean_body(inner, scrubber, layers - 1)
            return body if clean == inner else gzip.compress(clean, mtime=0)
    if layers and _is_text(body):
        body = _clean_base64(body.decode("latin-1"), scrubber, layers - 1).encode("latin-1")
    return scrubber.body(body)


def plain_body(body: bytes, encoding: str) -> bytes:
    """A body as it was before it was compressed for the way, as no cassette says how that was done."""
    if encoding.strip().lower() in {"gzip", "x-gzip", "deflate"}:
        inner = _inflated(body)
        return body if inner is None else inner
    return body


def _clean_base64(text: str, scrubber: Scrubber, layers: int) -> str:
    def clean(found: re.Match[str]) -> str:
        run = found[0]
        is_for_urls = "-" in run or "_" in run
        bare = run.rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            inner = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except (binascii.Error, ValueError):
            return run
        cleaned = clean_body(inner, scrubber, layers)
        if cleaned == inner:
            return run
        made = (base64.urlsafe_b64encode if is_for_urls else base64.b64encode)(cleaned).decode("ascii")
        return made if run.endswith("=") or len(run) % 4 == 0 else made.rstrip("=")

    return _BASE64_RUN.sub(clean, text)


def _inflated(body: bytes) -> bytes | None:
    for bits in (31, 15, -15):
        inflate = zlib.decompressobj(bits)
        try:
            return inflate.decompress(body, _MOST_INFLATED)
        except zlib.error:
            continue
    return None


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(_parts(url).query, keep_blank_values=True)


def _parts(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit(quote(url))
