"""Our requests as httpx takes them: with the host, the time limits, and the key, which enters here and nowhere else."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from multiapi._package import __version__
from multiapi.errors import RequestTooLargeError
from multiapi.http.exchange import HttpRequest
from multiapi.http.json import dump_json
from multiapi.sending.addresses import joined, origin_of, parsed_url
from multiapi.sending.connection_checks import checked_headers
from multiapi.sending.engines import new_trace
from multiapi.sending.settings import Settings
from multiapi.transport.internals import headers_of
from multiapi.transport.lean_import import httpx
from multiapi.types.media import sizes

if TYPE_CHECKING:
    from multiapi.flows.downloads import Fetch

USER_AGENT = f"multiapi/{__version__}"
DEFAULT_READ_S = 60.0
CHAT_READ_S = 120.0


def httpx_request(settings: Settings, request: HttpRequest, key: str | None, deadline: float | None) -> httpx.Request:
    """A request to the provider."""
    url = joined(origin_of(settings.base_url) if request.from_host_root else settings.base_url, request.target())
    if settings.default_query:
        url = str(httpx.URL(url).copy_merge_params(dict(settings.default_query)))
    headers = _headers(settings, request, key)
    extensions = _extensions(settings, _read_s(settings, request), deadline)
    if request.json is not None:
        return _json_request(settings, request, url, headers, extensions)
    if request.files or request.form:
        files = [(part.field, (part.filename, part.data, part.mime_type)) for part in request.files]
        return httpx.Request(
            request.method, url, headers=headers, data=dict(request.form), files=files, extensions=extensions
        )
    return httpx.Request(request.method, url, headers=headers, extensions=extensions)


def file_request(settings: Settings, step: Fetch, deadline: float | None) -> httpx.Request:
    """A request for a file: no key, no headers of the user, and each address is looked at before it is connected to."""
    read = settings.timeout.read
    extensions = _extensions(settings, DEFAULT_READ_S if read is None else read, deadline)
    if step.check_address is not None:
        extensions["check_address"] = step.check_address
    headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": USER_AGENT}
    return httpx.Request("GET", step.url, headers=headers, extensions=extensions)


def _headers(settings: Settings, request: HttpRequest, key: str | None) -> dict[str, str]:
    headers = {"accept": "text/event-stream, application/json" if request.stream else "application/json, */*"}
    headers["accept-encoding"] = "identity" if request.stream else "gzip, deflate"
    headers["user-agent"] = USER_AGENT
    headers.update(settings._attribution)
    headers.update(settings.default_headers)
    if request.headers:
        headers.update(checked_headers(request.headers, settings.provider.name))
    id_header = settings.provider.request_id_header
    if id_header is not None and request.method != "GET" and id_header not in headers:
        headers[id_header] = os.urandom(16).hex()
    if key is not None and not request.public:
        name, prefix = settings.provider.auth_header
        headers[name] = prefix + key
    return headers


def _json_request(
    settings: Settings, request: HttpRequest, url: str, headers: dict[str, str], extensions: dict[str, Any]
) -> httpx.Request:
    """With what httpx would fill in, without its two passes over the headers."""
    headers["content-type"] = "application/json"
    address, content = parsed_url(url), dump_json(request.json)
    most = settings.provider.max_body_bytes
    if most is not None and len(content) > most:
        name = settings.provider.name
        size, limit = sizes(len(content), most)
        raise RequestTooLargeError(
            f"{name} takes requests of at most {limit}; the body of this one has {size}",
            provider=name,
        )
    given = headers.pop("host", None)
    headers.pop("content-length", None)
    raw = [(b"host", address.netloc if given is None else given.encode("ascii"))]
    raw += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    raw.append((b"content-length", b"%d" % len(content)))
    stream = httpx.ByteStream(content)
    made = httpx.Request(request.method, address, headers=headers_of(raw), stream=stream, extensions=extensions)
    if settings.http_client is not None:
        made.read()  # hooks of the user's client may look at the content
    return made


def _read_s(settings: Settings, request: HttpRequest) -> float | None:
    """How long to wait for the next bytes."""
    read, idle = settings.timeout.read, settings.timeout.idle
    if request.stream and idle is not None:
        return idle if read is None else min(read, idle)
    if read is None:
        return CHAT_READ_S if request.json is not None else DEFAULT_READ_S
    return read


def _extensions(settings: Settings, read: float | None, deadline: float | None) -> dict[str, Any]:
    """The time limits of one request. Our transports keep to the deadline by themselves; others get it as shorter waits."""
    timeout = settings.timeout
    waits = {"connect": timeout.connect, "read": read, "write": timeout.write, "pool": timeout.pool}
    keeps_deadlines = settings.keeps_deadlines
    note: dict[str, Any] = {"written": False} if keeps_deadlines else {"trace": new_trace(settings.awaits)}
    if deadline is None:
        return {"timeout": waits, **note}
    if not keeps_deadlines:
        left = max(deadline - time.monotonic(), 0.001)
        waits = {name: left if wait is None else min(wait, left) for name, wait in waits.items()}
    return {"timeout": waits, "deadline": deadline, **note}
