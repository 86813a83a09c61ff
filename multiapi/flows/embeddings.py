"""Embeddings as a flow: texts in batches, several batches at once, and a refused batch in smaller ones."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from multiapi._package import new_lock
from multiapi.errors import (
    ConnectionFailedError,
    EmbeddingBatchError,
    InvalidRequestError,
    MultiApiError,
    RequestTimeoutError,
    RequestTooLargeError,
    ResponseFormatError,
    ServerError,
    StatusError,
)
from multiapi.flows.attempts import _HALVED, _TEXT_WORDS, call, warn_of_model, without_prefix
from multiapi.flows.driving import Step
from multiapi.flows.steps import Flow, Parallel, Target
from multiapi.http.exchange import HttpRequest
from multiapi.provider import Operation, operation_of
from multiapi.types.embeddings import EmbedRequest, EmbedResponse
from multiapi.types.usage import Cost, Usage

MAX_BATCH_TEXTS = 256


MAX_BATCH_CHARS = 600_000


class VectorCache(Protocol):
    """Where a caller keeps vectors, by names that say all they depend on. What either asks for is done on the spot or awaited."""

    def get(self, name: str, /) -> Flow[list[float] | None]:
        """Return the vector of this name, or None."""

    def put(self, entries: Sequence[tuple[str, list[float]]], /) -> Flow[None]:
        """Keep the vectors of these names."""


class Beside(NamedTuple):
    """What a caller has beside the requests of one call.

    Attributes:
        progress: Called with the response to each request, one at a time.
        turn: Makes what is waited for before each request, as a rate limiter.
        cache: Asked before anything is sent, and given the vectors of each request at once.
    """

    progress: Callable[[EmbedResponse], Any] | None = None
    turn: Callable[[], Step] | None = None
    cache: VectorCache | None = None


def texts_per_request(target: Target, request: EmbedRequest) -> int:
    """How many texts go into one request at most: as the caller or the provider says, and no more than the provider takes."""
    asked = request.batch_size or target.provider.embed_batch_size or MAX_BATCH_TEXTS
    known = target.refusals.sizes.most(target.base_url, request.model)
    return asked if known is None else min(asked, known)


def embed(
    target: Target, request: EmbedRequest, *, max_concurrency: int = 4, beside: Beside | None = None
) -> Flow[EmbedResponse]:
    """Vectors for any number of texts, in batches side by side.

    A refused batch is halved, one half after the other, until it shows whether one text, the number of texts or the request is at
    fault; at most log2 of the number of texts and three requests are spent on that in one call. What no other batch can escape
    (a key, an empty account, an unknown model) ends the call: what has not begun is not sent. A number of texts that was refused is
    remembered for the model, and the first batch of a model goes ahead of the others.

    Positions in errors are those of the texts that were given, whatever a cache held and was left out.

    Raises:
        InvalidRequestError: A text that is empty or not a text; nothing was sent.
        EmbeddingBatchError: One batch failed; the vectors of the others are on it.
        Exception: What a caller's function failed with, after which nothing more was sent; `done` on it holds the vectors.
    """
    operation, beside = operation_of(target.provider, "embed"), beside or Beside()
    _check(target, request)
    if request.input_type == "auto":
        request = replace(request, input_type=request.purpose)
    name = "" if beside.cache is None else _cache_name(target, request)
    held: dict[int, list[float]] = {}
    for index, text in enumerate(request.texts if beside.cache is not None else ()):
        if text and (vector := (yield from beside.cache.get(name + text))):  # type: ignore[union-attr]
            held[index] = vector
    places: Sequence[int] = range(len(request.texts))
    if held or request.skip_empty:
        places = [index for index in places if index not in held and request.texts[index]]
    run = _EmbeddingRun(target, operation, request, places=places, held=held, beside=beside, name=name)
    if places:
        warn_of_model(target, request.model)
        run.request = without_prefix(target, run.request)
        yield from _sent(run, min(max_concurrency, target.provider.max_concurrency or max_concurrency))
    return run.response()


def _sent(run: _EmbeddingRun, concurrency: int) -> Flow[None]:
    """Send all of it.

    Raises:
        Exception: As `embed`.
    """
    pending = run.spans(0, len(run.request.texts))
    goes_ahead = not run.request.batch_size and not run.is_known(pending[0])
    while pending and not run.is_over:
        wave, pending = (pending[:1], pending[1:]) if goes_ahead else (pending, [])
        goes_ahead, run.is_held_up = False, False
        outcomes = yield from _side_by_side([run.batch(*span) for span in wave], concurrency)
        found = list(zip(wave, outcomes, strict=True))
        run.taken |= {span[0]: outcome for span, outcome in found if isinstance(outcome, EmbedResponse)}
        pending += [span for span, outcome in found if outcome is None]
        for span, outcome in found:
            if isinstance(outcome, MultiApiError):
                if run.is_over or not _may_be_halved(outcome):
                    run.failed.append((*span, outcome, None))
                else:
                    pending += yield from _search(run, *span, outcome)
        pending = [part for start, end in _joined(pending) for part in run.spans(start, end)]
    if run.broken is not None:
        run.broken.done = run.done()  # type: ignore[attr-defined]
        raise run.broken
    if run.failed:
        raise run.error()


def _check(target: Target, request: EmbedRequest) -> None:
    """Refuse what cannot be embedded.

    Raises:
        InvalidRequestError: A single text, a text that is not valid, or no model.
    """
    name = target.provider.name
    if isinstance(request.texts, str):
        raise InvalidRequestError(f"{name}: embeddings take a list of texts, and this is a single text", provider=name)
    for index, text in enumerate(request.texts):
        if not isinstance(text, str) or not (text or request.skip_empty):
            what = "is empty" if isinstance(text, str) else f"is {type(text).__name__}, not text"
            raise InvalidRequestError(f"{name}: text {index} {what}", provider=name)
    if not request.model:
        raise InvalidRequestError(f"{name} needs a model for embeddings", provider=name)


def _cache_name(target: Target, request: EmbedRequest) -> str:
    """What a vector depends on beside its text."""
    depends = (target.provider.name, target.base_url, request.model, request.dimensions, request.input_type)
    return f"{' '.join(map(str, depends))} {dict(request.extra) or None}\n"


class _EmbeddingRun:
    """What has become of the texts of one call so far."""

    def __init__(
        self,
        target: Target,
        operation: Operation[Any, EmbedResponse],
        request: EmbedRequest,
        *,
        places: Sequence[int],
        held: dict[int, list[float]],
        beside: Beside,
        name: str,
    ) -> None:
        self.target = target
        self.operation = operation
        self.given = request
        self.request = (
            request
            if len(places) == len(request.texts)
            else replace(request, texts=[request.texts[index] for index in places])
        )
        self.places = places  # of the texts that are sent among those that were given
        self.held = held
        self.beside = beside
        self.name = name
        self.taken: dict[int, EmbedResponse] = {}
        self.failed: list[tuple[int, int, MultiApiError, int | None]] = []
        self.broken: Exception | None = None  # what a function of the caller failed with
        self.is_over = False  # a failure that no other batch can escape
        self.is_held_up = False  # a refusal whose reason is to be found before more is sent
        self.refused_alone = 0
        self._searches_left = math.ceil(math.log2(max(len(self.request.texts), 2))) + 3
        self._troubles = 0
        self._one_at_a_time = new_lock()

    def spans(self, start: int, end: int) -> list[tuple[int, int]]:
        """These texts in batches of the size that is known to be right."""
        found = batches(self.request.texts[start:end], texts_per_request(self.target, self.request))
        return [(start + first, start + last) for first, last in found]

    def is_known(self, span: tuple[int, int]) -> bool:
        """Whether this many texts were taken lately."""
        return self.target.refusals.sizes.has_worked(self.target.base_url, self.request.model, span[1] - span[0])

    def may_search(self) -> bool:
        """Whether one more request may go into finding out what was refused; counts it."""
        self._searches_left -= 1
        return self._searches_left >= 0

    def batch(self, start: int, end: int) -> Flow[EmbedResponse | None]:
        """One batch; None if it is not worth sending any more, or not yet. A repetition is not worth it either then."""
        if self.beside.turn is not None and not (self.is_over or self.is_held_up):
            try:
                yield self.beside.turn()
            except Exception as error:
                self._break(error)
        flow = call(self.target, self.operation, replace(self.request, texts=self.request.texts[start:end]))
        try:
            step = next(flow)
            while not (isinstance(step, HttpRequest) and (self.is_over or self.is_held_up)):
                try:
                    outcome = yield step
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as end_of_flow:
            response: EmbedResponse = end_of_flow.value
        except MultiApiError as error:
            self._note(error)
            raise
        else:
            return None
        finally:
            flow.close()
        if len(response.vectors) != end - start:
            failure = ResponseFormatError(
                f"{self.target.provider.name} answered {end - start} texts with {len(response.vectors)} vectors",
                provider=self.target.provider.name,
                request_id=response.request_id,
                outcome_unknown=True,
                cost=response.cost,
            )
            self._note(failure)
            raise failure
        self._troubles = 0
        self.target.refusals.sizes.note_taken(self.target.base_url, self.request.model, end - start)
        if self.beside.progress is not None or self.beside.cache is not None:
            yield from self._told(start, end, response)
        return response

    def _told(self, start: int, end: int, response: EmbedResponse) -> Flow[None]:
        """Let the caller's functions have what has come. One that fails ends the call, and nothing that was paid for is lost."""
        try:
            if self.beside.cache is not None:
                names = [self.name + text for text in self.request.texts[start:end]]
                yield from self.beside.cache.put(list(zip(names, response.vectors, strict=True)))
            if self.beside.progress is not None:
                with self._one_at_a_time:
                    self.beside.progress(response)
        except Exception as error:
            self._break(error)

    def _break(self, error: Exception) -> None:
        self.broken, self.is_over = self.broken or error, True

    def _note(self, error: MultiApiError) -> None:
        """What a failure means for the batches that have not begun."""
        if _may_be_halved(error):
            self.is_held_up = True
        elif _is_inescapable(error) or error.status in self.target.provider.final_statuses:
            self.is_over = True
        else:
            self._troubles += 1
            self.is_over = self.is_over or self._troubles > 1  # two in a row are not chance

    def done(self) -> dict[int, list[float]]:
        """Every vector that there is, by the position of its text among those that were given."""
        found = dict(self.held)
        for first, response in self.taken.items():
            found |= zip(self.places[first : first + len(response.vectors)], response.vectors, strict=True)
        return dict(sorted(found.items()))

    def error(self) -> MultiApiError:
        """The first failure, together with every vector that there is; the failure itself if there is none."""
        start, end, cause, at = min(self.failed, key=lambda each: each[0])
        _hint_at_other_id(cause, self.request.model)
        if at is not None:
            cause.failed_index = self.places[at]  # type: ignore[attr-defined]
        if not self.taken:
            return cause
        done = self.done()
        failed = sum(last - first for first, last, _, _ in self.failed)
        unsent = len(self.places) - sum(len(each.vectors) for each in self.taken.values()) - failed
        first, last = self.places[start], self.places[end - 1]
        kept = ("message", "partial", "done", "failed_index", "cost")
        error = EmbeddingBatchError(
            f"{len(done)} texts are embedded{f' and {unsent} were not sent' if unsent > 0 else ''}, but "
            f"{f'text {self.places[at]}' if at is not None else f'the batch of texts {first} to {last}'} failed: {cause}",
            **{name: value for name, value in cause.__dict__.items() if name not in kept},
            partial=done,
            done=done,
            failed_index=first if at is None else self.places[at],
            cost=added_cost(list(self.taken.values())),
        )
        error.__cause__ = cause
        return error

    def response(self) -> EmbedResponse:
        """All of it as one.

        Raises:
            ResponseFormatError: The batches have vectors of different lengths; they are on it.
        """
        parts = [response for _, response in sorted(self.taken.items())]
        if len(parts) == 1 and len(self.places) == len(self.given.texts):
            return parts[0]
        if len(lengths := {len(part.vectors[0]) for part in parts}) > 1:
            raise ResponseFormatError(
                f"{self.target.provider.name} answered batches with vectors of different lengths: {sorted(lengths)}",
                provider=self.target.provider.name,
                outcome_unknown=True,
                cost=added_cost(parts),
                partial=self.done(),
            )
        done = self.done()
        missing = [0.0] * len(next(iter(done.values()), ()))  # of a text that was left out
        vectors = [done.get(index) or list(missing) for index in range(len(self.given.texts))]
        if not parts:
            return EmbedResponse(provider=self.target.provider.name, model=self.given.model, vectors=vectors)
        return replace(parts[0], vectors=vectors, usage=added_usage(parts), cost=added_cost(parts))


