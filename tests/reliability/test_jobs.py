"""Cases 21 and 83 to 95: jobs are ordered once, asked about with patience, never lost, and lead nowhere else."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InsufficientCreditsError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    MultiApiError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ResponseFormatError,
    ServerError,
    StatusError,
)
from multiapi.sending.waiting import NoWaiting, Waiting, set_waiting
from multiapi.types.batches import BatchRequest
from multiapi.types.chat import ChatRequest, Message
from multiapi.types.legacy import LegacyRequest
from multiapi.types.limits import Timeout
from tests.reliability.hostile_server import HostileServer, answer, fingerprint, raw, reset, silence, status
from tests.reliability.making import (
    AIMLAPI_FILM,
    AUDIO,
    BINOBOX_FILM,
    CORE,
    FETCHED,
    ID,
    JOBS,
    SAID,
    Made,
    Maker,
    Order,
    Workshop,
    each_fetched,
    each_job,
    every,
    every_job,
    left_in,
    text_of,
)
from tests.reliability.test_connections import forward, free_port
from tests.reliability.touched import touched
from tests.reliability.ways import KEYS

HASTY = {"silence": {"timeout": Timeout(read=0.3)}}
every_film = every([BINOBOX_FILM, AIMLAPI_FILM])
every_fetched = every(FETCHED)
HTML = answer("<html><h1>504 Gateway Time-out</h1></html>", status=504, type="text/html")
PORTAL = answer("<html>Please log in</html>", type="text/html")


def is_there(made: Made, order: Order, folder: Path) -> None:
    """What was ordered is there, whole."""
    made.good()
    if order.method == "transcribe":
        assert made.text == SAID
    else:
        assert made.path is not None
        assert made.path.read_bytes() == order.file
        assert left_in(folder) == [made.path.name]


def too_late(made: Made, way: Maker, order: Order) -> None:
    """The error of a wait that was too short, or for films what a model is told; both have the id."""
    if way.is_tool and order.method == "video":
        made.good()
        assert "still being made" in made.text
        assert "Do not start it again" in made.text
        assert ID in made.text
    else:
        error = made.failed(JobTimeoutError)
        assert error.job_id == ID
        assert ID in str(error)
        assert not error.retryable
        if made.text:
            assert ID in made.text


# ------------------------------------------------------------------------------------------------ waiting


@pytest.mark.parametrize("code", [429, 503])
@each_job
def test_case_021_retry_after_while_polling(
    order: Order, way: Maker, code: int, tmp_path: Path, waits: list[float]
) -> None:
    with Workshop(order, polls=[status(code, headers={"retry-after": "7"}), "pending", "completed"]) as shop:
        is_there(way.make(order, shop.url, tmp_path), order, tmp_path)
    assert waits == [2.0, 7.0, 4.5]
    assert (shop.posts, shop.polls) == (1, 3)


@pytest.mark.parametrize("value", ["86400", "61", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
@each_job
def test_case_021_retry_after_beyond_the_remaining_wait(
    order: Order, way: Maker, value: str, tmp_path: Path, waits: list[float]
) -> None:
    with Workshop(order, polls=[status(429, headers={"retry-after": value})]) as shop:
        made = way.make(order, shop.url, tmp_path, timeout_s=60.0)
    too_late(made, way, order)
    assert sum(waits) <= 60
    assert (shop.posts, shop.polls) == (1, 1)
    if made.error is not None:
        assert made.failed().retry_after_s > 60


@pytest.mark.parametrize("value", ["0", "0.001", "-1", "nan", "soon"])
@every(JOBS, CORE)
def test_case_021_a_retry_after_of_nothing_makes_no_busy_loop(
    order: Order, way: Maker, value: str, tmp_path: Path, waits: list[float]
) -> None:
    with Workshop(order, polls=[status(503, headers={"retry-after": value}), "pending"]) as shop:
        too_late(way.make(order, shop.url, tmp_path, timeout_s=100.0), way, order)
    assert min(waits[:-1]) >= 2.0  # the last is what was left
    assert shop.polls < 15


# ------------------------------------------------------------------------------------------------ starting

UNCERTAIN = {
    "reset": (reset(), ConnectionFailedError),
    "silence": (silence(), RequestTimeoutError),
    "cut answer": (
        raw(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id": "job-1", "sta'),
        ConnectionFailedError,
    ),
    "cut JSON": (answer('{"id": "job-1", "sta'), ResponseFormatError),
    "HTML 504": (HTML, ServerError),
    "500": (status(500), ServerError),
    "502": (status(502), ServerError),
    "503": (status(503), ServerError),
    "507": (status(507), ServerError),
    "408": (status(408), ServerError),
    "HTML": (PORTAL, ResponseFormatError),
    "empty": (answer(b""), ResponseFormatError),
    "no id": (answer({"status": "pending"}), ResponseFormatError),
    "a list": (answer([]), ResponseFormatError),
}


@pytest.mark.parametrize("fault", list(UNCERTAIN))
@each_job
def test_case_083_a_start_with_an_unknown_outcome_is_one_post(
    order: Order, way: Maker, fault: str, tmp_path: Path
) -> None:
    play, kind = UNCERTAIN[fault]
    with Workshop(order, start=[play, "pending"]) as shop:
        made = way.make(order, shop.url, tmp_path, **HASTY.get(fault, {}))
    error = made.failed(kind)
    assert (shop.posts, shop.polls) == (1, 0)
    assert error.outcome_unknown
    assert not error.retryable
    assert "not repeated" in str(error)
    if way.is_tool and made.text:
        assert "do not repeat it" in made.text


@every_job
def test_case_083_not_even_where_5xx_of_paid_calls_are_repeated(order: Order, way: Maker, tmp_path: Path) -> None:
    """Without a Retry-After, a 503 of a start may be one that was taken."""
    with Workshop(order, start=[status(503)]) as shop:
        way.make(order, shop.url, tmp_path, max_retries=5).failed(ServerError)
    assert shop.posts == 1


@pytest.mark.parametrize("code", [429, 503])
@each_job
def test_case_084_a_start_that_was_refused_for_now_is_repeated(
    order: Order, way: Maker, code: int, tmp_path: Path, waits: list[float]
) -> None:
    with Workshop(order, start=[status(code, headers={"retry-after": "3"}), "pending"]) as shop:
        is_there(way.make(order, shop.url, tmp_path), order, tmp_path)
    assert shop.posts == 2
    assert waits[0] == 3.0


@every_job
def test_case_084_a_start_that_never_arrived_is_repeated(order: Order, way: Maker, tmp_path: Path) -> None:
    """The port opens while the client waits."""
    opened: list[socket.socket] = []
    with Workshop(order) as shop:
        port = free_port()

        class Opening(NoWaiting):
            def sleep(self, seconds: float) -> None:
                super().sleep(seconds)
                if not opened:
                    forward(port, shop.port, opened)

            async def asleep(self, seconds: float) -> None:
                await super().asleep(seconds)
                if not opened:
                    await asyncio.to_thread(forward, port, shop.port, opened)

        set_waiting(Opening())
        shop.output = f"http://127.0.0.1:{port}/files/made.mp4"
        try:
            is_there(way.make(order, f"http://127.0.0.1:{port}", tmp_path), order, tmp_path)
        finally:
            for each in opened:
                each.close()
    assert shop.posts == 1


@every_job
def test_case_084_no_money_is_one_post(order: Order, way: Maker, tmp_path: Path) -> None:
    body: dict[str, Any] = {"message": "no funds", "code": "INSUFFICIENT_DIAMONDS", "required": 800, "balance": 12.5}
    with Workshop(order, start=[answer({"error": body}, status=402)]) as shop:
        made = way.make(order, shop.url, tmp_path)
    error = made.failed(InsufficientCreditsError)
    assert shop.posts == 1
    assert not error.outcome_unknown
    if order.vendor == "binobox":
        assert (error.required, error.balance) == (800, 12.5)


@every_film
def test_case_085_pending_for_ever(order: Order, way: Maker, tmp_path: Path, waits: list[float]) -> None:
    with Workshop(order, polls=["pending"]) as shop:
        too_late(way.make(order, shop.url, tmp_path, timeout_s=60.0), way, order)
    assert waits == [2.0, 3.0, 4.5, 6.75, 10.125, 15.0, 15.0, 3.625]
    assert (shop.posts, shop.polls) == (1, 8)
    assert left_in(tmp_path) == []


@every(JOBS, [*CORE])
def test_case_085_polls_are_spaced_by_the_clock(order: Order, way: Maker, tmp_path: Path) -> None:
    set_waiting(Waiting())
    with Workshop(order, polls=["pending"]) as shop:
        made = way.make(order, shop.url, tmp_path, timeout_s=0.3)
    too_late(made, way, order)
    assert made.seconds > 0.25
    assert (shop.posts, shop.polls) == (1, 1)


@every_job
def test_case_085_no_time_to_wait_is_no_reason_not_to_say_the_id(order: Order, way: Maker, tmp_path: Path) -> None:
    for timeout_s in (0.0, -5.0):
        with Workshop(order, polls=["pending"]) as shop:
            too_late(way.make(order, shop.url, tmp_path, timeout_s=timeout_s), way, order)
        assert (shop.posts, shop.polls) == (1, 0)


@every_job
def test_case_085_a_time_that_is_none_is_refused_before_anything_is_ordered(
    order: Order, way: Maker, tmp_path: Path
) -> None:
    with Workshop(order) as shop:
        way.make(order, shop.url, tmp_path, timeout_s=float("nan")).failed(InvalidRequestError)
    assert shop.count == 0


REASONS: tuple[tuple[Any, str], ...] = (
    ({"message": "refused by a filter"}, "refused by a filter"),
    ("refused by a filter", "refused by a filter"),
    (None, "no reason"),
    ({}, "no reason"),
)


@pytest.mark.parametrize(("reason", "words"), REASONS, ids=["object", "text", "null", "empty"])
@pytest.mark.parametrize("state", ["failed", "cancelled"])
@each_job
def test_case_086_failed_or_cancelled(
    order: Order, way: Maker, state: str, reason: Any, words: str, tmp_path: Path
) -> None:
    with Workshop(order, polls=["pending", order.body(state, error=reason), "completed"]) as shop:
        made = way.make(order, shop.url, tmp_path)
    error = made.failed(JobFailedError)
    assert (error.job_id, error.code) == (ID, state)
    assert ID in str(error)
    assert (words if reason != {} else "") in str(error)
    assert (shop.posts, shop.polls, shop.fetched) == (1, 2, [])
    if way.is_tool and made.text:
        assert ID in made.text


@every_job
def test_case_087_states_that_nobody_documents(order: Order, way: Maker, tmp_path: Path) -> None:
    words = ["queued", "در حال پردازش", "IN_PROGRESS", "rendering 50 %", "x" * 10_000, "completing"]
    with Workshop(order, polls=[*words, "completed"]) as shop:
        is_there(way.make(order, shop.url, tmp_path), order, tmp_path)
    assert (shop.posts, shop.polls) == (1, len(words) + 1)


@pytest.mark.parametrize("state", [None, "", 7, [], {"is": "completed"}, True])
@each_job
def test_case_087_no_state(order: Order, way: Maker, state: Any, tmp_path: Path) -> None:
    with Workshop(order, polls=[order.body(state)]) as shop:
        error = way.make(order, shop.url, tmp_path).failed(ResponseFormatError)
    assert error.job_id == ID
    assert (shop.posts, shop.polls) == (1, 5)


@every_job
def test_case_087_no_state_in_the_answer_to_a_start_loses_no_job(order: Order, way: Maker, tmp_path: Path) -> None:
    for body in ({"id": ID}, {"id": ID, "status": None}, {"id": ID, "status": ""}):
        with Workshop(order, start=[body]) as shop:
            way.make(order, shop.url, tmp_path).good()
        assert (shop.posts, shop.polls) == (1, 1)


# ------------------------------------------------------------------------------------------------ asking


@pytest.mark.parametrize(
    ("code", "kind", "polls"),
    [(404, NotFoundError, 11), (401, AuthenticationError, 1), (402, InsufficientCreditsError, 1)],
)
@each_job
def test_case_088_refusals_while_polling(
    order: Order, way: Maker, code: int, kind: type[MultiApiError], polls: int, tmp_path: Path
) -> None:
    with Workshop(order, polls=[status(code)]) as shop:
        made = way.make(order, shop.url, tmp_path)
    error = made.failed(kind)
    assert error.job_id == ID
    assert (shop.posts, shop.polls) == (1, polls)
    if way.is_tool and made.text:
        assert ID in made.text


@every_job
def test_case_088_a_404_while_the_job_is_new_is_passed_over(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order, polls=[status(404), "completed"]) as shop:
        is_there(way.make(order, shop.url, tmp_path), order, tmp_path)
    assert (shop.posts, shop.polls) == (1, 2)


TROUBLE = {
    "429": (status(429), RateLimitError),
    "500": (status(500), ServerError),
    "503": (status(503), ServerError),
    "reset": (reset(), ConnectionFailedError),
    "HTML": (PORTAL, ResponseFormatError),
    "HTML 502": (answer("<html>Bad gateway</html>", status=502, type="text/html"), ServerError),
    "silence": (silence(), RequestTimeoutError),
    "bad JSON": (answer('{"id": "job-1", "sta'), ResponseFormatError),
    "a list": (answer("[]"), ResponseFormatError),
    "deep JSON": (answer("[" * 100_000), ResponseFormatError),
}


@pytest.mark.parametrize("fault", list(TROUBLE))
@each_job
def test_case_089_trouble_that_passes(order: Order, way: Maker, fault: str, tmp_path: Path) -> None:
    play, _ = TROUBLE[fault]
    twice = 1 if fault == "silence" else 2
    with Workshop(order, polls=[*[play] * twice, "pending", "completed"]) as shop:
        is_there(way.make(order, shop.url, tmp_path, **HASTY.get(fault, {})), order, tmp_path)
    assert (shop.posts, shop.polls) == (1, twice + 2)


@pytest.mark.parametrize("fault", [fault for fault in TROUBLE if fault != "silence"])
@each_job
def test_case_089_trouble_that_lasts(order: Order, way: Maker, fault: str, tmp_path: Path) -> None:
    play, kind = TROUBLE[fault]
    with Workshop(order, polls=[play]) as shop:
        made = way.make(order, shop.url, tmp_path)
    error = made.failed(kind)
    assert error.job_id == ID
    assert error.attempts == 5
    assert (shop.posts, shop.polls) == (1, 5)


@every([BINOBOX_FILM], CORE)
def test_case_089_silence_that_lasts(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order, polls=[silence()]) as shop:
        error = way.make(order, shop.url, tmp_path, timeout=Timeout(read=0.3)).failed(RequestTimeoutError)
    assert error.job_id == ID
    assert shop.posts == 1


@pytest.mark.parametrize("other", ["job-2", 7, "job-1 ", "JOB-1"])
@each_job
def test_case_090_the_answer_is_about_another_job(order: Order, way: Maker, other: Any, tmp_path: Path) -> None:
    with Workshop(order, polls=[order.body("completed", url="https://cdn.example.com/x.mp4", id=other)]) as shop:
        error = way.make(order, shop.url, tmp_path).failed(ResponseFormatError)
    assert error.job_id == ID
    assert (shop.posts, shop.polls, shop.fetched) == (1, 1, [])


@every_fetched
def test_case_091_completed_without_a_result(order: Order, way: Maker, tmp_path: Path) -> None:
    name = next(iter(order.output("x")))
    for output in (None, {}, [], [None], [{}], "", "here is your film", {"url": None}, {"url": ""}, 7, True):
        with Workshop(order, polls=[order.body("completed") | {name: output}]) as shop, touched() as watch:
            error = way.make(order, shop.url, tmp_path).failed(ResponseFormatError)
        assert error.job_id == ID, output
        assert (shop.posts, shop.polls, shop.fetched) == (1, 1, [])
        watch.nothing_foreign()
    with Workshop(order, polls=[{"id": ID, "status": "completed"}]) as shop:
        assert way.make(order, shop.url, tmp_path).failed(ResponseFormatError).job_id == ID
    assert left_in(tmp_path) == []


@every([order for order in JOBS if order.method == "transcribe"])
def test_case_091_a_transcript_that_is_none(order: Order, way: Maker, tmp_path: Path) -> None:
    for output in (None, {}, [], 7, {"text": None}, {"results": None}, {"text": ["x"]}):
        with Workshop(order, polls=[{"id": ID, "status": "completed", "result": output}]) as shop:
            assert way.make(order, shop.url, tmp_path).failed(ResponseFormatError).job_id == ID, output
        assert (shop.posts, shop.polls) == (1, 1)


# ------------------------------------------------------------------------------------------------ addresses

HOSTILE: tuple[Any, ...] = (
    # other schemes
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "file://localhost/etc/passwd",
    "/etc/passwd",
    "ftp://cdn.example.com/film.mp4",
    "gopher://127.0.0.1:6379/_x",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    # no address
    17,
    17.5,
    True,
    ["https://cdn.example.com/a.mp4"],
    {"href": "https://cdn.example.com/a.mp4"},
    "garbage",
    "https://",
    "https://[::1",
    "https://exa mple.com/a",
    "https://cdn.example.com/\x00",
    "https://cdn.example.com/\r\nhost: x",
    "//cdn.example.com/a.mp4",
    "https://cdn.example.com:99999/a",
    # private
    "https://10.0.0.1/a",
    "https://172.16.3.4/a",
    "https://192.168.1.1/a",
    "https://100.64.0.1/a",
    "https://127.0.0.1/a",
    "http://127.0.0.1:1/a",
    "https://localhost/a",
    "https://LOCALHOST./a",
    "https://db.internal/a",
    "https://printer.local/a",
    "https://0.0.0.0/a",
    "https://[::1]/a",
    "https://[::]/a",
    "https://[fc00::1]/a",
    "https://user@10.0.0.1/a",
    "https://cdn.example.com@10.0.0.1/a",
    "https://cdn.example.com\\@10.0.0.1/a",
    # link-local and metadata
    "https://169.254.0.5/a",
    "http://169.254.169.254/latest/meta-data/iam/",
    "https://[fe80::1]/a",
    "https://[fd00:ec2::254]/a",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://metadata/a",
    "https://168.63.129.16/a",
    "https://100.100.100.200/a",
    # IPv4 inside of IPv6
    "https://[::ffff:127.0.0.1]/a",
    "https://[::ffff:a9fe:a9fe]/a",
    "https://[::ffff:10.0.0.1]/a",
    "https://[::7f00:1]/a",
    "https://[64:ff9b::169.254.169.254]/a",
    "https://[2002:7f00:1::]/a",
    # decimal, octal, hex, short
    "https://2130706433/a",
    "https://2852039166/a",
    "https://0177.0.0.1/a",
    "https://0x7f000001/a",
    "https://0xa9.0xfe.0xa9.0xfe/a",
    "https://127.1/a",
    "https://0/a",
)


@each_fetched
def test_case_092_addresses_that_lead_elsewhere(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order) as shop, touched() as watch:
        for count, url in enumerate(HOSTILE, 1):
            shop.output = url
            error = way.make(order, shop.url, tmp_path).failed(ResponseFormatError)
            assert error.job_id == ID, url
            assert "refused" in str(error) or "://" not in url, url  # that is not taken for an address at all
            assert (shop.posts, shop.polls, shop.fetched) == (count, count, [])
    watch.nothing_foreign()
    assert left_in(tmp_path) == []


@every_fetched
def test_case_092_no_address(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order) as shop, touched() as watch:
        for url in (None, ""):
            body = order.body("completed", url=url)
            shop._polls = [body]
            assert way.make(order, shop.url, tmp_path).failed(ResponseFormatError).job_id == ID
        assert (shop.posts, shop.fetched) == (2, [])
    watch.nothing_foreign()


@every_fetched
def test_case_092_behind_a_redirect(order: Order, way: Maker, tmp_path: Path) -> None:
    """The file's own host is trusted no more than the vendor."""
    for location in (
        "file:///etc/passwd",
        "http://169.254.169.254/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://2130706433/",
    ):
        with (
            Workshop(order, files=[answer(b"", status=302, headers={"location": location})]) as shop,
            touched() as watch,
        ):
            made = way.make(order, shop.url, tmp_path)
        if way.is_tool:
            assert "refused" in made.good().text
            assert ID in made.text
        else:
            assert made.failed(ResponseFormatError).job_id == ID
        assert (shop.posts, len(shop.fetched)) == (1, 1)
        watch.nothing_foreign()
    assert left_in(tmp_path) == []


