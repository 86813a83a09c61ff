"""Files at addresses that a vendor names: fetched without the key, from public addresses only, within a limit, whole or not at all.

What a vendor sends is not trusted: an address may lead into the machine's own network, and so may each redirect. The vendor's
own `base_url` is the one exception, because the user chose it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from multiapi.answer_facts import name_of_answer
from multiapi.errors import (
    AddressRefusedError,
    MultiApiError,
    NotFoundError,
    ResponseFormatError,
    ResponseTooLargeError,
    ServerError,
    StatusError,
)
from multiapi.flow import Flow, Setting, Work, again
from multiapi.http import HttpRequest, HttpResponse, Retry
from multiapi.media import Media, PartialFile, megabytes
from multiapi.media_kinds import HEAD_BYTES, extension_of, group_of, mime_type_of, normal, received
from multiapi.retry_after import retry_after_s

M = TypeVar("M", bound=Media)

MAX_REDIRECTS = 3
MAX_URL_CHARS = 8_000

_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_CLOUD_ADDRESSES = frozenset({"168.63.129.16", "100.100.100.200", "192.0.0.192"})


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


# ------------------------------------------------------------------------------------------------ flows


def download(setting: Setting, media: M | str, *, max_bytes: int) -> Flow[M]:
    """Media with its bytes, fetched if they are not there yet."""
    known = Media(url=media) if isinstance(media, str) else media
    if known.data is not None:
        return known  # type: ignore[return-value]
    if known.path is not None:
        data = yield Work(known.path.read_bytes)
        return replace(known, data=data)  # type: ignore[return-value]
    sink = MemorySink()
    response = yield from fetch(setting, known, sink, max_bytes=max_bytes)
    kind, name = received(sink.data, _said(known, response)), known.name or name_of_answer(response.headers)
    return replace(known, data=sink.data, mime_type=kind, name=name)  # type: ignore[return-value]


def save(
    setting: Setting, media: Media | str, path: str | Path, *, max_bytes: int, into_folder: bool | None = None
) -> Flow[Path]:
    """The file on the disk, fetched piece by piece if its bytes are not there yet.

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
            response = yield from fetch(setting, known, sink, max_bytes=max_bytes)
        kind = mime_type_of(sink.head) or _said(known, response)
        named = partial(unfinished.settle, wanted, group_of(kind), extension_of(kind), into_folder=into_folder)
        return (yield Work(named))  # type: ignore[no-any-return]


def fetch(setting: Setting, media: Media, sink: Sink, *, max_bytes: int) -> Flow[HttpResponse]:
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
            response = yield from _follow(setting, media.url or "", sink, max_bytes, job_id)
            _check_file(setting, media, sink, response)
            return response
        except AddressRefusedError:
            raise
        except ResponseTooLargeError:
            host = _host(media.url or "")
            raise ResponseTooLargeError(
                f"the file at {host} has more than {megabytes(max_bytes)}",
                provider=setting.provider.name,
                job_id=job_id,
            ) from None
        except MultiApiError as error:
            failure = error
        failure.job_id = job_id
        if failure.status is None:
            failure.message += f" (a file at {_host(media.url or '')})"
            failure.args = (failure.message,)
        yield Work(sink.restart)
        yield from again(setting, Retry.READ, HttpRequest("GET", "(a file)"), failure, attempt)


def _follow(setting: Setting, url: str, sink: Sink, most: int, job_id: str | None) -> Flow[HttpResponse]:
    for _ in range(MAX_REDIRECTS + 1):
        address = check_url(url, setting, job_id=job_id)
        own = is_own(address, setting.base_url)
        response: HttpResponse = yield Fetch(
            address, sink, most, None if own else address_check(setting, address, job_id)
        )
        if response.status not in {301, 302, 303, 307, 308}:
            if 200 <= response.status < 300 and response.status != 206:
                return response
            raise _file_error(setting, address, response, job_id)
        location = response.headers.get("location", "")
        try:
            url = urljoin(address, location)
        except ValueError:
            url = location
    raise AddressRefusedError(
        f"the file at {_host(url)} is behind more than {MAX_REDIRECTS} redirects",
        provider=setting.provider.name,
        job_id=job_id,
    )


def _file_error(setting: Setting, url: str, response: HttpResponse, job_id: str | None) -> StatusError:
    is_gone = response.status in {401, 403, 404, 410}
    hint = "; links expire, so ask the vendor again" if is_gone else ""
    # No key was sent, so nothing of this is about the key, the account or its limits.
    kind = NotFoundError if is_gone else ServerError if response.status >= 500 else StatusError
    return kind(
        f"the host {_host(url)} does not hand the file out{hint}",
        provider=setting.provider.name,
        status=response.status,
        retry_after_s=retry_after_s(response.headers),
        job_id=job_id,
    )


