"""A job on Ray: workers are actors, and one owner actor on the driver's node holds ledger, budget and limits for all of them.

The owner belongs to the driver and ends with it; a worker whose owner does not answer within two seconds cuts off what it has under way,
so that nothing is paid for after the driver's death. Retries of Ray are harmless: rows are found in the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from multiapi._package import install
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.owner import Answer, Ended, Money, Owner, Wanted
from multiapi.bulk.row_files import MissingExtraError
from multiapi.bulk.rows import InputRow, read_rows
from multiapi.bulk.wallet import Wallet, balance_of
from multiapi.bulk.window import Window
from multiapi.bulk.worker import Worker
from multiapi.errors import InvalidRequestError

if TYPE_CHECKING:
    from multiapi.bulk.report import Report

FED_ROWS = 256
BEAT_S = 0.5
OWNER_ANSWERS_IN_S = 1.5
"""With the pause between two signs of life, two seconds: after the death of the driver nothing is sent later than that."""
SIGN_S = 0.25
DRIVER_SILENT_S = 1.0
"""Without a sign of life of the driver for so long, no call leaves until there is one."""
DEFAULT_WORKERS = 2
OWNER_GONE = "owner gone"


def ray_module() -> Any:
    """Return Ray.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import ray  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        raise MissingExtraError(f"engine='ray' needs Ray; {install('ray')}") from None
    return ray


@dataclass(frozen=True, slots=True)
class Plan:
    """What workers and owner need to know of a job; no key is in it."""

    folder: str
    facts: Mapping[str, str]
    source: str
    task: Any
    id_column: str | None
    base_url: str | None
    timeout: Any
    limits: Any
    default_headers: Mapping[str, str] | None
    tries: int
    window: int
    durable: str
    take_over: bool
    retry: str | None
    money: Money


class OwnerActor:
    """The owner as an actor: also hands out the rows of the input."""

    def __init__(self, plan: Plan) -> None:
        from multiapi.sending.limiter import documented_limiter

        self._plan = plan
        self._began = time.monotonic()
        self.ledger = Ledger(plan.folder, plan.facts, durable=plan.durable, take_over=plan.take_over)  # type: ignore[arg-type]
        limiter = documented_limiter(plan.task.provider, hash(plan.base_url))
        wallet = None
        if plan.money.by_wallet:
            from multiapi.client.client import AsyncClient

            asker = AsyncClient(plan.task.provider, base_url=plan.base_url, timeout=plan.timeout, limiter=limiter)
            wallet = Wallet(balance_of(asker))
        self._owner = Owner(self.ledger, plan.money, limiter=limiter, wallet=wallet)
        self._rows = read_rows(plan.source)
        self._reads_again = False
        self._driver_seen = time.monotonic()

    async def driver_lives(self) -> None:
        """Take a sign of life of the driver."""
        self._driver_seen = time.monotonic()

    async def feed(self, worker: str) -> list[InputRow]:
        """Return the next rows of the input; none at its end.

        After a worker's death the input is read once more: what it was given and had not sent is free in the ledger, all else is found there.
        """
        self._owner.seen(worker)
        rows = list(itertools.islice(self._rows, FED_ROWS))
        if not rows and self._reads_again:
            self._reads_again = False
            self._rows = read_rows(self._plan.source)
            rows = list(itertools.islice(self._rows, FED_ROWS))
        return rows

    async def occurrences(self, worker: str, rows: Sequence[tuple[bytes, int]]) -> list[int]:
        return await self._owner.occurrences(worker, rows)

    async def look_up(self, worker: str, rows: Sequence[tuple[bytes, str, int]]) -> list[bool]:
        return await self._owner.look_up(worker, rows)

    async def fail_unsent(self, worker: str, rows: Sequence[tuple[bytes, str, int, str, str]]) -> None:
        await self._owner.fail_unsent(worker, rows)

    async def claim(self, worker: str, rows: Sequence[Wanted]) -> Answer:
        return await self._owner.claim(worker, rows)

    async def split(self, worker: str, call: int, parts: Sequence[Sequence[bytes]]) -> list[tuple[int, str]]:
        return await self._owner.split(worker, call, parts)

    async def leaving(self, worker: str, call: int, wait_s: float | None) -> None:
        while time.monotonic() - self._driver_seen > DRIVER_SILENT_S:  # noqa: ASYNC110 (gone, and so is this soon; or slow)
            await asyncio.sleep(0.05)
        await self._owner.leaving(worker, call, wait_s)

    async def settle(self, worker: str, ended: Sequence[Ended]) -> str:
        return await self._owner.settle(worker, ended)

    async def give_up(self, worker: str, call: int, left: bool) -> None:
        await self._owner.give_up(worker, call, left=left)

    async def head(self, call: int, status: int, headers: Mapping[str, str], accepted: bool) -> None:
        self._owner.head(call, status, headers, accepted=accepted)

    async def put_back(self, call: int) -> None:
        self._owner.put_back(call)

    async def arrived(self, call: int) -> None:
        self._owner.arrived(call)

    async def beat(self, worker: str) -> str:
        return await self._owner.beat(worker)

    async def gone(self, worker: str) -> None:
        """Take what a dead worker had."""
        self._owner.gone(worker)
        self._reads_again = True
        await self._owner.saved()

    async def stop(self, why: str) -> None:
        self._owner.stop(why)

    async def finish(self) -> tuple[Any, str]:
        """Close the books; return the report and the folder's state."""
        from multiapi.bulk.report import report_of

        await self._owner.measured()
        self._owner.close()
        report = report_of(self.ledger, self._owner, time.monotonic() - self._began)
        self.ledger.close()
        return report, self._owner.stopped


