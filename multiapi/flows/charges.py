"""What a call is charged, once: held in budgets before it leaves, counted and settled when its outcome is known.

One `Charge` stands for one request that may cost money. It ends exactly once: paid, failed, left, or as a job that is charged later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from multiapi.errors import InvalidRequestError, MultiApiError, is_doubtful, was_never_sent
from multiapi.flows.driving import Work
from multiapi.flows.steps import Flow, Target
from multiapi.flows.tokens import ExpectedTokens, estimated_tokens
from multiapi.http.exchange import HttpRequest
from multiapi.money.budget import Hold, in_force
from multiapi.money.locks import Locked
from multiapi.money.prices import PRICE_BOOK, TokenPrices
from multiapi.money.spending import listeners
from multiapi.provider import Operation, Provider, Retry
from multiapi.types.chat import ChatRequest, TextPart
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.usage import Cost, Usage

if TYPE_CHECKING:
    from multiapi.types.batches import Batch
    from multiapi.types.jobs import Job

R = TypeVar("R")

MAX_UNDER_WAY = 10_000
"""How many jobs of one process are remembered until somebody sees their end."""

WAIT_FOR_LIST_S = 15.0
"""How long a call waits for a list of prices that another one reads."""

_NOTHING = Decimal(0)
_PLAIN = frozenset({"seed", "user", "temperature", "top_p", "top_k", "stop", "metadata", "store", "safety_identifier"})
"""Fields of `extra` that do not change what a token costs."""


class Charge:
    """What one request costs. The first of its endings counts."""

    __slots__ = ("_holds", "_listeners", "_model", "_open", "_provider", "tokens")

    def __init__(self, provider: Provider, model: str, holds: tuple[Hold, ...] = ()) -> None:
        self._provider = provider
        self._model = model
        self._holds = holds
        self._listeners = listeners()
        self._open = True
        self.tokens: ExpectedTokens | None = None

    def counted(self, http: HttpRequest) -> HttpRequest:
        """The request with what it is expected to take of a limiter that counts tokens."""
        return http if self.tokens is None else replace(http, tokens=self.tokens)

    def paid(self, result: R) -> R:
        """The response is there; where the provider does not say its cost, it is given back with an estimate if there is one."""
        if self.tokens is not None:
            self.tokens.counted(getattr(result, "usage", None))
        goes_on: Any = result if hasattr(result, "state") else None
        if goes_on is not None and (goes_on.state == "pending" or hasattr(result, "by_id")):
            self._keep(
                goes_on.provider, goes_on.id, getattr(result, "estimated_cost", None) or getattr(result, "cost", None)
            )
            return result
        cost = getattr(result, "cost", None)
        if cost is None and (isinstance(result, dict) or not self._provider.tells_cost):
            if _is_cached(result):
                self._cached()
                return result
            cost = self._cost_of(result)
            if cost is not None and getattr(result, "cost", cost) is None and is_dataclass(result):
                result = replace(result, cost=cost)  # type: ignore[type-var]
        if self._listeners or self._holds:
            self._charged(cost)
        self._open = False
        return result

    def failed(self, error: MultiApiError) -> None:
        """No response came. It was charged if the error says so; if the error leaves it open, it may have been; otherwise it was not."""
        status = getattr(error, "status", None)
        if self.tokens is not None and (status is None or 400 <= status < 500) and not is_doubtful(error):
            self.tokens.unused()
        if error.cost is not None:
            self._charged(error.cost)
        elif is_doubtful(error):
            self.doubted()
        else:
            self.released()

    @contextmanager
    def failing(self, error: MultiApiError) -> Iterator[None]:
        """Let the inside find out what the error means, and whether there is another attempt; this one has failed."""
        try:
            yield
        finally:
            self.failed(error)

    def interrupted(self, error: BaseException) -> None:
        """The sending was broken off: what is cancelled may have been charged, what is given up before it is sent was not."""
        if isinstance(error, GeneratorExit) or was_never_sent(error):
            if self.tokens is not None:
                self.tokens.unused()
            self.released()
        elif not isinstance(error, MultiApiError):
            self.doubted()

    def doubted(self) -> None:
        """It may have been charged."""
        if self._ends():
            for each in self._listeners:
                each.count_doubtful()
            for hold in self._holds:
                hold.doubt()

    def released(self) -> None:
        """It was not charged."""
        if self._ends():
            for hold in self._holds:
                hold.release()

    def left(self, partial: Callable[[], Any]) -> None:
        """Nobody reads on: it is charged, and at least what is known so far."""
        if self._open:
            partial = partial()
            cost = getattr(partial, "cost", None) or self._estimate(getattr(partial, "usage", None)) or self._least()
            self._charged(cost if cost is None or cost.basis == "charged" else cost._replace(basis="at_least"))

    def _ends(self) -> bool:
        was, self._open = self._open, False
        return was

    def _charged(self, cost: Cost | None) -> None:
        if not self._open:
            return
        self._open = False
        for each in self._listeners:
            each.count(cost)
        for hold in self._holds:
            hold.end(None if cost is not None and cost.basis == "at_least" and cost.amount < hold.amount else cost)

    def _cached(self) -> None:
        if self._ends():
            for each in self._listeners:
                each.count_cached()
            for hold in self._holds:
                hold.release()

    def _keep(self, provider: str, number: str, expected: Cost | None) -> None:
        """Keep it until the job has ended."""
        if not self._ends():
            return
        for each in self._listeners:
            each.hold_job(provider, number, expected)
        for hold in self._holds:
            hold.expect(expected)
        UNDER_WAY.add(provider, number, self)

    def _cost_of(self, result: Any) -> Cost | None:
        if isinstance(result, dict):
            return None if self._provider.read_cost is None else self._provider.read_cost(result, {})
        return self._estimate(getattr(result, "usage", None))

    def _estimate(self, usage: Any) -> Cost | None:
        if self._provider.tells_cost or not isinstance(usage, Usage):
            return None
        return estimated(self._provider, self._model, usage)

    def _least(self) -> Cost | None:
        for unit in self._provider.units:
            amount = PRICE_BOOK.at_least(self._provider.name, self._model, unit)
            if amount is not None:
                return Cost(amount, unit, basis="at_least")
        return None


class _Free(Charge):
    """That of a request that costs nothing."""

    __slots__ = ()

    def paid(self, result: R) -> R:
        return result

    def failed(self, error: MultiApiError) -> None:
        pass

    def doubted(self) -> None:
        pass


class _UnderWay(Locked):
    """The charges of jobs that nobody has seen the end of, the newest."""

    def __init__(self) -> None:
        super().__init__()
        self._charges: OrderedDict[tuple[str, str], Charge] = OrderedDict()

    def add(self, provider: str, number: str, charge: Charge) -> None:
        with self._lock:
            self._charges[provider, number] = charge
            while len(self._charges) > MAX_UNDER_WAY:
                self._charges.popitem(last=False)

    def ended(self, provider: str, number: str, cost: Cost | None, *, charged: bool) -> None:
        with self._lock:
            charge = self._charges.pop((provider, number), None)
        heard_by = [*(charge._listeners if charge is not None else ()), *listeners()]
        for spending in dict.fromkeys(heard_by):
            spending.count_job(provider, number, cost, charged=charged)
        for hold in charge._holds if charge is not None else ():
            if charged:
                hold.end(cost)
            else:
                hold.release()


UNDER_WAY = _UnderWay()
FREE = _Free(None, "")  # type: ignore[arg-type]


def job_ended(job: Job) -> None:
    """A job has ended: it is charged if it was done, and if it failed as far as the provider says so and gave nothing back."""
    if job.state == "pending":
        return
    cost = job.cost
    if job.state == "failed":
        if cost is not None and job.refunded is not None:
            cost = cost._replace(amount=cost.amount - job.refunded.amount)
        UNDER_WAY.ended(job.provider, job.id, cost, charged=cost is not None and cost.amount > 0)
        return
    if cost is None and job.estimated_cost is not None:
        cost = job.estimated_cost._replace(basis="estimated")
    UNDER_WAY.ended(job.provider, job.id, cost, charged=True)


def batch_ended(provider: Provider, batch: Batch) -> None:
    """A batch has ended: what its answers say, or usage times the list price at the provider's discount."""
    if batch.state == "pending":
        return
    total: Cost | None = None
    unknown = False
    for each in batch.results:
        response = each.response
        if response is None:
            continue
        cost = response.cost
        if cost is None and response.usage is not None and provider.batch_share is not None:
            cost = estimated(provider, response.model, response.usage, share=provider.batch_share)
        if cost is None or (total is not None and (cost.unit, cost.basis) != (total.unit, total.basis)):
            unknown = True
        else:
            total = cost if total is None else total._replace(amount=total.amount + cost.amount)
    charged = any(each.response is not None for each in batch.results)
    UNDER_WAY.ended(batch.provider, batch.id, None if unknown else total, charged=charged)


