"""Proxies and TLS servers on this machine: real sockets, real CONNECT, names of any hosts."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Mapping
from typing import Any, Self

from tests.reliability.bodies import chat_body


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512
    context: ssl.SSLContext | None = None

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may leave in the middle of anything."""


class _Served:
    """A server that runs in threads while it is a context."""

    server: _Threads

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Upstream(_Served):
    """Answers each POST like a vendor; `requests` has what arrived, `certificates` what the clients showed."""

    def __init__(self, context: ssl.SSLContext | None = None, body: Any = None) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.certificates: list[Any] = []
        content = json.dumps(chat_body() if body is None else body).encode()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                if isinstance(self.connection, ssl.SSLSocket):
                    outer.certificates.append(self.connection.getpeercert())
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None: ...

        self.server = _Threads(("127.0.0.1", 0), Handler)
        self.server.context = context


class LoopbackProxy(_Served):
    """An HTTP proxy that leads every name to one port of this machine.

    Args:
        to: The port.
        credentials: `user:password` that it wants.
        refuse: A status that it gives to every CONNECT.
        context: For a proxy that is spoken to by https.
    """

    def __init__(
        self,
        to: int | Mapping[str, int] = 0,
        *,
        credentials: str | None = None,
        refuse: int | None = None,
        context: ssl.SSLContext | None = None,
        answer_head: bytes | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        wanted = None if credentials is None else "Basic " + base64.b64encode(credentials.encode()).decode()
        outer = self
        self.scheme = "https" if context else "http"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def is_refused(self) -> bool:
                outer.asked.append(f"{self.command} {self.path}")
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                if wanted is not None and self.headers.get("proxy-authorization") != wanted:
                    self.send_error(407, "Proxy Authentication Required")
                    return True
                return False

            def do_CONNECT(self) -> None:
                if self.is_refused():
                    return
                if refuse is not None:
                    self.send_error(refuse)
                    return
                with socket.create_connection(("127.0.0.1", outer.port_for(self.path))) as beyond:
                    self.wfile.write(answer_head or b"HTTP/1.1 200 Connection established\r\n\r\n")
                    self.close_connection = True
                    pump(self.connection, beyond)

            def do_POST(self) -> None:
                if self.is_refused():
                    return
                body = self.rfile.read(int(self.headers["content-length"]))
                host = self.path.split("/")[2]
                path = "/" + self.path.split("/", 3)[3]
                with socket.create_connection(("127.0.0.1", outer.port_for(host))) as beyond:
                    kept = [f"{k}: {v}" for k, v in self.headers.items() if not k.lower().startswith("proxy-")]
                    beyond.sendall(
                        ("\r\n".join([f"POST {path} HTTP/1.1", *kept, "connection: close"]) + "\r\n\r\n").encode()
                        + body
                    )
                    while data := beyond.recv(65536):
                        self.wfile.write(data)
                self.close_connection = True

            def log_message(self, *_: Any) -> None: ...

        self._to = to
        self.server = _Threads(("127.0.0.1", 0), Handler)
        self.server.context = context

    def port_for(self, place: str) -> int:
        return self._to if isinstance(self._to, int) else self._to[place.rsplit(":", 1)[0]]

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def url_with(self, credentials: str) -> str:
        return f"{self.scheme}://{credentials}@127.0.0.1:{self.port}"


class LoopbackSocks(_Served):
    """A SOCKS5 proxy without authentication that leads every name to one port of this machine."""

    def __init__(self, to: int) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def exactly(self, size: int) -> bytes:
                data = b""
                while len(data) < size:
                    more = self.request.recv(size - len(data))
                    if not more:
                        raise OSError
                    data += more
                return data

            def handle(self) -> None:
                self.exactly(self.exactly(2)[1])
                self.request.sendall(b"\x05\x00")
                kind = self.exactly(4)[3]
                host = self.exactly(4) if kind == 1 else self.exactly(self.exactly(1)[0])
                port = struct.unpack("!H", self.exactly(2))[0]
                outer.asked.append(f"{host.decode() if kind == 3 else '.'.join(map(str, host))}:{port}")
                with socket.create_connection(("127.0.0.1", to)) as beyond:
                    self.request.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
                    pump(self.request, beyond)

        self.server = _Threads(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"socks5://127.0.0.1:{self.port}"


def pump(one: Any, other: Any) -> None:
    """Pass everything on in both directions until one side closes."""

    def pass_on(source: Any, sink: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    back = threading.Thread(target=pass_on, args=(other, one), daemon=True)
    back.start()
    pass_on(one, other)
    back.join(5)
