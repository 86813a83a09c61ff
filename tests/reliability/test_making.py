"""Cases 93 and 96 to 100: files, pictures, speech, the files of agents, and money, as a vendor on a bad day hands them out."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from multiapi.agent_tools import TOOLS
from multiapi.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ResponseFormatError,
    ResponseTooLargeError,
    ServerError,
    StatusError,
)
from multiapi.types import media
from multiapi.types.limits import Limits, Timeout
from tests.reliability.hostile_server import HostileServer, Play, Seen, answer, head_bytes, raw, status
from tests.reliability.making import (
    BINOBOX_FILM,
    CORE,
    ID,
    MAKERS,
    MP3,
    MP4,
    PICTURES,
    PNG,
    SPEECHES,
    Maker,
    Order,
    Workshop,
    each_fetched,
    every,
    left_in,
)
from tests.reliability.touched import touched
from tests.reliability.ways import KEYS, VENDORS

# ------------------------------------------------------------------------------------------------ other hosts


class Elsewhere(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Brings what is asked of public hosts to servers of ours, unchanged but for the address; the rest goes where it leads."""

    def __init__(self, hosts: dict[str, HostileServer]) -> None:
        self.hosts = hosts
        once = httpx.Limits(max_keepalive_connections=0)  # an event loop that ends leaves nothing open
        self.sync, self.awaited = httpx.HTTPTransport(limits=once), httpx.AsyncHTTPTransport(limits=once)

    def _brought(self, request: httpx.Request) -> httpx.Request:
        server = self.hosts.get(request.url.host)
        if server is not None:
            assert request.url.scheme == "https"
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=server.port)
        return request

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.sync.handle_request(self._brought(request))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.awaited.handle_async_request(self._brought(request))

    def close(self) -> None:
        self.sync.close()


def credentials_in(seen: Seen) -> list[str]:
    """What of ours came with a request."""
    names = {"authorization", "api-key", "x-api-key", "cookie", "x-team", "proxy-authorization"} & seen.headers.keys()
    return [*seen.keys, *names, *(key for key in KEYS.values() if key in f"{seen.path}{seen.headers}")]


def settings_of(way: Maker, transport: Elsewhere) -> dict[str, Any]:
    """The user's own client for this way, with a header that is the vendor's business only."""
    headers = {"x-team": "secret"}
    if way.name == "core":
        return {"http_client": httpx.Client(transport=transport), "default_headers": headers}
    if way.name == "core_async":
        return {"http_client": httpx.AsyncClient(transport=transport), "default_headers": headers}
    clients = {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }
    return {**clients, "default_headers": headers}


@pytest.mark.parametrize("hops", [0, 1, 2])
@each_fetched
def test_case_093_another_public_host_never_gets_the_key(order: Order, way: Maker, hops: int, tmp_path: Path) -> None:
    """Directly, behind a redirect of the vendor's own host, and behind one of another host."""
    file = answer(order.file, type="video/mp4")
    onwards = answer(b"", status=307, headers={"location": "https://files.example.org/made?signature=SIGNED-SECRET"})
    with (
        HostileServer(file) as last,
        HostileServer(onwards if hops == 2 else file) as cdn,
        Workshop(order) as shop,
    ):
        address = "https://cdn.example.com/made?signature=SIGNED-SECRET"
        shop.output = address if hops != 1 else f"{shop.url}/files/made"
        shop._files = [answer(b"", status=302, headers={"location": address})]
        transport = Elsewhere({"cdn.example.com": cdn, "files.example.org": last})
        made = way.make(order, shop.url, tmp_path, **settings_of(way, transport)).good()
        transport.close()
    assert made.path is not None
    assert made.path.read_bytes() == order.file
    assert (cdn.count, last.count) == (1, 1 if hops == 2 else 0)
    for seen in [*cdn.requests, *last.requests, *shop.fetched]:
        assert credentials_in(seen) == []
        assert "referer" not in seen.headers
    assert all(seen.keys for seen in shop.polled)


# ------------------------------------------------------------------------------------------------ files

FULL = str(len(MP4))


def endless_file() -> Play:
    async def play(exchange: Any) -> None:
        await exchange.write(head_bytes(200, {"content-type": "video/mp4", "connection": "close"}))
        while True:
            await exchange.write(bytes(65_536))

    return play


