"""Files and answers about jobs from somebody who means harm, and machines on a bad day: what the list of cases does not name."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import signal
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import (
    JobTimeoutError,
    MultiApiError,
    RequestTimeoutError,
    ResponseFormatError,
    ResponseTooLargeError,
)
from multiapi.flows import jobs
from multiapi.sending.waiting import Waiting, set_waiting
from multiapi.types.limits import Timeout
from multiapi.types.media import Media, PartialFile
from multiapi.types.media_results import MediaResult
from tests.reliability.hostile_server import HostileServer, answer, head_bytes, raw, silence
from tests.reliability.making import (
    AIMLAPI_FILM,
    BINOBOX_FILM,
    CORE,
    ID,
    JOBS,
    MAKERS,
    MP4,
    PICTURES,
    PNG,
    Maker,
    Order,
    Workshop,
    each_fetched,
    each_job,
    every,
    left_in,
)

KEY = "sk-0123456789abcdef"


def fetch(way: str, url: str, method: str, *arguments: Any, **options: Any) -> Any:
    """A call of the core's client, in either way."""
    settings = {"api_key": KEY, "base_url": url, **options.pop("settings", {})}
    if way == "sync":
        return getattr(Client("binobox", **settings), method)(*arguments, **options)
    return asyncio.run(getattr(AsyncClient("binobox", **settings), method)(*arguments, **options))


both_ways = pytest.mark.parametrize("way", ["sync", "async"])

# ------------------------------------------------------------------------------------------------ time


@each_fetched
def test_a_dripping_file_ends_at_the_total_limit(order: Order, way: Maker, tmp_path: Path) -> None:
    head = head_bytes(200, {"content-length": "100000", "content-type": "video/mp4"})
    with Workshop(order, files=[raw(head + order.file, *[b"x"] * 100, pause_s=0.05)]) as shop:
        made = way.make(order, shop.url, tmp_path, timeout=Timeout(read=5, total=0.6))
    if way.is_tool:
        assert "could not be fetched" in made.good().text
    else:
        error = made.failed(RequestTimeoutError)
        assert (error.phase, error.job_id) == ("total", ID)
    assert left_in(tmp_path) == []
    assert (shop.posts, len(shop.fetched)) == (1, 1)


