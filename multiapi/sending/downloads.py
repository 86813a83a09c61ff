"""Files from foreign hosts: whether the host may be asked, and what reads its response."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from multiapi.http.exchange import HttpResponse
from multiapi.sending.bodies import BodyReader
from multiapi.sending.engines import proxy_for
from multiapi.sending.settings import Settings

if TYPE_CHECKING:
    import httpx

    from multiapi.flows.downloads import Fetch


class FileSink:
    """The sink of a file, with what the disk complained about kept apart from what the network did."""

    def __init__(self, step: Fetch) -> None:
        self._step = step
        self.failure: OSError | None = None

    def reader(self, head: HttpResponse, settings: Settings) -> BodyReader:
        """What reads this answer: a file into the sink, an error into memory."""
        if not 200 <= head.status < 300:
            return BodyReader(head, settings.limits.error_bytes, settings.provider.name)
        return BodyReader(head, self._step.most, f"the file's host (for {settings.provider.name})", write=self._write)

    def _write(self, data: bytes) -> None:
        try:
            self._step.sink.write(data)
        except OSError as error:
            self.failure = error
            raise


def needs_pin(settings: Settings, sent: httpx.Request) -> bool:
    """Whether what sends the request connects without looking at addresses, as far as can be seen. Our own engine looks."""
    if settings.http_client is not None:
        from multiapi.transport.internals import opens_sockets

        return opens_sockets(settings.http_client)
    if not settings.keeps_deadlines:
        return True
    proxy = proxy_for(settings, sent)
    return proxy is not None and proxy.startswith("socks")


def pin_address(step: Fetch, sent: httpx.Request) -> None:
    """Look at each address that a name stands for, and send to one of these, so that the name cannot change its address in between.

    If none is found here, the user's own transport has to look.

    Raises:
        MultiApiError: One of them is none that may be connected to.
    """
    assert step.check_address is not None
    try:
        found = socket.getaddrinfo(sent.url.host, sent.url.port or 443, 0, socket.SOCK_STREAM)
    except OSError:
        return
    for each in found:
        step.check_address(str(each[4][0]))
    name = sent.url.host
    chosen = min(found, key=lambda each: each[0] != socket.AF_INET)
    sent.url = sent.url.copy_with(host=str(chosen[4][0]))  # the header Host keeps the name
    if sent.url.scheme == "https":
        sent.extensions["sni_hostname"] = name