FILES: dict[str, tuple[Play, type[MultiApiError]]] = {
    "cut short": (raw(head_bytes(200, {"content-length": "100000"}) + MP4), ConnectionFailedError),
    "chunked without end": (
        raw(head_bytes(200, {"transfer-encoding": "chunked"}) + b"%x\r\n%b\r\n" % (len(MP4), MP4)),
        ConnectionFailedError,
    ),
    "reset": (raw(head_bytes(200, {"content-length": "100000"}) + MP4, then="reset"), ConnectionFailedError),
    "empty": (answer(b"", type="video/mp4"), ResponseFormatError),
    "204": (answer(b"", status=204), ResponseFormatError),
    "HTML": (answer("<!doctype html><html>Expired</html>", type="text/html"), ResponseFormatError),
    "HTML as a film": (answer("<!doctype html><html>Expired</html>", type="video/mp4"), ResponseFormatError),
    "JSON as a film": (answer('{"error": "expired"}', type="video/mp4"), ResponseFormatError),
    "206": (answer(MP4, status=206, headers={"content-range": "bytes 0-9/99"}), StatusError),
    "304": (answer(b"", status=304), StatusError),
    "403": (answer("<Error>AccessDenied</Error>", status=403), NotFoundError),
    "404": (answer(b"", status=404), NotFoundError),
    "410": (answer(b"", status=410), StatusError),
    "500 always": (status(500), ServerError),
    "too large": (raw(head_bytes(200, {"content-length": "600000000"}) + MP4, then="hang"), ResponseTooLargeError),
    "a length that is none": (raw(head_bytes(200, {"content-length": "-5"}) + MP4), MultiApiError),
    "two lengths": (
        raw(head_bytes(200, [("content-length", "5"), ("content-length", FULL)]) + MP4),
        MultiApiError,
    ),
    "unknown encoding": (answer(MP4, headers={"content-encoding": "br"}), ResponseFormatError),
    "broken gzip": (answer(MP4, headers={"content-encoding": "gzip"}), ResponseFormatError),
}


def was_not_fetched(made: Any, way: Maker, kind: type[MultiApiError], folder: Path) -> None:
    """A typed error with the job's id and the file's host; a model is told both, and has what was paid for by its address."""
    if way.is_tool:
        made.good()
        assert "could not be fetched" in made.text
        assert "saved" not in made.text
        assert ID in made.text
        assert "127.0.0.1" in made.text
        assert made.value.url
        assert made.value.path is None
    else:
        error = made.failed(kind)
        assert error.job_id == ID
        assert "127.0.0.1" in str(error)
    assert left_in(folder) == []


@pytest.mark.parametrize("fault", list(FILES))
@each_fetched
def test_case_096_a_broken_file_leaves_nothing_behind(order: Order, way: Maker, fault: str, tmp_path: Path) -> None:
    play, kind = FILES[fault]
    with Workshop(order, files=[play]) as shop:
        made = way.make(order, shop.url, tmp_path, max_retries=1)
    was_not_fetched(made, way, kind, tmp_path)
    assert (shop.posts, shop.polls) == (1, 1)
    assert 1 <= len(shop.fetched) <= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


@each_fetched
def test_case_096_silence(order: Order, way: Maker, tmp_path: Path) -> None:
    silent = raw(head_bytes(200, {"content-length": "100000"}) + MP4, then="hang")
    with Workshop(order, files=[silent]) as shop:
        made = way.make(order, shop.url, tmp_path, max_retries=0, timeout=Timeout(read=0.3))
    was_not_fetched(made, way, RequestTimeoutError, tmp_path)
    assert shop.posts == 1


