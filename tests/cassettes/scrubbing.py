"""What must not stand in a cassette, taken out before it is written.

Headers need no scrubbing: a cassette keeps only those on a short list (`multiapi.cassettes`).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from multiapi.cassettes import form_parts

REMOVED = "removed"
SOMEONE = "someone@example.com"
BALANCE = 100

E_MAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?!example\.(?:com|org|net)\b)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
)

SECRET_FIELDS = frozenset({"key", "api_key", "apikey", "secret", "access_token", "refresh_token", "password"})
OUR_FIELDS = frozenset({"client_request_id"})
"""What the client itself made up at random."""
BALANCE_FIELDS = re.compile(
    r"balance|wallet|remaining_(?:credits|diamonds)|credits_remaining|diamonds_remaining|balance_remaining",
    re.IGNORECASE,
)
ACCOUNT_FIELDS = frozenset(
    {
        "account_id",
        "company_id",
        "customer_id",
        "email",
        "full_name",
        "organization_id",
        "org_id",
        "phone",
        "tenant_id",
        "user",
        "user_id",
        "username",
        "workspace_id",
        "api_key_id",
        "api_key_name",
        "api_key_prefix",
        "key_prefix",
        "key_name",
    }
)
_SIGNING = re.compile(r"sign|token|credential|expires|policy|key|^(?:sig|se|sp|sv|e|s|st)$", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\)]+")


class Scrubber:
    """Takes out the key that was used, and of a live recording everything that tells whose account it was.

    Args:
        key: The key that was used.
        live: The account is a real one.
        base_url: The address that was called, where it was not the vendor's own; it becomes `vendor_url`.
    """

    def __init__(self, key: str, *, live: bool, base_url: str = "", vendor_url: str = "") -> None:
        self._key = key
        self._live = live
        self._base_url = base_url
        self._vendor_url = vendor_url

    def request(self, request: Any) -> Any:
        """For vcrpy's `before_record_request`."""
        if self._base_url and request.uri.startswith(self._base_url):
            request.uri = self._vendor_url + request.uri[len(self._base_url) :]
        if self._live:
            request.uri = without_signature(request.uri)
        return request

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """For vcrpy's `before_record_response`."""
        body = response["body"]["string"]
        for values in response["headers"].values():
            values[:] = [self.text(value) for value in values]
        if body:
            response["body"]["string"] = self.body(body)
        return response

    def body(self, body: bytes) -> bytes:
        """A body without secrets; what is neither JSON nor text is left alone."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return body
        return (
            "\n".join(map(self._line, text.split("\n"))).encode()
            if _parsed(text) is None
            else self._json(text).encode()
        )

    def _line(self, line: str) -> str:
        """A line of an event stream, of JSON lines or of text."""
        head, data = (line[:6], line[6:]) if line.startswith("data: ") else ("", line)
        return head + self._json(data)

    def _json(self, text: str) -> str:
        """Text that may be JSON; what needs no scrubbing keeps its bytes."""
        value = _parsed(text)
        if value is None:
            return self.text(text)
        scrubbed = self.value(value)
        return text if scrubbed == value else json.dumps(scrubbed, ensure_ascii=False, separators=(",", ":"))

    def value(self, value: Any, name: str = "") -> Any:
        """Parsed JSON, field by field."""
        if isinstance(value, dict):
            return {key: self.value(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, name) for inner in value]
        if isinstance(value, str):
            if name.lower() in SECRET_FIELDS and len(value) >= 16:
                return REMOVED
            if name.lower() in OUR_FIELDS or (self._live and name.lower() in ACCOUNT_FIELDS):
                return REMOVED
            if self._live and BALANCE_FIELDS.search(name) and re.fullmatch(r"-?\d+(\.\d+)?", value):
                return f"{BALANCE}.00" if "." in value else str(BALANCE)
            return self.text(value)
        if self._live and BALANCE_FIELDS.search(name) and isinstance(value, (int, float)) and value is not True:
            return type(value)(BALANCE)
        if self._live and name.lower() in ACCOUNT_FIELDS and isinstance(value, int):
            return 0
        return value

    def text(self, text: str) -> str:
        """Any text."""
        if self._key and len(self._key) >= 8:
            text = text.replace(self._key, REMOVED)
        text = E_MAIL.sub(SOMEONE, text)
        if self._base_url:
            text = text.replace(self._base_url, self._vendor_url)
        return _ADDRESS.sub(lambda found: without_signature(found[0]), text) if self._live else text


def without_signature(url: str) -> str:
    """An address without what lets its holder in; asked for and recorded alike, so that a replay finds it."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    query = [
        (name, REMOVED if _SIGNING.search(name) else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _parsed(text: str) -> Any:
    """An object or a list, or None."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def too_much_in(request_body: bytes, content_type: str, most: int) -> str | None:
    """Why a request cannot be recorded: a cassette keeps requests whole."""
    if content_type.startswith("multipart/"):
        largest = max((len(data) for *_, data in form_parts(request_body, content_type)), default=0)
    else:
        largest = len(request_body)
    return f"a request of {largest} bytes (more than {most})" if largest > most else None