def estimated(provider: Provider, model: str, usage: Usage, share: Decimal = Decimal(1)) -> Cost | None:
    """Return usage times list price, in a unit that the provider counts in."""
    for unit in provider.units:
        prices = PRICE_BOOK.tokens(provider.name, model, unit)
        amount = None if prices is None else prices.estimate(usage)
        if amount is not None:
            return Cost(amount * share, unit, basis="estimated")
    return None


def _is_cached(result: Any) -> bool:
    return str((getattr(result, "headers", None) or {}).get("x-cache-status", "")).lower() == "hit"


# ------------------------------------------------------------------------------------ before it is sent


def begin(target: Target, operation: Operation[Any, Any] | None, http: HttpRequest, request: Any) -> Flow[Charge]:
    """Hold what a request may cost in every budget that is in force. None as operation is a stream.

    Raises:
        InvalidRequestError: A stream is asked for where one body is read; nothing was sent.
        BudgetExceededError: It does not fit; nothing was sent.
        UnsupportedError: A budget cannot count it.
    """
    if not http.stream:
        check_one_body(target.provider, http, request)
    if operation is not None and (operation.retry is Retry.READ or operation.free):
        return FREE
    provider = target.provider
    model = str(getattr(request, "model", "") or (http.json.get("model") if isinstance(http.json, dict) else "") or "")
    budgets = in_force(target.budget)
    if not budgets:
        return _counting(target, request, Charge(provider, model)) if target.counts_tokens else Charge(provider, model)
    size = _size(http, request)
    kind = (provider.name, "chat" if operation is None else operation.name, model)
    holds: list[Hold] = []
    try:
        for budget in budgets:
            has_unit = not provider.units or budget.unit in provider.units
            if has_unit and budget.read_prices and not _is_listed(provider, model, budget.unit):
                yield from _read_list(target)
            prices = PRICE_BOOK.tokens(provider.name, model, budget.unit) if has_unit else None
            told = provider.tells_cost and provider.read_cost is not None
            bound = None if prices is None else _bound(prices, size, request, _longest(provider, model))
            least = None
            if bound is None and has_unit:
                least = PRICE_BOOK.at_least(provider.name, model, budget.unit, _counts(request))
            holds.append(
                budget.reserve(
                    bound,
                    kind,
                    priced=has_unit and (told or (prices is not None and size is not None)),
                    at_least=least or _NOTHING,
                )
            )
    except BaseException:
        for hold in holds:
            hold.release()
        raise
    return _counting(target, request, Charge(provider, model, tuple(holds)))