@pytest.fixture
def rebound(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A name service that says what a test wants about `cdn.example.com`."""
    said: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host in {"cdn.example.com", b"cdn.example.com"}:
            families = [(socket.AF_INET6 if ":" in address else socket.AF_INET, address) for address in said]
            return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in families]
        return real(host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return said


@every_fetched
def test_case_092_a_name_that_stands_for_a_local_address(
    order: Order, way: Maker, tmp_path: Path, rebound: list[str]
) -> None:
    for addresses in (["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:169.254.169.254"], ["::1"]):
        rebound[:] = addresses
        with Workshop(order, output="https://cdn.example.com/a.mp4") as shop, touched() as watch:
            made = way.make(order, shop.url, tmp_path)
        if way.is_tool:
            assert "refused" in made.good().text
        else:
            error = made.failed(ResponseFormatError)
            assert error.job_id == ID
            assert "cdn.example.com" in str(error)
        assert (shop.posts, shop.fetched) == (1, [])
        assert watch.connected == {"127.0.0.1"}
    assert left_in(tmp_path) == []


POLL_URLS: tuple[Any, ...] = (
    "https://evil.example/api/v1/jobs/job-1",
    "http://127.0.0.1:1/jobs/job-1",
    "//evil.example/jobs/job-1",
    "///evil.example/jobs/job-1",
    "/\\evil.example/jobs/job-1",
    "\\\\evil.example\\jobs",
    "@evil.example/jobs/job-1",
    ":pw@evil.example/jobs/job-1",
    "https://api.binobox.ir@evil.example/jobs",
    ".evil.example/jobs/job-1",
    "/api/v1/../../admin",
    "/api/v1/jobs/..%2f..%2fadmin",
    "file:///etc/passwd",
    "",
    None,
    7,
    [],
    {},
)


@each_job
def test_case_094_a_poll_url_leads_nowhere(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order) as shop, touched() as watch:
        for count, poll_url in enumerate(POLL_URLS, 1):
            shop._start = [order.body("pending", poll_url=poll_url, url=poll_url, status_url=poll_url)]
            way.make(order, shop.url, tmp_path).good()
            assert (shop.posts, shop.polls) == (count, count)
            assert shop.polled[-1].path == shop.polled[0].path
            assert ID in shop.polled[-1].path
    watch.nothing_foreign()
    assert {seen.keys for seen in shop.polled} == {(fingerprint(KEYS[order.vendor]),)}


IDS = (
    "../usage",
    "..%2fusage",
    "a/b/c",
    "a?b=c&generation_id=d",
    "a#b",
    "@evil.example",
    "//evil.example/x",
    "a b",
    "é",
    "a\\b",
)


@each_job
def test_case_094_an_id_with_the_characters_of_a_path(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order) as shop, touched() as watch:
        for id in IDS:
            shop.id = id
            way.make(order, shop.url, tmp_path).good()
            path = shop.polled[-1].path
            assert path.count("/") == {"binobox": 2}.get(order.vendor, 3), path
            last = path.rpartition("/")[2].rpartition("generation_id=")[2]
            assert last.replace("+", "%20") == quote(id, safe=""), path
    watch.nothing_foreign()


@every_job
def test_case_094_an_id_may_be_a_number(order: Order, way: Maker, tmp_path: Path) -> None:
    for id in (12345, 0, 2**63):
        with Workshop(order, id=id) as shop:
            way.make(order, shop.url, tmp_path).good()
        assert str(id) in shop.polled[0].path


@each_job
def test_case_094_an_id_that_is_none(order: Order, way: Maker, tmp_path: Path) -> None:
    ids: tuple[Any, ...] = (
        "",
        " ",
        None,
        True,
        1.5,
        [],
        {},
        ".",
        "..",
        "a\nb",
        "a\x00b",
        "x" * 501,
        "x" * 5_000_000,
        "\ud800",
    )
    for id in ids:
        with Workshop(order, start=[answer(text_of(order.body("pending", id=id)))]) as shop:
            error = way.make(order, shop.url, tmp_path).failed(ResponseFormatError)
        assert (shop.posts, shop.polls) == (1, 0)
        assert error.outcome_unknown
        assert len(str(error)) < 3_000


@every_job
def test_case_095_completed_in_the_answer_to_the_start(
    order: Order, way: Maker, tmp_path: Path, waits: list[float]
) -> None:
    with Workshop(order, start=["completed"]) as shop:
        is_there(way.make(order, shop.url, tmp_path), order, tmp_path)
    assert (shop.posts, shop.polls, waits) == (1, 0, [])


@every_job
def test_case_095_failed_in_the_answer_to_the_start(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order, start=[order.body("failed", error={"message": "refused by a filter"})]) as shop:
        error = way.make(order, shop.url, tmp_path).failed(JobFailedError)
    assert (shop.posts, shop.polls) == (1, 0)
    assert error.job_id == ID
    assert "refused by a filter" in str(error)


# ------------------------------------------------------------------------------------------------ agents that come back later


def agents(order: Order, url: str, folder: Path) -> list[Any]:
    """`call(tool, **arguments)` in the ways of both frameworks, each with its own memory of what it started."""
    from langchain_multiapi import MultiApiToolkit
    from llamaindex_multiapi import MultiApiToolSpec

    settings: dict[str, Any] = {"api_key": KEYS[order.vendor], "base_url": url, "output_dir": folder}
    kit = {tool.name: tool for tool in MultiApiToolkit(provider=order.vendor, **settings).get_tools()}
    spec = {tool.metadata.name: tool for tool in MultiApiToolSpec(order.vendor, **settings).to_tool_list()}

    def langchain(tool: str, **arguments: Any) -> str:
        asked = {"type": "tool_call", "id": "1", "name": tool, "args": arguments}
        return str(kit[tool].invoke(asked).content)

    def langchain_async(tool: str, **arguments: Any) -> str:
        asked = {"type": "tool_call", "id": "1", "name": tool, "args": arguments}
        return str(asyncio.run(kit[tool].ainvoke(asked)).content)

    def llamaindex(tool: str, **arguments: Any) -> str:
        try:
            return str(spec[tool].call(**arguments).content)
        except MultiApiError as error:
            return str(error)

    def llamaindex_async(tool: str, **arguments: Any) -> str:
        try:
            return str(asyncio.run(spec[tool].acall(**arguments)).content)
        except MultiApiError as error:
            return str(error)

    return [langchain, langchain_async, llamaindex, llamaindex_async]


every_maker_of_films = pytest.mark.parametrize("order", [BINOBOX_FILM, AIMLAPI_FILM], ids=str)


@every_maker_of_films
def test_case_095_a_film_that_is_only_started_and_has_ended_already(order: Order, tmp_path: Path) -> None:
    with Workshop(order, start=["completed"]) as shop:
        for count, call in enumerate(agents(order, shop.url, tmp_path), 1):
            assert "video was saved as video-" in call("start_video", prompt="a cat")
            assert (shop.posts, shop.polls, len(shop.fetched)) == (count, 0, count)
    with Workshop(order, start=[order.body("failed", error="refused by a filter")]) as shop:
        for call in agents(order, shop.url, tmp_path):
            text = call("start_video", prompt="a cat")
            assert "refused by a filter" in text
            assert ID in text
        assert (shop.posts, shop.polls) == (4, 0)


@every_maker_of_films
def test_case_096_a_film_that_could_not_be_fetched_is_asked_for_again(order: Order, tmp_path: Path) -> None:
    """Links expire; the job knows a new one, and is not ordered again."""
    with Workshop(order) as shop:
        for count, call in enumerate(agents(order, shop.url, tmp_path), 1):
            shop._files = [status(403)]
            text = call("generate_video", prompt="a cat")
            assert "links expire" in text
            assert ID in text
            shop._files = [answer(order.file)]
            assert "video was saved as video-" in call("check_job", job_id=ID)
            assert shop.posts == count
            assert shop.polled[-1].path == shop.polled[-2].path


# ------------------------------------------------------------------------------------------------ redirects

TARGETS = (
    "http://127.0.0.1:1/jobs/job-1",
    "https://evil.example/x",
    "//evil.example/x",
    "/elsewhere",
    "file:///etc/passwd",
    "",
)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@each_job
def test_case_094_a_redirect_of_a_start_or_of_a_question_is_not_followed(
    order: Order, way: Maker, code: int, tmp_path: Path
) -> None:
    for target in TARGETS:
        moved = answer(b"", status=code, headers={"location": target})
        with Workshop(order, polls=[moved]) as shop, touched() as watch:
            error = way.make(order, shop.url, tmp_path).failed(StatusError)
        assert (error.status, error.job_id) == (code, ID)
        assert (shop.posts, shop.polls, shop.count) == (1, 1, 2)
        watch.nothing_foreign()
    with Workshop(order, start=[moved]) as shop, touched() as watch:
        assert way.make(order, shop.url, tmp_path).failed(StatusError).status == code
    assert shop.count == 1
    watch.nothing_foreign()


# ------------------------------------------------------------------------------------------------ what else is started

STARTS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "a batch": (
        "create_batch",
        (BatchRequest(requests={"1": ChatRequest(model="m", messages=[Message("user", "hi")])}),),
    ),
    "a film on the older route": (
        "legacy",
        (
            "create_video_legacy",
            LegacyRequest(ids={"vendor": "kling"}, body={"model": "kling-video/v1", "prompt": "x"}),
        ),
    ),
    "a run": ("legacy", ("create_thread_and_run", LegacyRequest(body={"assistant_id": "a"}))),
    "a transcription that is waited for": (
        "legacy",
        ("transcribe_sync", LegacyRequest(body={"model": "#g1_whisper-base"}, file=AUDIO)),
    ),
}


@pytest.mark.parametrize("fault", [fault for fault in UNCERTAIN if fault not in {"no id", "a list"}])
@pytest.mark.parametrize("what", list(STARTS))
def test_case_083_whatever_else_is_started_is_one_post(what: str, fault: str) -> None:
    name, arguments = STARTS[what]
    play, kind = UNCERTAIN[fault]
    settings: dict[str, Any] = {"api_key": KEYS["aimlapi"], **HASTY.get(fault, {})}
    for is_async in (False, True):
        with HostileServer(play) as server, pytest.raises(kind) as raised:
            if is_async:
                asyncio.run(getattr(AsyncClient("aimlapi", base_url=server.url, **settings), name)(*arguments))
            else:
                getattr(Client("aimlapi", base_url=server.url, **settings), name)(*arguments)
        assert server.count == 1
        assert raised.value.outcome_unknown
        assert not raised.value.retryable
