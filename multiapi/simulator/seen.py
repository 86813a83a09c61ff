"""The last requests with what was sent and answered, to be looked at and asked again. Keys are masked before anything is kept."""

import json
import pprint
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from multiapi.simulator.contract import base_url_of
from multiapi.simulator.exchange import Answer, Piece, Request

MOST = 100
"""How many requests are kept with their bodies."""
LONGEST = 20_000
"""How much of a body is kept, in bytes."""
KEY = "{key}"
_HEADERS = ("content-type", "accept", "idempotency-key", "x-client-request-id", "x-multiapi-fault")


@dataclass(slots=True)
class Seen:
    """One request and its answer, as far as they are kept."""

    number: int
    vendor: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    size: int
    status: int
    answer_type: str
    answer: bytearray = field(default_factory=bytearray)
    answer_size: int = 0

    @classmethod
    def of(cls, number: int, vendor: str, request: Request, answer: Answer, key: str | None) -> "Seen":
        """What is kept of an exchange; a streamed answer is added while it is sent."""
        headers = {name: value for name, value in request.headers.items() if name in _HEADERS}
        if key:
            carried = {name: value for name, value in request.headers.items() if key in value}
            headers = {name: value.replace(key, KEY) for name, value in {**headers, **carried}.items()}
        made = cls(
            number,
            vendor,
            request.method,
            _without(key, request.path),
            _without(key, request.query_string),
            headers,
            request.body[:LONGEST].replace(key.encode(), KEY.encode()) if key else request.body[:LONGEST],
            len(request.body),
            answer.status,
            answer.headers.get("content-type", ""),
        )
        if answer.pieces is not None:
            answer.pieces = made._watched(answer.pieces, key)
        else:
            made._add(answer.body, key)
        return made

    def _watched(self, pieces: Iterable[Piece], key: str | None) -> Iterator[Piece]:
        for piece in pieces:
            if isinstance(piece, bytes):
                self._add(piece, key)
            yield piece

    def _add(self, data: bytes, key: str | None) -> None:
        self.answer_size += len(data)
        if len(self.answer) < LONGEST:
            kept = data[: LONGEST - len(self.answer)]
            self.answer += kept.replace(key.encode(), KEY.encode()) if key else kept

    # -------------------------------------------------------------- to be read

    def asked(self) -> str:
        """The body of the request as text."""
        return shown(self.body, self.size, self.headers.get("content-type", ""))

    def answered(self) -> str:
        """The body of the answer as text."""
        return shown(bytes(self.answer), self.answer_size, self.answer_type)

    # -------------------------------------------------------------- to be asked again

    @property
    def repeatable(self) -> bool:
        """Whether all of the request is here as text, so that it can be written down."""
        kind = self.headers.get("content-type", "")
        return self.size == len(self.body) and (not self.body or kind.startswith("application/json"))

    def _place(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def curl(self, origin: str) -> str:
        """The request as a command; the key comes from the environment."""
        parts = [f"curl -X {self.method} {shlex.quote(base_url_of(self.vendor, origin) + self._place())}"]
        variable = f'"${self.vendor.upper()}_API_KEY"'
        for name, value in self.headers.items():
            head, key, tail = f"{name}: {value}".partition(KEY)
            parts.append(f"-H {shlex.quote(head)}{variable if key else ''}{shlex.quote(tail) if tail else ''}")
        if self.body:
            parts.append(f"--data-binary {shlex.quote(self.body.decode('utf-8', 'replace'))}")
        return " \\\n  ".join(parts)

    def _call(self, address: str, key: str) -> str:
        headers = ", ".join(f"{name!r}: {_literal(value, key)}" for name, value in self.headers.items())
        body = ""
        if self.body:
            written = pprint.pformat(json.loads(self.body), width=100, sort_dicts=False)
            body = f"    json={written.replace(chr(10), chr(10) + ' ' * 9)},\n"
        return f"httpx.request(\n    {self.method!r},\n    {address} + {self._place()!r},\n    headers={{{headers}}},\n{body})"

    def python(self, origin: str) -> str:
        """The request as a program."""
        name = self.vendor.upper()
        call = self._call(repr(base_url_of(self.vendor, origin)), "key")
        return f'import os\n\nimport httpx\n\nkey = os.environ["{name}_API_KEY"]\nresponse = {call}\nprint(response.status_code, response.text)'

    def pytest(self) -> str:
        """The request as a test that expects the same status."""
        call = self._call(f"multiapi_base_urls[{self.vendor!r}]", "key").replace("\n", "\n    ")
        return (
            "import httpx\n\n\ndef test_the_request(multiapi_base_urls, multiapi_keys):\n"
            f"    key = multiapi_keys[{self.vendor!r}]\n    response = {call}\n    assert response.status_code == {self.status}"
        )


def shown(body: bytes, size: int, kind: str) -> str:
    """A body as a person reads it."""
    if not size:
        return "(empty)"
    if "json" in kind or (kind.startswith("text/") and body[:1] == b"{"):
        try:
            return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
        except ValueError:
            pass
    elif not kind.startswith("text/"):
        return f"({size:,} bytes of {kind or 'an unknown type'})"
    text = body.decode("utf-8", "replace")
    return text if size <= len(body) else f"{text}\n... ({size:,} bytes in all)"


def _literal(value: str, key: str) -> str:
    """A text of Python in which the variable `key` stands for the key."""
    if KEY not in value:
        return repr(value)
    return "f" + repr(value.replace("{", "{{").replace("}", "}}").replace("{{key}}", "{" + key + "}"))


def _without(key: str | None, text: str) -> str:
    return text.replace(key, KEY) if key else text