def _counting(target: Target, request: Any, charge: Charge) -> Charge:
    """The charge, with what the request is expected to take of a limiter that counts tokens."""
    expected = estimated_tokens(request) if target.counts_tokens else 0
    if expected:
        charge.tokens = ExpectedTokens(expected)
    return charge


def check_one_body(provider: Provider, http: HttpRequest, request: Any) -> None:
    """Refuse a body that asks for a stream where a whole response is read, which would be paid for and could not be read.

    Raises:
        InvalidRequestError: `stream` in `extra`; the message names what streams.
    """
    fields = http.json if isinstance(http.json, dict) else dict(http.form or ())
    wanted = fields.get("stream")
    if wanted is True or (wanted and str(wanted).lower() in {"true", "1"}):
        place = getattr(request, "extra_name", "extra")
        raise InvalidRequestError(
            f"{provider.name}: stream={wanted!r} in `{place}` asks for a stream where a whole response is read; "
            f"{_streaming_way(provider, request)}",
            provider=provider.name,
        )


def _streaming_way(provider: Provider, request: Any) -> str:
    if isinstance(request, ChatRequest):
        return "use chat_stream, or streaming=True for a whole response that is put together from a stream"
    from multiapi.types.media_requests import SpeechRequest

    speech = provider.operations.get("speech") if isinstance(request, SpeechRequest) else None
    return "leave it out" if speech is None or speech.events is None else "use speech_stream, or leave it out"