def _side_by_side(flows: list[Flow[EmbedResponse | None]], concurrency: int) -> Flow[list[Any]]:
    """The outcomes of some batches; a single one needs no company."""
    if len(flows) > 1:
        return (yield Parallel(flows, concurrency))  # type: ignore[no-any-return]
    try:
        return [(yield from flows[0])]
    except MultiApiError as error:
        return [error]


def _search(run: _EmbeddingRun, start: int, end: int, error: MultiApiError) -> Flow[list[tuple[int, int]]]:
    """What a refusal is about: a text, the number of texts, or the request. Given back: the texts that are still to be sent.

    The left half is asked first. If it is taken, the right one is asked once: when that is taken too, there were too many texts. After
    that a half that is taken leaves the fault in the other one.
    """
    low, high, may_be_the_number = start, end, True
    while high - low > 1:
        middle = (low + high) // 2
        outcome = yield from _searched(run, low, middle)
        if isinstance(outcome, EmbedResponse) and may_be_the_number:
            may_be_the_number = False
            low, outcome = middle, (yield from _searched(run, middle, high))
            if isinstance(outcome, EmbedResponse):
                run.target.refusals.sizes.note_limit(run.target.base_url, run.request.model, high - middle)
                return [(high, end)] if high < end else []
            middle = high
        if isinstance(outcome, EmbedResponse):
            low = middle
        elif outcome is not None and _may_be_halved(outcome):
            high, error = middle, outcome
        else:  # another failure, or no request left for the search
            run.failed.append((low, high, outcome or error, None))
            return []
    if not run.taken:
        other = end - 1
        outcome = (yield from _searched(run, other, end)) if other > low else None
        if isinstance(outcome, EmbedResponse):
            end = other
        else:
            run.refused_alone += 1 if outcome is None else 2
    if run.refused_alone > 1:  # two texts that have nothing in common but the request
        run.is_over = True
        run.failed.append((start, end, error, None))
        return []
    run.failed.append((low, low + 1, error, low))
    return [(low + 1, end)] if low + 1 < end and run.may_search() else []


