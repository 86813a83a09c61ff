"""Files from where the vendor keeps them: without the key, from public addresses only, within a limit, whole or not at all."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import (
    AddressRefusedError,
    ConnectionFailedError,
    MultiApiError,
    NotFoundError,
    RequestTimeoutError,
    ResponseFormatError,
    ResponseTooLargeError,
    ServerError,
)
from multiapi.flows.address_checks import check_url, local_address
from multiapi.flows.steps import Policy, Target
from multiapi.negotiation.plan import Refusals
from multiapi.providers import PROVIDERS
from multiapi.simulator.media import draw_image
from multiapi.types.media import Media
from multiapi.types.media_results import MediaResult
from tests.conftest import KEY

pytestmark = pytest.mark.usefixtures("waits")

PNG = draw_image("a cat", 64, 48)


def target(base_url: str | None = None) -> Target:
    provider = PROVIDERS["binobox"]
    return Target(provider, base_url or provider.base_url, Policy(), Refusals())


# ------------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        17,
        ["https://example.com"],
        "nonsense",
        "//example.com/a",
        "/jobs/1",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "gopher://example.com/a",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "https://",
        "https:///a",
        "https://[::1",
        "https://[nonsense]/a",
        "https://example.com:99999/a",
        "https://user:pass@example.com/a",
        "https://example.com@10.0.0.1/a",
        "https://example.com\\@10.0.0.1/a",
        "https://exa mple.com/a",
        "https://example.com/a\nb",
        "https://example.com/\x00",
        "https://" + "a" * 9_000 + ".com/",
        "https://localhost/a",
        "https://LOCALHOST./a",
        "https://x.localhost/a",
        "https://printer.local/a",
        "https://db.internal/a",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://metadata/a",
        "https://intranet/a",
        "https://127.0.0.1/a",
        "https://127.1/a",
        "https://0.0.0.0/a",
        "https://0/a",
        "https://2130706433/a",
        "https://0x7f000001/a",
        "https://0x7f.0.0.1/a",
        "https://0177.0.0.1/a",
        "https://10.0.0.1/a",
        "https://172.16.3.4/a",
        "https://192.168.1.1/a",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/a",
        "https://100.100.100.200/a",
        "https://100.64.0.1/a",
        "https://224.0.0.1/a",
        "https://255.255.255.255/a",
        "https://[::1]/a",
        "https://[::]/a",
        "https://[fe80::1]/a",
        "https://[fc00::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://[::ffff:a00:1]/a",
        "https://[::7f00:1]/a",
        "https://[64:ff9b::a00:1]/a",
        "https://[2002:7f00:1::]/a",
        "https://[fd00:ec2::254]/a",
        "https://1.2.3.4.5/a",
        "http://example.com:8080/a",
    ],
)
def test_an_address_that_is_refused(url: Any) -> None:
    with pytest.raises(AddressRefusedError) as raised:
        check_url(url, target(), job_id="job-7")
    assert (raised.value.job_id, raised.value.provider) == ("job-7", "binobox")


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        ("https://cdn.aimlapi.com/generations/a.png", "https://cdn.aimlapi.com/generations/a.png"),
        ("https://cdn.example.com/a.png?e=1&s=a%2Fb+c==", "https://cdn.example.com/a.png?e=1&s=a%2Fb+c=="),
        ("http://oss.example.com/a.wav?x=1", "https://oss.example.com/a.wav?x=1"),
        ("http://oss.example.com:80/a.wav", "https://oss.example.com/a.wav"),
        ("https://EXAMPLE.com:8443/å b.png", "https://example.com:8443/%C3%A5%20b.png"),
        ("https://bücher.example.com/a", "https://xn--bcher-kva.example.com/a"),
        ("https://93.184.216.34/a", "https://93.184.216.34/a"),
        ("https://[2606:2800:220:1:248:1893:25c8:1946]/a", "https://[2606:2800:220:1:248:1893:25c8:1946]/a"),
        ("https://example.com#fragment", "https://example.com/"),
        ("https://api.binobox.ir/uploads/v.mp4?e=1&s=2", "https://api.binobox.ir/uploads/v.mp4?e=1&s=2"),
    ],
)
def test_an_address_that_is_opened_in_a_form_without_ambiguity(url: str, opened: str) -> None:
    assert check_url(url, target()) == opened
    assert str(httpx.URL(opened)) == opened
    assert check_url(opened, target()) == opened


def test_the_vendors_own_address_is_the_one_exception() -> None:
    own = target("http://127.0.0.1:8080/api/v1")
    assert check_url("http://127.0.0.1:8080/files/a.png", own) == "http://127.0.0.1:8080/files/a.png"
    for other in ("http://127.0.0.1:8081/files/a.png", "https://127.0.0.1:8080/a", "http://localhost:8080/a"):
        with pytest.raises(AddressRefusedError):
            check_url(other, own)


def test_an_address_behind_another_is_judged_by_the_one_behind() -> None:
    assert local_address("::ffff:8.8.8.8") is None
    assert local_address("64:ff9b::8.8.8.8") is None
    assert local_address("fe80::1%eth0") is not None


# ------------------------------------------------------------------------------------------------ a server of our own


class Server:
    """Serves files on this machine; `paths` maps a path to what is sent."""

    def __init__(self) -> None:
        self.paths: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                outer.paths[self.path.partition("?")[0]](self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def file(self, path: str, data: bytes, status: int = 200, **headers: str) -> str:
        def send(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"content-length": str(len(data)), **headers}.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(data)

        self.paths[path] = send
        return self.origin + path


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


Fetching = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def fetch(request: pytest.FixtureRequest, server: Server) -> Fetching:
    """`download` or `save` by our own transport, in both ways."""

    def call(method: str, *arguments: Any, **options: Any) -> Any:
        settings = {
            "api_key": KEY,
            "base_url": f"{server.origin}/api/v1",
            "timeout": 0.5,
            **options.pop("settings", {}),
        }
        if request.param == "sync":
            return getattr(Client("binobox", **settings), method)(*arguments, **options)
        return asyncio.run(getattr(AsyncClient("binobox", **settings), method)(*arguments, **options))

    return call


def test_a_file_comes_without_the_key(fetch: Fetching, server: Server, tmp_path: Path) -> None:
    url = server.file("/files/a", PNG, content_type="application/octet-stream")
    media = fetch("download", Media(url=url, metadata={"seed": 7}))
    assert (media.data, media.mime_type, media.metadata) == (PNG, "image/png", {"seed": 7})
    assert fetch("save", media, tmp_path / "again") == tmp_path / "again.png"
    assert fetch("save", url, tmp_path / "cat") == tmp_path / "cat.png"
    assert (tmp_path / "cat.png").read_bytes() == PNG
    assert len(server.seen) == 2
    for _, headers in server.seen:
        assert KEY not in str(headers) and "authorization" not in headers and headers["accept-encoding"] == "identity"


def test_a_result_stays_what_it_is(fetch: Fetching, server: Server) -> None:
    url = server.file("/files/v", PNG)
    result = fetch("download", MediaResult(url=url, provider="binobox", job_id="job-1"))
    assert isinstance(result, MediaResult) and (result.data, result.job_id) == (PNG, "job-1")


def test_names_come_from_here_and_never_from_the_server(fetch: Fetching, server: Server, tmp_path: Path) -> None:
    url = server.file(
        "/files/..%2f..%2fevil.sh",
        PNG,
        content_disposition='attachment; filename="../../evil.sh"',
        content_type="text/x-../../sh",
    )
    made = fetch("save", url, tmp_path)
    assert made.parent == tmp_path and made.name.startswith("image-") and made.suffix == ".png"
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_hop_by_hop(fetch: Fetching, server: Server, status: int) -> None:
    server.file("/files/there", PNG)
    url = server.file("/files/here", b"", status, location="there")
    assert fetch("download", Media(url=url)).data == PNG


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:1/a",
        "http://169.254.169.254/a",
        "file:///etc/passwd",
        "http://127.0.0.1:1/a",
        "https://10.0.0.1/a",
        "http://[",
        "",
    ],
)
def test_a_redirect_into_the_machines_own_network_is_refused(
    fetch: Fetching, server: Server, tmp_path: Path, location: str
) -> None:
    url = server.file("/files/here", b"", 302, location=location or "http://x:y@z/")
    with pytest.raises(AddressRefusedError) as raised:
        fetch("save", MediaResult(url=url, job_id="job-1"), tmp_path / "a.png")
    assert raised.value.job_id == "job-1"
    assert len(server.seen) == 1 and not list(tmp_path.iterdir())


def test_too_many_redirects(fetch: Fetching, server: Server) -> None:
    url = server.file("/files/loop", b"", 302, location="/files/loop")
    with pytest.raises(AddressRefusedError, match="3 redirects"):
        fetch("download", Media(url=url))
    assert len(server.seen) == 4


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100000")
    handler.end_headers()
    handler.wfile.write(PNG[:500])
    handler.close_connection = True


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "100000")
    handler.end_headers()
    handler.wfile.write(PNG[:500])
    handler.wfile.flush()
    time.sleep(1.0)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("connection", "close")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(bytes(65536))
    except OSError:
        pass


BROKEN: list[tuple[str, Any, dict[str, Any], type[MultiApiError]]] = [
    ("empty", lambda s: s.file("/f", b""), {}, ResponseFormatError),
    (
        "a web page",
        lambda s: s.file("/f", b"<!doctype html><html>Expired</html>", content_type="text/html"),
        {},
        ResponseFormatError,
    ),
    ("JSON", lambda s: s.file("/f", b'{"error": "expired"}'), {"mime_type": "video/mp4"}, ResponseFormatError),
    ("another size", lambda s: s.file("/f", PNG), {"metadata": {"size_bytes": 9}}, ResponseFormatError),
    ("403", lambda s: s.file("/f", b"<Error>AccessDenied</Error>", 403), {}, MultiApiError),
    ("404", lambda s: s.file("/f", b"", 404), {}, NotFoundError),
    ("410", lambda s: s.file("/f", b"", 410), {}, MultiApiError),
    ("always 500", lambda s: s.file("/f", b"", 500), {}, ServerError),
    ("partial content", lambda s: s.file("/f", PNG, 206), {}, MultiApiError),
    ("cut short", lambda s: s.paths.update({"/f": cut}), {}, ConnectionFailedError),
    ("silence", lambda s: s.paths.update({"/f": silent}), {}, RequestTimeoutError),
    ("endless", lambda s: s.paths.update({"/f": endless}), {}, ResponseTooLargeError),
    ("too large", lambda s: s.file("/f", bytes(2_000_000)), {}, ResponseTooLargeError),
]


@pytest.mark.parametrize(("serve", "facts", "kind"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_file_leaves_nothing_behind(
    fetch: Fetching, server: Server, tmp_path: Path, serve: Any, facts: dict[str, Any], kind: type[MultiApiError]
) -> None:
    serve(server)
    media = MediaResult(
        url=f"{server.origin}/f?signature=secret", job_id="job-1", **{"mime_type": "image/png", **facts}
    )
    for method, arguments in (("save", (tmp_path / "a.png",)), ("download", ())):
        with pytest.raises(kind) as raised:
            fetch(method, media, *arguments, max_bytes=1_000_000)
        assert raised.value.job_id == "job-1"
        assert "127.0.0.1" in str(raised.value) and "secret" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_trouble_that_passes_is_survived(fetch: Fetching, server: Server, tmp_path: Path) -> None:
    server.file("/f", PNG)
    good, answers = server.paths["/f"], [500, 503]

    def send(handler: BaseHTTPRequestHandler) -> None:
        if answers:
            handler.send_response(answers.pop())
            handler.send_header("content-length", "0")
            handler.end_headers()
        else:
            good(handler)

    server.paths["/f"] = send
    assert fetch("save", f"{server.origin}/f", tmp_path / "a").read_bytes() == PNG
    assert len(server.seen) == 3


def test_the_second_attempt_starts_with_an_empty_file(fetch: Fetching, server: Server, tmp_path: Path) -> None:
    server.file("/f", PNG)
    good, first = server.paths["/f"], [True]

    def send(handler: BaseHTTPRequestHandler) -> None:
        cut(handler) if first and first.pop() else good(handler)

    server.paths["/f"] = send
    assert fetch("save", f"{server.origin}/f", tmp_path / "a").read_bytes() == PNG


def test_a_compressed_file_is_bounded_after_it_is_unpacked(fetch: Fetching, server: Server) -> None:
    url = server.file("/f", gzip.compress(bytes(5_000_000)), content_encoding="gzip")
    with pytest.raises(ResponseTooLargeError):
        fetch("download", Media(url=url), max_bytes=1_000_000)
    server.file("/f", gzip.compress(PNG), content_encoding="gzip")
    assert fetch("download", Media(url=url)).data == PNG


def test_a_folder_that_is_not_there_is_the_systems_own_error(fetch: Fetching, server: Server, tmp_path: Path) -> None:
    url = server.file("/f", PNG)
    with pytest.raises(FileNotFoundError):
        fetch("save", url, tmp_path / "nowhere" / "a.png")
    assert not server.seen


SIZE = 96_000_000


def test_a_large_file_goes_to_the_disk_in_pieces(fetch: Fetching, server: Server, tmp_path: Path) -> None:
    """What is held does not depend on the size of the file."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(SIZE))
        handler.end_headers()
        piece = bytes(1_000_000)
        for _ in range(SIZE // len(piece)):
            handler.wfile.write(piece)

    server.paths["/f"] = send
    tracemalloc.start()
    try:
        saved = fetch("save", f"{server.origin}/f", tmp_path / "film.mp4", settings={"timeout": 30})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert saved.stat().st_size == SIZE
    assert peak < 20_000_000


# ------------------------------------------------------------------------------------------------ names that stand for addresses


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A name service of our own."""
    table: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        if text in table:
            return [
                (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in table[text]
            ]
        return real(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return table


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["169.254.169.254"], ["::ffff:10.0.0.1"]]
)
def test_a_name_that_stands_for_a_local_address_is_refused_when_it_is_connected_to(
    fetch: Fetching, server: Server, names: dict[str, list[str]], addresses: list[str]
) -> None:
    names["rebound.example.com"] = addresses
    with pytest.raises(AddressRefusedError, match=r"rebound\.example\.com"):
        fetch("download", MediaResult(url="https://rebound.example.com/a.png", job_id="job-1"))
    assert not server.seen


def test_the_same_holds_for_a_client_of_the_users(names: dict[str, list[str]]) -> None:
    names["rebound.example.com"] = ["192.168.0.10"]
    with httpx.Client() as sender, pytest.raises(AddressRefusedError):
        Client("binobox", api_key=KEY, http_client=sender).download(Media(url="https://rebound.example.com/a.png"))


def test_credentials_of_the_users_client_stay_at_home(server: Server) -> None:
    url = server.file("/f", PNG)
    headers, cookies = {"x-team": "secret"}, {"session": "secret"}
    with httpx.Client(auth=("user", "secret"), headers=headers, cookies=cookies, follow_redirects=True) as sender:
        client = Client(
            "binobox", api_key=KEY, base_url=server.origin, http_client=sender, default_headers={"x-more": "secret"}
        )
        assert client.download(Media(url=url)).data == PNG
    assert "secret" not in str(server.seen) and KEY not in str(server.seen)


def test_a_cancelled_download_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    server.paths["/f"] = silent

    async def cancelled() -> None:
        client = AsyncClient("binobox", api_key=KEY, base_url=server.origin)
        task = asyncio.create_task(client.save(f"{server.origin}/f", tmp_path / "a.png"))
        while not server.seen:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not list(tmp_path.iterdir())

    asyncio.run(cancelled())


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 409, 410, 413, 418, 429, 500, 502, 503])
def test_a_file_hosts_refusal_is_not_the_providers(code: int) -> None:
    """No key was sent, so it is about neither key nor account: code that changes the key or tops up has no reason to."""
    from multiapi.errors import NotFoundError, ServerError, StatusError
    from multiapi.sending.waiting import without_waiting

    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(code, text="no")))
    client = Client("aimlapi", api_key="any-key-1234", http_client=http)
    with without_waiting(), pytest.raises(StatusError) as caught:
        client.download(Media(url="https://93.184.216.34/x.png"))
    gone = code in {401, 403, 404, 410}
    assert type(caught.value) is (NotFoundError if gone else ServerError if code >= 500 else StatusError)
    assert caught.value.status == code
    assert ("links expire" in str(caught.value)) is gone
