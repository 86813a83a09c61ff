"""A job: the same call for very many rows, which no crash, limit or refusal makes lose rows or pay for them twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from multiapi.bulk.entries import State, nano
from multiapi.bulk.estimates import Estimate, estimate
from multiapi.bulk.interrupts import Interrupts
from multiapi.bulk.ledger import Ledger
from multiapi.bulk.media_tasks import MediaTask
from multiapi.bulk.output import Output, failed_rows_of
from multiapi.bulk.owner import Money, Owner
from multiapi.bulk.reconcile import can_reconcile, reconcile
from multiapi.bulk.report import Report, report_of
from multiapi.bulk.row_files import kind_of, pyarrow
from multiapi.bulk.rows import InputRow, aread_rows, read_rows
from multiapi.bulk.tasks import Function, Task, prepared_row
from multiapi.bulk.wallet import Wallet, balance_of
from multiapi.bulk.window import MOST, Window
from multiapi.bulk.worker import MarkingLimiter, Worker
from multiapi.bulk.writers import open_writer
from multiapi.errors import InvalidRequestError, MultiApiError, UnsupportedError
from multiapi.money.prices import PRICE_BOOK, TokenPrices
from multiapi.money.units import parse_amount

if TYPE_CHECKING:
    from multiapi.bulk.wrapped import WrappedCall

logger = logging.getLogger("multiapi")

HEAD_ROWS = 20
"""Rows that are looked at before a job begins."""


Source = str | Path | Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkProgress:
    """How far a job is."""

    done: int
    failed: int
    unknown: int
    read: int
    under_way: int
    window: int
    refused: int
    spent: Decimal
    unit: str | None
    seconds: float
    rows_per_s: float


@dataclass
class BulkJob:
    """One call for each row of an input.

        job = BulkJob("reviews.jsonl", "labels.jsonl", Chat("aimlapi:openai/gpt-4o-mini", prompt="Label: {text}"), id="review_id")
        print(job.run())

    A row whose request may have been carried out is never sent again unless you say so (`retry="unknown"`).

    Args:
        source: A file (.jsonl, .jsonl.gz, .csv, .parquet), or any iterable or async iterable of mappings.
        output: A file (.jsonl, .jsonl.gz, .parquet); None: read the rows by `results()`.
        task: What is done with a row.
        id: The column that names a row; None: its request, and how often that came before.
        budget: Like "20 USD", in the provider's own unit.
        window: Calls at once at most; None: the documented cap, else up to 64, adapted to what the provider lets through.
        ordered: Whether the output keeps the order of the input.
        ledger_dir: Where the ledger is; None: the output's name and `.job` beside it.
        durable: "power" survives a loss of power too.
        tries: Calls of a row at most.
        max_cost_per_row: Reserved for each row where no price is known, like "0.02 USD".
        on_progress: Called with a `BulkProgress`, about once a second.
        take_over: Take over a folder that a job on another machine had.
        mode: "batch" uses the provider's own batches at half price (AI/ML API, Claude models); what a batch refuses is sent as calls.
        batch_rows: Rows of a batch. An order whose answer is lost costs up to this many rows.

    Raises:
        InvalidRequestError: An argument cannot be right; nothing was sent.
    """

    source: Source
    output: str | Path | None
    task: Task
    id: str | None = None
    budget: str | Decimal | None = None
    window: int | None = None
    ordered: bool | None = None
    api_key: Any = field(default=None, repr=False)
    base_url: str | None = None
    timeout: Any = None
    limits: Any = None
    default_headers: Mapping[str, str] | None = field(default=None, repr=False)
    http_client: Any = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    trust_env: bool = True
    ledger_dir: str | Path | None = None
    durable: Literal["process", "power"] = "process"
    on_progress: Callable[[BulkProgress], None] | None = field(default=None, repr=False)
    tries: int = 5
    max_cost_per_row: str | None = None
    prices: TokenPrices | None = None
    take_over: bool = False
    mode: Literal["calls", "batch"] = "calls"
    batch_rows: int = 1_000
    sleep: Callable[[float], Any] = field(default=asyncio.sleep, repr=False)

    def __post_init__(self) -> None:
        if self.output is not None:
            self.output = Path(self.output)
            if kind_of(self.output) == "parquet":
                pyarrow()
            elif kind_of(self.output) == "csv":
                open_writer(self.output)
            if isinstance(self.source, str | Path):
                for written_to in (self.output, failed_rows_of(self.output)):
                    if _is_same(Path(self.source), written_to):
                        raise InvalidRequestError(f"{written_to.name} is the input; write to another file")
            if self.output.is_dir():
                raise InvalidRequestError(f"{self.output.name} is a folder; name a file")
        if self.ledger_dir is None and self.output is None:
            raise InvalidRequestError("without an output, say where the ledger is to be: ledger_dir=...")
        self.folder = Path(self.ledger_dir) if self.ledger_dir is not None else Path(f"{self.output}.job")
        if isinstance(self.task, MediaTask) and self.task.output_dir is None:
            beside = self.folder / "files" if self.output is None else Path(f"{self.output}.files")
            self.task.output_dir = beside.absolute()
        if self.window is not None and self.window < 1:
            raise InvalidRequestError(f"window must be 1 or more, not {self.window}")
        if self.tries < 1:
            raise InvalidRequestError(f"tries must be 1 or more, not {self.tries}")
        if self.mode not in ("calls", "batch"):
            raise InvalidRequestError(f"mode must be 'calls' or 'batch', not {self.mode!r}")
        if self.mode == "batch":
            from multiapi.bulk.vendor_batches import check_batches

            check_batches(self.task, self.batch_rows)
        self._check_head()
        provider = self.task.provider
        self._cap: int | None = None
        self.unit = provider.units[0] if provider.units else None
        if self.budget is not None:
            amount, unit = parse_amount(self.budget)
            if provider.units and unit not in provider.units:
                theirs = " or ".join(
                    "no unit (a bare number)" if each is None else str(each) for each in provider.units
                )
                raise InvalidRequestError(
                    f"the budget is in {unit or 'no unit'}, but {provider.name} counts in {theirs}; units are never converted",
                    provider=provider.name,
                )
            self.unit = unit
            self._cap = nano(amount)
        self._per_row: int | None = None
        limit = self.max_cost_per_row or getattr(self.task, "max_cost_per_row", None)
        if limit is not None:
            amount, unit = parse_amount(limit)
            if unit is not None and unit != self.unit:
                raise InvalidRequestError(f"max_cost_per_row must be in {self.unit!r} like the budget, not in {unit!r}")
            self._per_row = nano(amount)
        if self._cap is not None and isinstance(self.task, Function) and self._per_row is None:
            raise InvalidRequestError(
                "a budget over a function needs max_cost_per_row=...: what it spends is not seen here"
            )

    def _check_head(self) -> None:
        """Look at the first rows of a file: is the column of the ids there, and can the task use any of them?"""
        if not isinstance(self.source, str | Path):
            return
        head = [each for each in itertools.islice(read_rows(self.source), HEAD_ROWS) if not each.error]
        if not head:
            return
        if self.id is not None and not any(self.id in each.row for each in head):
            raise InvalidRequestError(
                f"the input has no column {self.id!r} for ids; it has {', '.join(map(str, head[0].row))}"
            )
        wrong: MultiApiError | None = None
        for each in head:
            try:
                prepared_row(self.task, each.row)
            except MultiApiError as error:
                wrong = wrong or error
            else:
                return  # one bad row stops nothing: it fails, unsent
        assert wrong is not None
        raise wrong

    # ------------------------------------------------------------------------------------ running

    def run(
        self,
        *,
        retry: Literal["failed", "unknown", "all"] | None = None,
        engine: Literal["process", "ray"] = "process",
        workers: int = 2,
    ) -> Report:
        """Work through the rows in this process; see `arun` for use inside of an event loop.

        Ctrl-C claims nothing more and waits for what is under way; a second one cuts that off.

        Args:
            retry: Send again what failed, what is unknown, or both. Unknown rows may be paid for twice.
            engine: "ray" runs `workers` worker processes on the cluster of `ray.init()`, with the same ledger and result.
            workers: How many, on Ray.
        """
        if engine == "ray":
            return self._run_on_ray(retry, workers)
        if engine != "process":
            raise InvalidRequestError(f"engine must be 'process' or 'ray', not {engine!r}")
        return asyncio.run(self.arun(retry=retry))

    def _run_on_ray(self, retry: str | None, workers: int) -> Report:
        from multiapi.bulk.ray_engine import Plan, check_key, ray_module, run_on_ray

        ray_module()
        check_key(self.api_key)
        if self.http_client is not None:
            raise InvalidRequestError("with engine='ray' each worker makes its own client; leave http_client=... out")
        if self.proxy is not None or not self.trust_env:
            raise InvalidRequestError(
                "with engine='ray' each worker reads HTTPS_PROXY and NO_PROXY of its own; leave proxy=... out"
            )
        if workers < 1:
            raise InvalidRequestError(f"workers must be 1 or more, not {workers}")
        facts = {"provider": self.task.provider.name, "unit": self.unit or "", **self.task.describe()}
        money = asyncio.run(self._money())
        with Ledger(self.folder, facts, durable=self.durable, take_over=self.take_over) as ledger:
            if can_reconcile(self.task.provider):
                asyncio.run(self._reconcile(ledger))
            self._free(ledger, retry)
        if not isinstance(self.source, str | Path):
            self._keep_input()
        most = self.window or self.task.provider.max_concurrency or MOST
        plan = Plan(
            folder=str(self.folder.absolute()),
            facts=facts,
            source=str(
                (Path(self.source) if isinstance(self.source, str | Path) else self.folder / "input.jsonl").absolute()
            ),
            task=self.task,
            id_column=self.id,
            base_url=self.base_url,
            timeout=self.timeout,
            limits=self.limits,
            default_headers=self.default_headers,
            tries=self.tries,
            window=max(1, most // workers),
            durable=self.durable,
            take_over=self.take_over,
            retry=retry,
            money=money,
        )
        report = run_on_ray(plan, workers)
        if self.output is not None:
            with Ledger(self.folder, read_only=True) as ledger:
                self._write(ledger)
        return report

    def _keep_input(self) -> None:
        async def keep() -> None:
            async for _ in self._rows():
                pass

        asyncio.run(keep())

    async def arun(self, *, retry: Literal["failed", "unknown", "all"] | None = None) -> Report:
        """As `run`, inside of an event loop."""
        if retry not in (None, "failed", "unknown", "all"):
            raise InvalidRequestError(f"retry must be 'failed', 'unknown', 'all' or None, not {retry!r}")
        started = time.monotonic()
        facts = {"provider": self.task.provider.name, "unit": self.unit or "", **self.task.describe()}
        with Ledger(self.folder, facts, durable=self.durable, take_over=self.take_over) as ledger:
            if can_reconcile(self.task.provider):
                await self._reconcile(ledger)
            self._free(ledger, retry)
            money = await self._money()
            owner = self._owner(ledger, money)
            worker = self._worker(owner, started)
            try:
                with Interrupts(worker):
                    if self.mode == "batch":
                        await self._in_batches(owner, worker)
                    else:
                        async with contextlib.aclosing(self._rows()) as rows:  # what it kept is whole when it is read
                            await worker.run(rows)
                    await owner.measured()
                owner.stop(worker.stopped)
            finally:
                owner.close()
            self._note_progress(worker, owner, started, now=True)
            report = report_of(ledger, owner, time.monotonic() - started)
            if self.output is not None:
                await asyncio.to_thread(self._write, ledger)
        return report

    async def _reconcile(self, ledger: Ledger) -> None:
        """Let the provider's log decide what it can; a log that cannot be read leaves everything as it is."""
        if not ledger.counts[State.UNKNOWN]:
            return
        try:
            await reconcile(self._plain_client(), ledger)
        except MultiApiError as error:
            logger.warning(
                "the log of %s could not be read (%s); unknown rows stay unknown",
                self.task.provider.name,
                type(error).__name__,
            )

    def _plain_client(self, limiter: Any = None) -> Any:
        from multiapi.client.client import AsyncClient

        return AsyncClient(
            self.task.provider,
            api_key=self.api_key,
            base_url=self.base_url,
            timeout=self.timeout,
            http_client=self.http_client,
            proxy=self.proxy,
            trust_env=self.trust_env,
            limiter=limiter,
        )

    def _free(self, ledger: Ledger, retry: str | None) -> None:
        ledger.free_all(State.BUDGET)  # a cap may have been raised; each is checked against it again
        if retry in ("failed", "all"):
            ledger.free_all(State.FAILED)
        if retry in ("unknown", "all"):
            ledger.free_all(State.UNKNOWN)
        ledger.commit()

    async def _in_batches(self, owner: Owner, worker: Worker) -> None:
        """Use the provider's batches first, and single calls for what a batch refused."""
        from multiapi.bulk.vendor_batches import DISCOUNT, BatchRun

        full = owner.money.prices
        if full is not None:
            owner.money.prices = full.divided(DISCOUNT)
        run = BatchRun(owner, worker, self._plain_client(), batch_rows=self.batch_rows, sleep=self.sleep)
        async with contextlib.aclosing(self._rows()) as rows:
            freed = await run.run(rows)
        owner.money.prices = full
        if freed and not worker.stopped:
            async with contextlib.aclosing(self._rows()) as rows:
                await worker.run(rows)

    def _owner(self, ledger: Ledger, money: Money) -> Owner:
        from multiapi.sending.limiter import documented_limiter

        limiter = documented_limiter(self.task.provider, hash(self.base_url))
        wallet = Wallet(balance_of(self._plain_client(limiter))) if money.by_wallet else None
        return Owner(ledger, money, limiter=limiter, wallet=wallet)

    def _worker(self, owner: Owner, started: float) -> Worker:
        from multiapi.client.client import AsyncClient
        from multiapi.flows.steps import Policy

        provider = self.task.provider

        def make_client(limiter: MarkingLimiter) -> Any:
            return AsyncClient(
                provider,
                api_key=self.api_key,
                base_url=self.base_url,
                timeout=self.timeout,
                limits=self.limits,
                default_headers=self.default_headers,
                http_client=self.http_client,
                proxy=self.proxy,
                trust_env=self.trust_env,
                policy=Policy(max_retries=2),
                limiter=limiter,  # type: ignore[arg-type]
            )

        most = self.window or provider.max_concurrency or MOST
        worker = Worker(
            owner,
            self.task,
            make_client,
            name=f"{os.getpid()}",
            id_column=self.id,
            window=Window(most),
            tries=self.tries,
            on_change=lambda: self._note_progress(worker, owner, started),
        )
        self._told_at = started
        return worker

    async def _money(self) -> Money:
        from multiapi.bulk.tasks import Embed

        money = Money(cap=self._cap, unit=self.unit, max_per_row=self._per_row, embeds=isinstance(self.task, Embed))
        money.prices = self.prices or PRICE_BOOK.tokens(self.task.provider.name, self.task.model, self.unit)
        if money.prices is None and "models" in self.task.provider.operations and self.task.model:
            money.prices = await self._listed()
        provider = self.task.provider
        if self._cap is not None and money.prices is None and self._per_row is None and not provider.tells_cost:
            money.by_wallet = "balance" in provider.operations
            if not money.by_wallet:
                raise UnsupportedError(
                    f"{provider.name} reports no costs and lists no prices, so a budget needs max_cost_per_row=...",
                    provider=provider.name,
                )
        return money

    async def _listed(self) -> TokenPrices | None:
        """Read the provider's list of models for prices; that is free. Without it, costs are measured."""
        provider = self.task.provider
        client = self._plain_client()
        try:
            PRICE_BOOK.learn(provider.name, await client.call("models"))
        except MultiApiError:
            return None
        return PRICE_BOOK.tokens(provider.name, self.task.model, self.unit)

    async def _rows(self) -> AsyncGenerator[InputRow, None]:
        if isinstance(self.source, str | Path):
            for row in read_rows(self.source):
                yield row
            return
        # What can be read once only is kept beside the ledger, since the output repeats the input's columns.
        with (self.folder / "input.jsonl").open("w", encoding="utf-8", errors="surrogateescape") as kept:
            rows = aread_rows(self.source) if isinstance(self.source, AsyncIterable) else _async(read_rows(self.source))
            async for row in rows:
                kept.write(json.dumps(dict(row.row) if not row.error else row.error, default=str) + "\n")
                yield row

    def _input(self) -> Iterator[InputRow]:
        return read_rows(self.source if isinstance(self.source, str | Path) else self.folder / "input.jsonl")

    def _note_progress(self, worker: Worker, owner: Owner, started: float, *, now: bool = False) -> None:
        if self.on_progress is None:
            return
        at = time.monotonic()
        if not now and at - self._told_at < 1.0:
            return
        self._told_at = at
        counts = owner.ledger.counts
        seconds = at - started
        self.on_progress(
            BulkProgress(
                done=counts[State.DONE],
                failed=counts[State.FAILED],
                unknown=counts[State.UNKNOWN],
                read=worker.rows_read,
                under_way=worker.under_way,
                window=worker.window.size,
                refused=owner.refused,
                spent=owner.spent,
                unit=self.unit,
                seconds=seconds,
                rows_per_s=counts[State.DONE] / seconds if seconds > 0 else 0.0,
            )
        )

    # ------------------------------------------------------------------------------------ results

    def results(self) -> Iterator[dict[str, Any]]:
        """Yield the rows with their answers, at any time, also while another process runs the job."""
        yield from self._read(State.DONE)

    def failed(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that failed."""
        yield from self._read(State.FAILED)

    def unknown(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that may have been carried out and charged."""
        yield from self._read(State.UNKNOWN)

    def _rows_with_answers(self) -> Output:
        return Output(self._input, self.id, self.unit)

    def _read(self, state: State) -> Iterator[dict[str, Any]]:
        with Ledger(self.folder, read_only=True) as ledger:
            yield from self._rows_with_answers().rows(ledger, state)

    def _write(self, ledger: Ledger) -> None:
        assert isinstance(self.output, Path)
        self._rows_with_answers().write(ledger, self.output)

    def status(self) -> Report:
        """Return what the ledger says now, also while another process runs the job."""
        with Ledger(self.folder, read_only=True) as ledger:
            return report_of(ledger)

    def wrap(self) -> WrappedCall:
        """Return what answers single rows, for programs with a loop of their own: from the ledger, else by a call that is written there.

        with job.wrap() as call:
            columns = await call("row 7", {"text": "good"})     # or call.sync(...), call.many([...])
        """
        from multiapi.bulk.wrapped import WrappedCall

        return WrappedCall(self)

    async def opened(self) -> tuple[Ledger, Owner, Worker]:
        """Open ledger, owner and worker; the caller closes owner and ledger."""
        facts = {"provider": self.task.provider.name, "unit": self.unit or "", **self.task.describe()}
        ledger = Ledger(self.folder, facts, durable=self.durable, take_over=self.take_over)
        try:
            if can_reconcile(self.task.provider):
                await self._reconcile(ledger)
            self._free(ledger, None)
            owner = self._owner(ledger, await self._money())
            return ledger, owner, self._worker(owner, time.monotonic())
        except BaseException:
            ledger.close()
            raise

    def estimate(self) -> Estimate:
        """Return what the job may cost, from the first 1,000 rows and list prices. No model is asked.

        Raises:
            InvalidRequestError: The input can be read once only.
        """
        if not isinstance(self.source, str | Path | list | tuple):
            raise InvalidRequestError("only a file or a list can be estimated: other inputs can be read once only")
        return estimate(self.source, self.task, asyncio.run(self._money()), self.unit)

    def forget(self) -> None:
        """Remove the ledger: every row may then be sent, and paid for, again."""
        with Ledger(self.folder, read_only=False):
            pass
        shutil.rmtree(self.folder)


def _is_same(one: Path, other: Path) -> bool:
    """Whether two names are of one file, also by a link."""
    return one.absolute() == other.absolute() or (one.exists() and other.exists() and one.samefile(other))


async def _async(rows: Iterator[InputRow]) -> AsyncGenerator[InputRow, None]:
    for count in itertools.count():
        row = next(rows, None)
        if row is None:
            return
        if count % 1000 == 999:
            await asyncio.sleep(0)
        yield row