def _searched(run: _EmbeddingRun, start: int, end: int) -> Flow[EmbedResponse | MultiApiError | None]:
    """What comes of one part of a refused batch; None if enough was asked."""
    if not run.may_search():
        return None
    run.is_held_up = False
    try:
        response = yield from run.batch(start, end)
    except MultiApiError as error:
        return error
    if response is not None:
        run.taken[start] = response
    return response


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _may_be_halved(error: BaseException) -> bool:
    """Whether a refusal may be about one of the texts, or about how many there are."""
    if isinstance(error, RequestTooLargeError) and error.status is None:
        return True  # refused on this side; halves cost nothing
    if not isinstance(error, StatusError) or error.status not in _HALVED:
        return False
    field = getattr(error, "param", None)
    return not isinstance(field, str) or not _TEXT_WORDS.isdisjoint(re.split(r"[^a-z_]+", field.lower()))


def _is_inescapable(error: MultiApiError) -> bool:
    """Whether every other batch would fail in the same way."""
    if isinstance(error, ConnectionFailedError):
        return not error.outcome_unknown
    if isinstance(error, RequestTimeoutError):
        return error.phase in {"connect", "pool", "total"}
    return not isinstance(error, (ServerError, ResponseFormatError))


def _hint_at_other_id(error: MultiApiError, model: str) -> None:
    """Vendors know OpenAI's embedding models with or without the developer's name; seen both ways."""
    bare = model.removeprefix("openai/")
    if error.status in {404, 503} and bare.startswith("text-embedding-"):
        error.add(f"the provider may know this model as {bare if bare != model else f'openai/{bare}'!r}")


def batches(texts: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Where each batch begins and ends: bounded by count and by size."""
    spans: list[tuple[int, int]] = []
    start = chars = 0
    for index, text in enumerate(texts):
        if index > start and (index - start >= most or chars + len(text) > MAX_BATCH_CHARS):
            spans.append((start, index))
            start, chars = index, 0
        chars += len(text)
    spans.append((start, len(texts)))
    return spans


def added_cost(parts: Sequence[EmbedResponse]) -> Cost | None:
    """What all batches cost; None where one did not say."""
    costs = [part.cost for part in parts if part.cost is not None]
    if not costs or len(costs) != len(parts):
        return None
    return costs[-1]._replace(amount=sum((cost.amount for cost in costs), Decimal(0)))


def added_usage(parts: Sequence[EmbedResponse]) -> Usage | None:
    """Token counts of all batches; None where one did not say."""
    counted = [part.usage for part in parts]
    if any(usage is None for usage in counted):
        return None

    def total(name: str) -> int | None:
        values = [getattr(usage, name) for usage in counted]
        return None if None in values else sum(values)

    return Usage(total("input_tokens"), total("output_tokens"), total("total_tokens"))
