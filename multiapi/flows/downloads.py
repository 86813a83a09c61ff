"""Files at addresses that a provider names: fetched without the key, from public addresses only, within a limit, whole or not at all.

What a provider sends is not trusted: an address may lead into the machine's own network, and so may each redirect. The provider's
own `base_url` is the one exception, because the user chose it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeVar
from urllib.parse import urljoin

from multiapi.errors import (
    AddressRefusedError,
    MultiApiError,
    NotFoundError,
    ResponseFormatError,
    ResponseTooLargeError,
    ServerError,
    StatusError,
)
from multiapi.flows.address_checks import _host, address_check, check_url, is_own
from multiapi.flows.attempts import wait_or_raise
from multiapi.flows.driving import Work
from multiapi.flows.steps import Flow, Target
from multiapi.formats.answer_facts import name_of_answer
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.http.retry_after import retry_after_s
from multiapi.provider import Retry
from multiapi.types.media import Media, PartialFile, megabytes
from multiapi.types.media_kinds import HEAD_BYTES, extension_of, group_of, mime_type_of, normal, received

M = TypeVar("M", bound=Media)


MAX_REDIRECTS = 3


class Sink(Protocol):
    """Where the bytes of a file go."""

    size: int

    @property
    def head(self) -> bytes:
        """The beginning of what was written."""

    def write(self, data: bytes) -> None:
        """Take some."""

    def restart(self) -> None:
        """Forget what was written."""


class Fetch(NamedTuple):
    """Get a file without the key and without following redirects. Given back: status and headers, the bytes are in the sink."""

    url: str
    sink: Sink
    most: int
    check_address: Callable[[str], None] | None


class MemorySink:
    """Keeps a file in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._head = b""
        self.size = 0

    def write(self, data: bytes) -> None:
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self._pieces.append(data)
        self.size += len(data)

    def restart(self) -> None:
        self._pieces.clear()
        self._head, self.size = b"", 0

    @property
    def data(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)

    @property
    def head(self) -> bytes:
        """Its beginning."""
        return self._head