class RemoteBooks:
    """The owner as a worker sees it."""

    def __init__(self, actor: Any, name: str) -> None:
        self._actor = actor
        self._name = name

    async def occurrences(self, worker: str, rows: Sequence[tuple[bytes, int]]) -> list[int]:
        return list(await self._actor.occurrences.remote(worker, rows))

    async def look_up(self, worker: str, rows: Sequence[tuple[bytes, str, int]]) -> list[bool]:
        return list(await self._actor.look_up.remote(worker, rows))

    async def fail_unsent(self, worker: str, rows: Sequence[tuple[bytes, str, int, str, str]]) -> None:
        await self._actor.fail_unsent.remote(worker, rows)

    async def claim(self, worker: str, rows: Sequence[Wanted]) -> Answer:
        found: Answer = await self._actor.claim.remote(worker, rows)
        return found

    async def split(self, worker: str, call: int, parts: Sequence[Sequence[bytes]]) -> list[tuple[int, str]]:
        return list(await self._actor.split.remote(worker, call, parts))

    async def leaving(self, worker: str, call: int, wait_s: float | None = None) -> None:
        await self._actor.leaving.remote(worker, call, wait_s)

    async def settle(self, worker: str, ended: Sequence[Ended]) -> str:
        return str(await self._actor.settle.remote(worker, ended))

    async def give_up(self, worker: str, call: int, *, left: bool) -> None:
        with contextlib.suppress(Exception):  # the owner may be gone; then its next start finds the rows as they were
            await asyncio.wait_for(self._actor.give_up.remote(worker, call, left), OWNER_ANSWERS_IN_S)

    def head(self, call: int, status: int, headers: Mapping[str, str], *, accepted: bool = False) -> None:
        self._actor.head.remote(call, status, dict(headers), accepted)

    def put_back(self, call: int) -> None:
        self._actor.put_back.remote(call)

    def arrived(self, call: int) -> None:
        self._actor.arrived.remote(call)