@each_fetched
def test_case_096_larger_than_the_limit_without_saying_so(
    order: Order, way: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multiapi.agent_tools.tool_run.MAX_SAVED_BYTES", 1_000_000)
    limits = {} if way.is_tool else {"limits": Limits(file_bytes=1_000_000)}
    with Workshop(order, files=[endless_file()]) as shop:
        made = way.make(order, shop.url, tmp_path, **limits)
    was_not_fetched(made, way, ResponseTooLargeError, tmp_path)
    assert len(shop.fetched) == 1


@every([BINOBOX_FILM])
def test_case_096_another_size_than_announced(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order) as shop:
        said = {"signed_url": shop.file_url(), "mime_type": "video/mp4", "size_bytes": len(MP4) + 1}
        shop._polls = [{"id": ID, "status": "completed", "output": said}]
        was_not_fetched(way.make(order, shop.url, tmp_path), way, ResponseFormatError, tmp_path)
        for size in (len(MP4), None, [], {}, "a lot", True, 0, 1.5):
            shop._polls = [{"id": ID, "status": "completed", "output": {**said, "size_bytes": size}}]
            made = way.make(order, shop.url, tmp_path).good()
            assert made.path is not None
            assert made.path.read_bytes() == MP4


@each_fetched
def test_case_096_a_name_that_climbs_out(order: Order, way: Maker, tmp_path: Path) -> None:
    """Nothing that the server says becomes part of a path."""
    headers = {"content-disposition": 'attachment; filename="../../evil.sh"', "content-type": "video/../../../evil"}
    with Workshop(order, files=[answer(order.file, type=None, headers=headers)]) as shop:
        made = way.make(order, shop.url, tmp_path).good()
    assert made.path is not None
    assert left_in(tmp_path) == [made.path.name]
    assert made.path.suffix == (".mp4" if order.file is MP4 else ".mp3")
    assert made.path.stem.split("-")[0] in {"video", "audio"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("first", [status(500), status(503), status(429), FILES["cut short"][0]])
@each_fetched
def test_case_096_trouble_once_is_survived(order: Order, way: Maker, first: Play, tmp_path: Path) -> None:
    with Workshop(order, files=[first, answer(order.file, type="video/mp4")]) as shop:
        made = way.make(order, shop.url, tmp_path).good()
    assert made.path is not None
    assert made.path.read_bytes() == order.file
    assert left_in(tmp_path) == [made.path.name]
    assert (shop.posts, len(shop.fetched)) == (1, 2)


# ------------------------------------------------------------------------------------------------ pictures and speech

PNG64 = base64.b64encode(PNG).decode()
NO_MEDIA: tuple[Any, ...] = (
    None,
    "",
    "   ",
    "not base64!",
    "====",
    PNG64[:101] + "!" + PNG64[102:],
    "data:image/png;base64",
    "data:image/png;base64,",
    "data:image/png;base64,not base64!",
    17,
    [],
    {},
    True,
)
NO_LIST: tuple[Any, ...] = (None, [], [None], [[]], [{}], [17], "x", {"b64_json": "not base64!"}, 17)


@every(PICTURES)
def test_case_097_pictures_that_are_none(order: Order, way: Maker, tmp_path: Path) -> None:
    bodies = [order.answer(text) for text in NO_MEDIA]
    if order.vendor != "bineric":
        bodies += [{"data": entries} for entries in NO_LIST]
        bodies += [{}, {"data": [{"url": "file:///etc/passwd"}]}]
    with Workshop(order) as shop, touched() as watch:
        for count, body in enumerate(bodies, 1):
            shop._start = [body]
            way.make(order, shop.url, tmp_path).failed(ResponseFormatError)
            assert (shop.posts, shop.count) == (count, count), body
    watch.nothing_foreign()
    assert left_in(tmp_path) == []


@every([order for order in PICTURES if order.vendor != "bineric"])
def test_case_097_what_is_good_beside_what_is_not_reaches_the_agent(order: Order, way: Maker, tmp_path: Path) -> None:
    """The call fails; an agent's tool saves the good image, because it is paid for, and tells of the failure."""
    with Workshop(order, start=[{"data": [{"b64_json": PNG64}, {"b64_json": "!!!"}]}]) as shop:
        made = way.make(order, shop.url, tmp_path)
        assert shop.posts == 1
    if not way.is_tool:
        assert [item.data for item in made.failed(ResponseFormatError).partial.media] == [PNG]
        return
    assert made.good().path is not None
    assert made.path.read_bytes() == PNG
    assert "not base64" in made.text


@every([order for order in PICTURES if order.vendor != "bineric"])
@pytest.mark.parametrize("data", [{"b64_json": PNG64}, [{"b64_json": PNG64}, None]], ids=["no list", "beside nothing"])
def test_case_097_what_is_there_is_kept(order: Order, way: Maker, data: Any, tmp_path: Path) -> None:
    with Workshop(order, start=[{"data": data}]) as shop:
        made = way.make(order, shop.url, tmp_path).good()
    assert made.path is not None
    assert made.path.read_bytes() == PNG
    assert shop.posts == 1


@every([order for order in SPEECHES if order.vendor in {"binobox", "bineric"}])
def test_case_097_speech_that_is_none(order: Order, way: Maker, tmp_path: Path) -> None:
    bodies = [order.answer(text) for text in NO_MEDIA]
    if order.vendor == "binobox":
        bodies += [{"data": entries} for entries in NO_LIST]
    with Workshop(order) as shop:
        for count, body in enumerate(bodies, 1):
            shop._start = [body]
            way.make(order, shop.url, tmp_path).failed(ResponseFormatError)
            assert shop.posts == count, body
    assert left_in(tmp_path) == []


@every([*PICTURES, *SPEECHES[2:]])
def test_case_097_odd_forms_of_base64(order: Order, way: Maker, tmp_path: Path) -> None:
    text = base64.b64encode(order.file).decode()
    lines = base64.encodebytes(order.file).decode()
    kind = "image/jpeg" if order.method == "image" else "audio/wav"  # the bytes know better
    for form in (
        text,
        lines,
        f"  {text}\r\n",
        f"data:{kind};base64,{text}",
        f"DATA:{kind};x=y;BASE64,{lines}",
        text.rstrip("="),
    ):
        with Workshop(order, start=[order.answer(form)]) as shop:
            made = way.make(order, shop.url, tmp_path).good()
        assert made.path is not None
        assert made.path.read_bytes() == order.file
        assert made.path.suffix == (".png" if order.method == "image" else ".mp3")
        assert shop.posts == 1


@every([*PICTURES, *SPEECHES])
def test_case_097_280_megabytes(order: Order, way: Maker, tmp_path: Path) -> None:
    play = raw(
        head_bytes(200, {"content-type": "application/json", "content-length": "280000000"}) + b'{"data"', then="hang"
    )
    with Workshop(order, start=[play]) as shop:
        made = way.make(order, shop.url, tmp_path)
    made.failed(ResponseTooLargeError)
    assert shop.posts == 1


@every([*PICTURES, *SPEECHES], CORE)
def test_case_097_too_much_that_is_not_announced(order: Order, way: Maker, tmp_path: Path) -> None:
    limits = Limits(media_answer_bytes=500_000, answer_bytes=500_000)
    with Workshop(order, start=[endless_file()]) as shop:
        way.make(order, shop.url, tmp_path, limits=limits).failed(ResponseTooLargeError)
    assert shop.posts == 1


NO_SOUND: tuple[tuple[Any, str | None], ...] = (
    (b"", "audio/mpeg"),
    ({"error": {"message": "the voice is busy", "code": 503}}, "application/json"),
    ({"error": {"message": "the voice is busy"}}, "audio/mpeg"),
    ({"success": False, "error": {"message": "no", "code": 500}}, "application/json"),
    ("<!doctype html><html>Please log in</html>", "text/html"),
    ("<!doctype html><html>Please log in</html>", "audio/mpeg"),
    ("the service is busy", "text/plain"),
    ("null", "application/json"),
    ("[]", "application/json"),
    ({"audio": None}, "application/json"),
    ({"audio": {"url": None}}, "application/json"),
    ({"audio": {"url": "file:///etc/passwd"}}, "application/json"),
    ({"response": "I cannot speak today."}, "application/json"),
)


@every(SPEECHES)
def test_case_098_what_is_no_sound_is_not_handed_over_as_sound(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order) as shop, touched() as watch:
        for count, (body, type) in enumerate(NO_SOUND, 1):
            shop._start = [answer(body, type=type)]
            way.make(order, shop.url, tmp_path).failed(ResponseFormatError, StatusError)
            assert (shop.posts, shop.count) == (count, count), body
    watch.nothing_foreign()
    assert left_in(tmp_path) == []


@every([order for order in SPEECHES if order.vendor in {"aimlapi", "aicredits"}])
def test_case_098_a_mime_type_with_the_characters_of_a_path(order: Order, way: Maker, tmp_path: Path) -> None:
    for type in (
        "audio/../../../etc/cron.d/x",
        "audio/mpeg/../../x",
        "audio/\\..\\x",
        "audio/" + "x" * 5_000,
        "audio/%2e%2e",
    ):
        for sound in (MP3, b"\x01\x02\x03" * 500):  # one that is known by its bytes, and one that is not
            with Workshop(order, start=[answer(sound, type=type)]) as shop:
                made = way.make(order, shop.url, tmp_path).good()
            assert made.path is not None
            assert made.path.parent == tmp_path / "out"
            assert made.path.suffix in {".mp3", ".bin"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


# ------------------------------------------------------------------------------------------------ the files of agents


@pytest.fixture
def secrets_of(tmp_path: Path) -> Path:
    """A folder for an agent, with everything around it that it must not reach."""
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.mp3").write_bytes(b"ID3 TOP-SECRET")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.mp3").write_bytes(b"ID3 TOP-SECRET")
    (folder / "link.mp3").symlink_to(tmp_path / "secret.mp3")
    (folder / "folder").symlink_to(tmp_path / "elsewhere")
    (folder / "device.mp3").symlink_to("/dev/zero")
    (folder / "dangling.mp3").symlink_to(tmp_path / "nothing.mp3")
    os.link(tmp_path / "secret.mp3", tmp_path / "hard.mp3")
    os.mkfifo(folder / "pipe.mp3")
    (folder / "below").mkdir()
    return tmp_path


OUTSIDE = (
    "{root}/secret.mp3",
    "/etc/passwd",
    "//etc/passwd",
    "../secret.mp3",
    "below/../../secret.mp3",
    "./../secret.mp3",
    "..",
    ".",
    "",
    "..\\secret.mp3",
    "C:\\secret.mp3",
    "C:/secret.mp3",
    "\\\\server\\share\\secret.mp3",
    "link.mp3",
    "folder/secret.mp3",
    "device.mp3",
    "dangling.mp3",
    "~/secret.mp3",
    "~root/.ssh/id_rsa",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/stdin",
    "pipe.mp3",
    "below",
    "note.mp3\x00.txt",
    "file:///etc/passwd",
    "https://cdn.example.com/a.mp3",
    "x" * 5_000,
)


@pytest.mark.parametrize("name", ["langchain", "langchain_async", "llamaindex", "llamaindex_async"])
@pytest.mark.parametrize("vendor", ["aimlapi", "aicredits", "bineric"])
def test_case_099_agents_read_only_below_their_folder(vendor: str, name: str, secrets_of: Path) -> None:
    way = next(maker for maker in MAKERS if maker.name == name)
    with HostileServer(answer({"text": "never"})) as server:
        for pattern in OUTSIDE:
            asked = pattern.format(root=secrets_of)
            order = Order(vendor, "transcribe", None, "transcribe_audio", {"audio": asked})
            with touched() as watch:
                made = way.make(order, server.url, secrets_of)
            error = made.failed(InvalidRequestError)
            assert server.count == 0, asked
            outside = {path for path in watch.opened if "secret" in path or path.startswith(("/etc", "/proc", "/dev"))}
            assert not outside, (asked, outside)
            said = made.text or error.message
            assert "TOP-SECRET" not in said
            assert str(secrets_of) not in said or asked.startswith(str(secrets_of))
            assert 10 < len(said) < 1_500
            watch.nothing_foreign()


def test_case_099_readers_open_nothing_that_is_no_file(secrets_of: Path) -> None:
    from llamaindex_multiapi import MultiApiTranscriptReader

    with HostileServer(answer({"text": "never"})) as server:
        reader = MultiApiTranscriptReader(provider="aicredits", api_key="k", base_url=server.url, max_file_bytes=10)
        for name in ("pipe.mp3", "device.mp3", "below", "link.mp3"):  # the last is larger than what is read
            with pytest.raises((InvalidRequestError, OSError)):
                reader.load_data(secrets_of / "in" / name)
    assert server.count == 0


def test_case_099_no_tool_lets_a_model_say_where_to_write() -> None:
    words = ("path", "dir", "folder", "output", "target", "save", "filename", "workspace")
    for tool in TOOLS.values():
        for parameter in tool.parameters(""):
            assert not any(word in parameter.name for word in words), (tool.name, parameter.name)


@every(PICTURES[2:3], MAKERS[2:])
def test_case_099_a_place_to_write_that_a_model_makes_up(order: Order, way: Maker, tmp_path: Path) -> None:
    """By absolute path, climbing, through a link, with NUL: refused or passed over, and nothing is written there."""
    for place in (str(tmp_path / "evil.png"), "../evil.png", "link/evil.png", "a\x00b"):
        for name in ("path", "output_dir", "filename"):
            asked = Order(order.vendor, "image", None, order.tool, {**order.arguments, name: place}, file=PNG)
            with Workshop(order, start=[order.answer(PNG64)]) as shop, touched() as watch:
                made = way.make(asked, shop.url, tmp_path)
            if made.error is not None:
                made.failed(InvalidRequestError)
            else:
                assert made.path is not None
                assert made.path.parent == tmp_path / "out"
            assert not [path for path in watch.opened if "evil" in path or "\x00" in path]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "a disk without hard links"])