def _is_listed(provider: Provider, model: str, unit: str | None) -> bool:
    """Whether a price of the model is known."""
    if PRICE_BOOK.tokens(provider.name, model, unit) is not None:
        return True
    return PRICE_BOOK.at_least(provider.name, model, unit) is not None


def _counts(request: Any) -> dict[str, Decimal]:
    """How many of what a list has prices for a request certainly is; a chat is paid by tokens."""
    counts = {"request": Decimal(1), "image": Decimal(getattr(request, "count", None) or 1)}
    if isinstance(getattr(request, "text", None), str):
        counts["character"] = Decimal(len(request.text))
    if getattr(request, "duration_s", None) is not None:
        counts["second"] = Decimal(str(request.duration_s))
    return counts


def _longest(provider: Provider, model: str) -> int | None:
    return PRICE_BOOK.max_output_tokens(provider.name, model)


def _size(http: HttpRequest, request: Any) -> int | None:
    """The bytes of a body that is paid by tokens alone; None where it has media, tools of the provider, or fields nobody knows."""
    if isinstance(request, EmbedRequest):
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in request.texts) + len(request.texts)
    if not isinstance(request, ChatRequest) or set(request.extra) - _PLAIN or request.service_tier:
        return None
    parts = (part for message in request.messages if not isinstance(message.content, str) for part in message.content)
    if not all(isinstance(part, TextPart) for part in parts):
        return None
    return len(orjson.dumps(http.json, default=str, option=orjson.OPT_NON_STR_KEYS))


def _bound(prices: TokenPrices, size: int | None, request: Any, longest: int | None) -> Decimal | None:
    """The most that a call may cost."""
    if size is None:
        return None
    if isinstance(request, EmbedRequest):
        return prices.embedding_at_most(size)
    most = request.max_tokens or longest
    return prices.at_most(size, len(request.messages), None if most is None else most * (request.n or 1))


def _read_list(target: Target) -> Flow[None]:
    """Read the provider's list of prices if nobody has lately; while somebody does, wait for that."""
    operation = target.provider.operations.get("models")
    reading = None if operation is None else PRICE_BOOK.reading(target.provider.name)
    if operation is None or reading is None:
        return
    if not reading.is_mine:
        yield Work(lambda: reading.done.wait(WAIT_FOR_LIST_S))
        return
    try:
        response = yield operation.build(None)
        if 200 <= response.status < 300:
            PRICE_BOOK.learn(target.provider.name, operation.parse(response._replace(limits=target.limits)))
    except Exception:  # noqa: S110
        pass  # what a call costs is then expected from those before it
    finally:
        reading.done.set()