def _check_file(setting: Setting, media: Media, sink: Sink, response: HttpResponse) -> None:
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
        raise ResponseFormatError(f"the file at {host} {what}", provider=setting.provider.name)


def _said(media: Media, response: HttpResponse) -> str | None:
    said = normal(response.headers.get("content-type"))
    return media.mime_type if said in {None, "application/octet-stream", "binary/octet-stream"} else said


# ------------------------------------------------------------------------------------------------ addresses


def check_url(url: object, setting: Setting, *, job_id: str | None = None) -> str:
    """An address in a form in which nothing is ambiguous, if it may be opened from here.

    https only, except for the vendor's own loopback address; an http link is asked for by https. No names and numbers of the
    machine's own network. Names are checked again, by the addresses they stand for, when the connection is made.

    Raises:
        AddressRefusedError: It may not.
    """

    def refused(why: str) -> AddressRefusedError:
        return AddressRefusedError(
            f"{setting.provider.name} named an address for a file that is refused: {why}",
            provider=setting.provider.name,
            job_id=job_id,
        )

    if not isinstance(url, str) or not url:
        raise refused("it is empty" if url in (None, "") else f"it is {type(url).__name__}, not text")
    if len(url) > MAX_URL_CHARS or not url.isprintable() or "\\" in url:
        raise refused("it is no well-formed address")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused("it is no well-formed address") from None
    if parts.scheme not in {"http", "https"}:
        raise refused(f"{parts.scheme[:20]!r} is neither http nor https" if parts.scheme else "it names no host")
    if parts.username is not None or parts.password is not None or not host:
        raise refused("it has a user in it" if host else "it names no host")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise refused("its host is no name") from None
    address = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    address += path + (f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?[]')}" if parts.query else "")
    if is_own(address, setting.base_url):
        return address
    why = local_host(host)
    if why is not None:
        raise refused(why)
    if parts.scheme == "http":
        if port not in {None, 80}:
            raise refused("it is plain http")
        return "https" + address[4:].replace(":80/", "/", 1) if port == 80 else "https" + address[4:]
    return address


def check_media(setting: Setting, media: Iterable[Media], *, job_id: str | None = None) -> None:
    """Refuse a result that leads into the machine's own network.

    Raises:
        AddressRefusedError: One of the media does.
    """
    for item in media:
        if item.data is None and item.url is not None:
            check_url(item.url, setting, job_id=job_id)


def refuses(setting: Setting, media: Media) -> bool:
    """Whether the address of one medium is not to be opened from here."""
    try:
        check_media(setting, (media,))
    except AddressRefusedError:
        return True
    return False


def local_host(host: str) -> str | None:
    """Why a host, by its name or number alone, is not a public one; None if it may be."""
    bare = host.strip("[]").rstrip(".").lower()
    if ":" in bare:
        try:
            return local_address(bare)
        except ValueError:
            return "its host is no address"
    if (
        bare in {"localhost", "metadata"}
        or bare.endswith(_LOCAL_NAMES[1:])
        or ("." not in bare and not _NUMBER.fullmatch(bare))
    ):
        return "its host is a name of the local network"
    if _NUMBER.fullmatch(bare.rpartition(".")[2]):
        try:
            return local_address(socket.inet_ntoa(socket.inet_aton(bare)))
        except (OSError, ValueError):
            return "its host is no address"
    return None if _HOST.fullmatch(bare) else "its host is no name"


def local_address(text: str) -> str | None:
    """Why an IP address is not a public one; None if it is.

    Raises:
        ValueError: It is no IP address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    inside = [address]
    if isinstance(address, ipaddress.IPv6Address):
        embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if int(address) >> 32 == 0:
            embedded.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        found = [each for each in embedded if each is not None]
        # An address that only wraps another one is judged by the one inside.
        inside = [*found] if found else inside
    for each in inside:
        if not each.is_global or each.is_multicast or each.is_reserved or str(each) in _CLOUD_ADDRESSES:
            return "it leads to an address that is not public"
    return None


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def address_check(setting: Setting, url: str, job_id: str | None = None) -> Callable[[str], None]:
    """What the transport calls with each address that a name stands for, before it connects."""

    def check(address: str) -> None:
        try:
            why = local_address(address)
        except ValueError:
            why = "it leads to something that is no address"
        if why is not None:
            raise AddressRefusedError(
                f"{setting.provider.name} named an address for a file at {_host(url)} that is refused: {why}",
                provider=setting.provider.name,
                job_id=job_id,
            )

    return check


def is_own(url: str, base_url: str) -> bool:
    """Whether an address has scheme, host and port of the vendor's own."""
    return _origin(url) == _origin(base_url)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "an unnamed host")[:200]
    except ValueError:
        return "an unreadable address"