class WorkerActor:
    """One worker process: one window, one event loop, one client."""

    def __init__(self, plan: Plan, owner: Any, name: str) -> None:
        self._plan = plan
        self._owner = owner
        self._name = f"{name}@{socket.gethostname()}:{os.getpid()}"

    async def name(self) -> str:
        """Return the name under which the owner knows it."""
        return self._name

    async def work(self) -> str:
        """Work until the input is at its end; return why it stopped."""
        from multiapi.client.client import AsyncClient
        from multiapi.flows.steps import Policy

        plan = self._plan

        def make_client(limiter: Any) -> Any:
            return AsyncClient(
                plan.task.provider,
                base_url=plan.base_url,
                timeout=plan.timeout,
                limits=plan.limits,
                default_headers=plan.default_headers,
                policy=Policy(max_retries=2),
                limiter=limiter,
            )

        books = RemoteBooks(self._owner, self._name)
        worker = Worker(
            books,
            plan.task,
            make_client,
            name=self._name,
            id_column=plan.id_column,
            window=Window(plan.window),
            tries=plan.tries,
        )
        running = asyncio.ensure_future(worker.run(self._rows()))
        beating = asyncio.ensure_future(self._beat(worker))
        try:
            await asyncio.wait({running, beating}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():  # the owner is gone
                running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            beating.cancel()
        return worker.stopped

    async def _rows(self) -> AsyncIterator[InputRow]:
        while rows := await self._owner.feed.remote(self._name):
            for row in rows:
                yield row

    async def _beat(self, worker: Worker) -> None:
        """Give a sign of life; end when the owner does not answer."""
        while True:
            try:
                why = await asyncio.wait_for(self._owner.beat.remote(self._name), OWNER_ANSWERS_IN_S)
            except Exception:
                worker.stop(OWNER_GONE)
                return
            if why:
                worker.stop(why)
            await asyncio.sleep(BEAT_S)


def run_on_ray(plan: Plan, workers: int) -> Report:
    """Run a job on the cluster of `ray.init()`."""
    ray = ray_module()
    if not ray.is_initialized():
        ray.init()
    here = ray.get_runtime_context().get_node_id()
    at_home = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
    owner = (
        ray.remote(OwnerActor)
        .options(num_cpus=0, max_concurrency=1000, scheduling_strategy=at_home, max_restarts=0)
        .remote(plan)
    )
    make = ray.remote(WorkerActor).options(num_cpus=1, max_concurrency=4, max_restarts=0)
    actors = [make.remote(plan, owner, f"worker-{number}") for number in range(workers)]
    names = dict(zip(actors, ray.get([each.name.remote() for each in actors]), strict=True))
    working = {actor.work.remote(): actor for actor in actors}
    over: list[bool] = []
    threading.Thread(target=_give_signs, args=(owner, over), name="multiapi-bulk-driver", daemon=True).start()
    try:
        while working:
            ended, _ = ray.wait(list(working), num_returns=1)
            for each in ended:
                actor = working.pop(each)
                if not _is_lost(ray, each):
                    continue
                ray.get(owner.gone.remote(names[actor]))  # what it had goes back
                if not _is_over(ray, owner):
                    again = make.remote(plan, owner, f"worker-{len(names)}")
                    names[again] = ray.get(again.name.remote())
                    working[again.work.remote()] = again
        report: Report
        report, _ = ray.get(owner.finish.remote())
    except KeyboardInterrupt:
        ray.get(owner.stop.remote("interrupted"))
        ray.wait(list(working), num_returns=len(working), timeout=60)
        report, _ = ray.get(owner.finish.remote())
    except BaseException:
        with contextlib.suppress(Exception):  # what went wrong first is told
            ray.get(owner.stop.remote("error"))
            ray.wait(list(working), num_returns=len(working), timeout=60)
            ray.get(owner.finish.remote(), timeout=60)
        raise
    finally:
        over.append(True)
        for actor in [*names, owner]:
            ray.kill(actor)
    return report


def _give_signs(owner: Any, over: list[bool]) -> None:
    """Tell the owner that the driver lives, until the job is over."""
    while not over:
        owner.driver_lives.remote()
        time.sleep(SIGN_S)


def _is_lost(ray: Any, work: Any) -> bool:
    """Whether a worker ended before its rows did: its process died, or it missed the owner, who is there."""
    try:
        return bool(ray.get(work) == OWNER_GONE)
    except ray.exceptions.RayActorError:
        return True


def _is_over(ray: Any, owner: Any) -> bool:
    return bool(ray.get(owner.beat.remote("driver")))


def check_key(api_key: Any) -> None:
    """Refuse a key that would travel in a pickle.

    Raises:
        InvalidRequestError: It is given as text.
    """
    if api_key is not None:
        raise InvalidRequestError(
            "with engine='ray' a key must not travel: set the provider's environment variable on the workers instead of api_key=..."
        )