@pytest.mark.parametrize("kind", ["bytes", "address"])
@every([BINOBOX_FILM])
def test_case_099_nothing_is_written_over(
    order: Order, way: Maker, kind: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are made here; should one be taken already, be it by a link that leads elsewhere, another one is made."""
    picture = PICTURES[2]
    asked = picture if kind == "bytes" else order
    group, ending = ("image", ".png") if kind == "bytes" else ("video", ".mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{group}-taken{ending}").write_bytes(b"precious")
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "out" / f"{group}-linked{ending}").symlink_to(tmp_path / "victim")
    (tmp_path / "out" / f"{group}-dangling{ending}").symlink_to(tmp_path / "not-there")
    names = iter(["partial", "taken", "linked", "dangling", "free"])
    monkeypatch.setattr(media.secrets, "token_hex", lambda _: next(names))
    if not links:

        def refused(*_: Any, **__: Any) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "link", refused)
    with Workshop(asked, start=[picture.answer(PNG64)] if kind == "bytes" else ["completed"]) as shop:
        made = way.make(asked, shop.url, tmp_path).good()
    assert made.path == tmp_path / "out" / f"{group}-free{ending}"
    assert made.path.read_bytes() == asked.file
    assert (tmp_path / "out" / f"{group}-taken{ending}").read_bytes() == b"precious"
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "not-there").exists()
    assert len(left_in(tmp_path)) == 4


# ------------------------------------------------------------------------------------------------ money

NO_MONEY: tuple[Any, ...] = (
    {},
    {"data": None},
    {"data": {}},
    {"data": []},
    {"balance": None, "current_balance": None, "balance_remaining": None, "data": {"balance": None}},
    {"balance": "a lot", "current_balance": "a lot", "balance_remaining": "a lot", "data": {"balance": "a lot"}},
    {"balance": True, "current_balance": True, "balance_remaining": True, "data": {"balance": True}},
    {"balance": [], "current_balance": [], "balance_remaining": [], "data": {"balance": []}},
    {"current_balance": "NaN", "balance_remaining": "Infinity", "data": {"balance": "-inf"}},
    {"success": False, "error": {"message": "no", "code": 500}},
    {"success": False},
    {"error": {"message": "no"}},
    {"spend": None, "requests": None, "data": {"spend": None}},
    [],
    None,
    "0",
    0,
)
BALANCES = [Order(vendor, "balance", None, "balance") for vendor in VENDORS if vendor != "binom_router"]
USAGES = [Order(vendor, "usage", None, "usage_report") for vendor in ("bineric", "aimlapi", "binobox")]


@every([*BALANCES, *USAGES])
def test_case_100_money_that_nobody_said_is_not_0(order: Order, way: Maker, tmp_path: Path) -> None:
    for body in NO_MONEY:
        with HostileServer(answer(body)) as server:
            made = way.make(order, server.url, tmp_path, max_retries=0)
        if made.error is not None:
            made.failed(ResponseFormatError, StatusError)
            continue
        if order.method == "balance":
            assert made.value.amount is None, body
        else:
            assert made.value.cost is None, body
            assert made.value.balance is None, body
            assert made.value.requests is None, body
        assert "0" not in made.text, made.text


@every(BALANCES)
def test_case_100_an_amount_may_be_text(order: Order, way: Maker, tmp_path: Path) -> None:
    said = {"bineric": {"data": {"balance": "95.26"}}, "aimlapi": {"current_balance": "95.26"}}
    said |= {"aicredits": {"data": {"balance": "95.26"}}, "binobox": {"balance_remaining": "95.26"}}  # type: ignore[dict-item]
    with HostileServer(answer(said[order.vendor])) as server:
        made = way.make(order, server.url, tmp_path).good()
    assert str(made.value.amount) == "95.26"
    assert server.count == 1


# ------------------------------------------------------------------------------------------------ paid at once


@every([*PICTURES, *SPEECHES])
def test_case_011_what_is_paid_for_at_once_is_not_repeated_after_any_5xx(
    order: Order, way: Maker, tmp_path: Path
) -> None:
    """Whatever the vendor's table says about chats; a 429 was not taken, and is."""
    for code in (500, 502, 503, 504, 507, 520):
        with Workshop(order, start=[status(code), order.answer(PNG64)]) as shop:
            error = way.make(order, shop.url, tmp_path).failed(ServerError)
        assert shop.posts == 1, code
        assert error.outcome_unknown
        assert not error.retryable
    with Workshop(order, start=[status(429, headers={"retry-after": "1"})]) as shop:
        way.make(order, shop.url, tmp_path, max_retries=1).failed(RateLimitError)
    assert shop.posts == 2