@each_job
def test_a_dripping_answer_about_a_job_ends_with_the_wait(
    order: Order, way: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is bounded also where the total limit of a call is long."""
    monkeypatch.setattr(jobs, "SHORTEST_LOOK_S", 0.2)
    monkeypatch.setattr(jobs, "FIRST_PAUSE_S", 0.1)
    set_waiting(Waiting())
    head = head_bytes(200, {"content-length": "100000", "content-type": "application/json"})
    with Workshop(order, polls=[raw(head, *[b" "] * 400, pause_s=0.02)]) as shop:
        made = way.make(order, shop.url, tmp_path, timeout_s=0.4, timeout=Timeout(read=5))
    assert shop.posts == 1
    if made.error is None:
        assert ID in made.text
        assert "still being made" in made.text
    else:
        assert made.failed(JobTimeoutError).job_id == ID


def test_a_film_that_came_late_still_has_its_own_time_to_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SHORTEST_LOOK_S", 0.1)
    monkeypatch.setattr(jobs, "FIRST_PAUSE_S", 0.3)
    set_waiting(Waiting())
    slow = raw(head_bytes(200, {"content-length": str(len(MP4))}), *[MP4[:100]] * 4, MP4[400:], pause_s=0.1)
    file = MP4[:100] * 4 + MP4[400:]
    for way in MAKERS[2:4]:
        with Workshop(BINOBOX_FILM, files=[slow]) as shop:
            made = way.make(BINOBOX_FILM, shop.url, tmp_path, timeout_s=0.3).good()
        assert made.path is not None
        assert made.path.read_bytes() == file
        assert made.seconds > 0.6


# ------------------------------------------------------------------------------------------------ bodies


@both_ways
def test_what_follows_a_file_is_not_taken_for_the_next_answer(way: str, tmp_path: Path) -> None:
    """An answer that is longer than it says would otherwise speak for the vendor."""
    smuggled = (
        head_bytes(200, {"content-type": "application/json", "content-length": "22"}) + b'{"balance_remaining":9}'
    )
    file = raw(head_bytes(200, {"content-length": str(len(MP4))}) + MP4 + smuggled, then="keep")
    with HostileServer(file, answer({"balance_remaining": 1})) as server:

        async def awaited() -> Any:
            client = AsyncClient("binobox", api_key=KEY, base_url=server.url)
            await client.save(f"{server.url}/files/a", tmp_path / "a.mp4")
            return await client.balance()

        if way == "sync":
            client = Client("binobox", api_key=KEY, base_url=server.url)
            client.save(f"{server.url}/files/a", tmp_path / "a.mp4")
            balance = client.balance()
        else:
            balance = asyncio.run(awaited())
    assert balance.amount == 1
    assert server.count == 2
    assert (tmp_path / "a.mp4").read_bytes() == MP4


@both_ways
@pytest.mark.parametrize("method", ["save", "download"])
def test_a_compression_bomb_as_a_file(way: str, method: str, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    with HostileServer(answer(bomb, type="video/mp4", headers={"content-encoding": "gzip"})) as server:
        media = MediaResult(url=f"{server.url}/files/a", job_id=ID)
        where = (tmp_path / "a.mp4",) if method == "save" else ()
        tracemalloc.start()
        try:
            with pytest.raises(ResponseTooLargeError) as raised:
                fetch(way, server.url, method, media, *where, max_bytes=5_000_000)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert raised.value.job_id == ID
    assert peak < 20_000_000
    assert list(tmp_path.iterdir()) == []
    assert server.count == 1


@both_ways
def test_a_range_that_nobody_asked_for_is_no_file(way: str, tmp_path: Path) -> None:
    part = answer(MP4[:500], status=206, headers={"content-range": f"bytes 0-499/{len(MP4)}", "accept-ranges": "bytes"})
    with HostileServer(part) as server:
        with pytest.raises(MultiApiError):
            fetch(way, server.url, "save", f"{server.url}/files/a", tmp_path / "a.mp4")
        assert "range" not in server.requests[0].headers
    assert list(tmp_path.iterdir()) == []


@every(PICTURES[:1], MAKERS[2:])
def test_an_agent_does_not_fetch_without_end(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order, files=[answer(PNG, type="image/png")]) as shop:
        shop._start = [{"data": [{"url": f"{shop.url}/files/{number}"} for number in range(500)]}]
        made = way.make(order, shop.url, tmp_path).good()
    assert len(shop.fetched) == len(left_in(tmp_path)) == 32
    assert "468 more" in made.text
    assert len(made.text) < 3_000
    assert len(made.value) == 500


@every(JOBS, CORE)
def test_an_answer_to_a_start_that_is_huge(order: Order, way: Maker, tmp_path: Path) -> None:
    with Workshop(order, start=[order.body("pending", note="x" * 2_000_000)]) as shop:
        way.make(order, shop.url, tmp_path).good()
    assert (shop.posts, shop.polls) == (1, 1)


# ------------------------------------------------------------------------------------------------ the disk


@contextlib.contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """No file of this process may grow above a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


surplus = pytest.mark.parametrize("surplus", [500, 100_000], ids=["when it is closed", "while it is written"])


@surplus
@both_ways
def test_a_full_disk_is_the_systems_own_error(way: str, surplus: int, tmp_path: Path) -> None:
    with HostileServer(answer(MP4 + bytes(surplus), type="video/mp4")) as server:
        with disk_with_room_for(1_000), pytest.raises(OSError, match="too large"):
            fetch(way, server.url, "save", f"{server.url}/files/a", tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


@surplus
@every([BINOBOX_FILM, AIMLAPI_FILM], MAKERS[2:])
def test_a_full_disk_loses_an_agent_no_film(order: Order, way: Maker, surplus: int, tmp_path: Path) -> None:
    with Workshop(order, files=[answer(MP4 + bytes(surplus), type="video/mp4")]) as shop:
        with disk_with_room_for(len(MP4)):
            made = way.make(order, shop.url, tmp_path).good()
    assert "the disk refused it" in made.text
    assert ID in made.text
    assert str(tmp_path) not in made.text
    assert made.value.url
    assert left_in(tmp_path) == []
    assert shop.posts == 1


def test_many_downloads_to_one_place(tmp_path: Path) -> None:
    """The file is always one of them, whole."""
    bodies = [bytes([number]) * 300_000 for number in range(8)]
    target, stop, wrong = tmp_path / "a.bin", threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            with contextlib.suppress(FileNotFoundError):
                if target.read_bytes() not in bodies:
                    wrong.append("half a file")

    def route(seen: Any) -> Any:
        return answer(bodies[int(seen.path.rpartition("/")[2])], type="application/octet-stream")

    with HostileServer(route=route) as server:
        looking = threading.Thread(target=look)
        looking.start()

        async def all_at_once() -> None:
            client = AsyncClient("binobox", api_key=KEY, base_url=server.url)
            await asyncio.gather(*(client.save(f"{server.url}/files/{number}", target) for number in range(8)))

        client = Client("binobox", api_key=KEY, base_url=server.url)
        threads = [
            threading.Thread(target=client.save, args=(f"{server.url}/files/{number}", target)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        asyncio.run(all_at_once())
        for thread in threads:
            thread.join()
        stop.set()
        looking.join()
    assert wrong == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@both_ways
def test_a_link_at_the_target_is_replaced_and_not_followed(way: str, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "a.mp4").symlink_to(tmp_path / "victim")
    with HostileServer(answer(MP4, type="video/mp4")) as server:
        fetch(way, server.url, "save", f"{server.url}/files/a", tmp_path / "a.mp4")
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "a.mp4").is_symlink()
    assert (tmp_path / "a.mp4").read_bytes() == MP4


@every([BINOBOX_FILM], MAKERS[2:])
def test_a_folder_that_becomes_a_link_later_does_not_lead_an_agent_away(
    order: Order, way: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is looked up once, when the tools are made."""
    from multiapi.agent_tools import Toolbox

    (tmp_path / "real").mkdir()
    (tmp_path / "evil").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    run = Toolbox.run

    def run_later(self: Toolbox, *arguments: Any) -> Any:
        (tmp_path / "out").unlink()
        (tmp_path / "out").symlink_to(tmp_path / "evil")
        return run(self, *arguments)

    monkeypatch.setattr(Toolbox, "run", run_later)
    with Workshop(order) as shop:
        made = way.make(order, shop.url, tmp_path).good()
    assert made.path is not None
    assert made.path.parent == (tmp_path / "real").resolve()
    assert list((tmp_path / "evil").iterdir()) == []


def test_a_file_that_is_opened_after_it_was_given_up_is_not_there(tmp_path: Path) -> None:
    """As when a task is cancelled while a thread is about to open its file."""
    partial = PartialFile(tmp_path)
    with pytest.raises(KeyboardInterrupt), partial:
        raise KeyboardInterrupt
    with pytest.raises(FileNotFoundError):
        partial.open()
    assert list(tmp_path.iterdir()) == []
    opened = PartialFile(tmp_path)
    with pytest.raises(KeyboardInterrupt), opened:
        file = opened.open()
        file.write(b"half")
        raise KeyboardInterrupt
    assert file.closed
    with pytest.raises(FileNotFoundError):
        opened.finish(tmp_path / "a", "file", ".bin", into_folder=False)
    assert list(tmp_path.iterdir()) == []


async def test_saves_that_are_cancelled_at_any_time_leave_nothing_behind(tmp_path: Path) -> None:
    with HostileServer(answer(MP4 + bytes(200_000), type="video/mp4")) as server:
        client = AsyncClient("binobox", api_key=KEY, base_url=server.url)
        for step in range(60):
            task = asyncio.create_task(client.save(f"{server.url}/files/a", tmp_path / f"{step}.mp4"))
            await asyncio.sleep(step * 0.0002)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.1)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert {path.stat().st_size for path in tmp_path.iterdir()} <= {len(MP4) + 200_000}


async def test_an_agent_that_is_cancelled_while_it_waits_asks_no_more(tmp_path: Path) -> None:
    from langchain_multiapi import MultiApiToolkit

    set_waiting(Waiting())
    with Workshop(AIMLAPI_FILM, polls=["pending"]) as shop:
        kit = MultiApiToolkit(provider="aimlapi", api_key=KEY, base_url=shop.url, include=["generate_video"])
        (tool,) = kit.get_tools()
        task = asyncio.create_task(tool.ainvoke({"prompt": "a cat"}))
        until = time.monotonic() + 5
        while not kit.toolbox.started and time.monotonic() < until:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (shop.posts, shop.polls) == (1, 0)
        assert list(kit.toolbox.started) == [ID]


@both_ways
def test_media_that_was_saved_can_be_saved_again_and_never_half(way: str, tmp_path: Path) -> None:
    picture = Media.from_bytes(PNG)
    with HostileServer(silence()) as server, disk_with_room_for(100):
        for target in (tmp_path, tmp_path / "a.png"):
            with pytest.raises(OSError, match="too large"):
                fetch(way, server.url, "save", picture, target)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ResponseFormatError):
        fetch(way, "http://127.0.0.1:9", "save", "http://169.254.169.254/x", tmp_path / "a.png")