class FileSink:
    """Writes a file to the disk and remembers its beginning."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._head = b""
        self.size = 0

    @property
    def head(self) -> bytes:
        """Its beginning."""
        return self._head

    def write(self, data: bytes) -> None:
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self.size += len(data)
        self._file.write(data)

    def restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._head, self.size = b"", 0


def download(target: Target, media: M | str, *, max_bytes: int) -> Flow[M]:
    """Media with its bytes, fetched if they are not there yet."""
    known = Media(url=media) if isinstance(media, str) else media
    if known.data is not None:
        return known  # type: ignore[return-value]
    if known.path is not None:
        data = yield Work(known.path.read_bytes)
        return replace(known, data=data)  # type: ignore[return-value]
    sink = MemorySink()
    response = yield from fetch(target, known, sink, max_bytes=max_bytes)
    kind, name = received(sink.data, _said(known, response)), known.name or name_of_answer(response.headers)
    return replace(known, data=sink.data, mime_type=kind, name=name)  # type: ignore[return-value]


def save(
    target: Target, media: Media | str, path: str | Path, *, max_bytes: int, into_folder: bool | None = None
) -> Flow[Path]:
    """The file on the disk, fetched chunk by chunk if its bytes are not there yet.

    A path without an ending gets the one of what came, a folder a name that is made here. `into_folder` says that the path is to
    be taken for a folder; None looks.
    """
    known = Media(url=media) if isinstance(media, str) else media
    wanted = Path(path)
    if into_folder is None:
        into_folder = yield Work(wanted.is_dir)
    if known.data is not None or known.path is not None:
        return (yield Work(partial(known.save, wanted, into_folder=into_folder)))  # type: ignore[no-any-return]
    with PartialFile(wanted if into_folder else wanted.parent) as unfinished:
        file = yield Work(unfinished.open)
        with file:
            sink = FileSink(file)
            response = yield from fetch(target, known, sink, max_bytes=max_bytes)
        kind = mime_type_of(sink.head) or _said(known, response)
        named = partial(unfinished.finish, wanted, group_of(kind), extension_of(kind), into_folder=into_folder)
        return (yield Work(named))  # type: ignore[no-any-return]


def fetch(target: Target, media: Media, sink: Sink, *, max_bytes: int) -> Flow[HttpResponse]:
    """A file into a sink, again after each failure worth it.

    Raises:
        AddressRefusedError: The address, or one it leads to, is not to be opened from here.
        ResponseTooLargeError: More than the limit.
        ResponseFormatError: Empty, a web page where media should be, or not as long as announced.
        StatusError: The file's host answered with an error; links expire.
    """
    job_id: str | None = getattr(media, "job_id", None)
    attempt = 0
    while True:
        attempt += 1
        try:
            response = yield from _follow(target, media.url or "", sink, max_bytes, job_id)
            _check_file(target, media, sink, response)
            return response
        except AddressRefusedError:
            raise
        except ResponseTooLargeError:
            host = _host(media.url or "")
            raise ResponseTooLargeError(
                f"the file at {host} has more than {megabytes(max_bytes)}",
                provider=target.provider.name,
                job_id=job_id,
            ) from None
        except MultiApiError as error:
            failure = error
        failure.job_id = job_id
        if failure.status is None:
            failure.message += f" (a file at {_host(media.url or '')})"
            failure.args = (failure.message,)
        yield Work(sink.restart)
        yield from wait_or_raise(target, Retry.READ, HttpRequest("GET", "(a file)"), failure, attempt)


def _follow(target: Target, url: str, sink: Sink, most: int, job_id: str | None) -> Flow[HttpResponse]:
    for _ in range(MAX_REDIRECTS + 1):
        address = check_url(url, target, job_id=job_id)
        own = is_own(address, target.base_url)
        response: HttpResponse = yield Fetch(
            address, sink, most, None if own else address_check(target, address, job_id)
        )
        if response.status not in {301, 302, 303, 307, 308}:
            if 200 <= response.status < 300 and response.status != 206:
                return response
            raise _file_error(target, address, response, job_id)
        location = response.headers.get("location", "")
        try:
            url = urljoin(address, location)
        except ValueError:
            url = location
    raise AddressRefusedError(
        f"the file at {_host(url)} is behind more than {MAX_REDIRECTS} redirects",
        provider=target.provider.name,
        job_id=job_id,
    )


def _file_error(target: Target, url: str, response: HttpResponse, job_id: str | None) -> StatusError:
    is_gone = response.status in {401, 403, 404, 410}
    hint = "; links expire, so ask the provider again" if is_gone else ""
    # No key was sent, so nothing of this is about the key, the account or its limits.
    kind = NotFoundError if is_gone else ServerError if response.status >= 500 else StatusError
    return kind(
        f"the host {_host(url)} does not hand the file out{hint}",
        provider=target.provider.name,
        status=response.status,
        retry_after_s=retry_after_s(response.headers),
        job_id=job_id,
    )


def _check_file(target: Target, media: Media, sink: Sink, response: HttpResponse) -> None:
    size, host = sink.size, _host(media.url or "")
    found = mime_type_of(sink.head)
    expected = group_of(media.mime_type)
    announced = media.metadata.get("size_bytes")
    what = None
    if not size:
        what = "is empty"
    elif isinstance(announced, int) and not isinstance(announced, bool) and announced not in {size, 0}:
        what = f"has {size} bytes, not {announced} as announced"
    elif found in {"text/html", "application/json"} and expected not in {"text", "file"}:
        what = f"is {found}, not {media.mime_type}"
    elif found == "text/html" and normal(response.headers.get("content-type")) != "text/plain":
        what = "is a web page, not a file"
    if what is not None:
        raise ResponseFormatError(f"the file at {host} {what}", provider=target.provider.name)


def _said(media: Media, response: HttpResponse) -> str | None:
    said = normal(response.headers.get("content-type"))
    return media.mime_type if said in {None, "application/octet-stream", "binary/octet-stream"} else said
