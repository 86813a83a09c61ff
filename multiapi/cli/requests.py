"""`--dry-run` and `--curl`: the request of a command, shown instead of sent. No key is read for it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from multiapi.cli import output
from multiapi.cli.asking import AskingClient
from multiapi.provider import Provider

if TYPE_CHECKING:
    import httpx

LEFT_OUT = frozenset({"host", "content-length", "connection", "accept-encoding", "user-agent"})
"""Headers that every program sets by itself."""
MOST_CHARS = 100_000
"""Of a body that is shown to people."""


class RequestShown(BaseException):
    """The request that would have been sent."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__()
        self.request = request


def showing_client(provider: Provider) -> AskingClient:
    """A client whose first request ends the command."""
    import httpx

    def shown(request: httpx.Request) -> NoReturn:
        request.read()
        raise RequestShown(request)

    variable = f"${provider.api_key_env}"
    return AskingClient(provider, api_key=variable, http_client=httpx.Client(transport=httpx.MockTransport(shown)))


def write_request(request: httpx.Request, provider: Provider, *, form: str | None, as_json: bool) -> None:
    """The request, as `curl` takes it, as HTTP has it, or as an object; the variable of the key stands for the key."""
    headers = {name: value for name, value in request.headers.items() if name not in LEFT_OUT}
    body = _text(request.content)
    command = _curl(request, headers, body, provider)
    if as_json:
        value = None if body is None else _value(body)
        facts = {"method": request.method, "url": str(request.url), "headers": headers, "body": value, "curl": command}
        output.write_json({"request": facts | ({} if body is not None else {"body_bytes": len(request.content)})})
        return
    if form == "curl":
        output.write_text(command)
        return
    output.write_text(f"{request.method} {request.url}")
    for name, value in headers.items():
        output.write_text(f"{name}: {value}")
    if body is None:
        output.write_text(f"\n({len(request.content)} bytes)")
    elif body:
        value = _value(body)
        text = value if isinstance(value, str) else output.json_text(value, escaped=False)
        output.write_text(
            f"\n{text}" if len(text) <= MOST_CHARS else f"\n{text[:MOST_CHARS]}... ({len(text)} characters)"
        )


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None  # a file


def _value(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _curl(request: httpx.Request, headers: dict[str, str], body: str | None, provider: Provider) -> str:
    words = ["curl", "-X", request.method, shlex.quote(str(request.url))]
    for name, value in headers.items():
        holds_key = name == provider.auth_header[0].lower()
        line = f"{name}: {value}"
        words += ["-H", f'"{line}"' if holds_key else shlex.quote(line)]
    if body is None:
        words += ["--data-binary", "@FILE"]
    elif body:
        words += ["--data-binary", shlex.quote(body)]
    return " ".join(words)
