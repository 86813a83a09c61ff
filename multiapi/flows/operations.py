"""One flow for each thing that providers make or tell, whether they answer at once or with a job.

The modules of jobs and downloads are imported by the first call that needs them.
"""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from multiapi.errors import (
    AddressRefusedError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    StatusError,
    printable,
)
from multiapi.flows.attempts import call, exchange, warn_of_model, without_prefix
from multiapi.flows.charges import batch_ended
from multiapi.flows.chat import chat
from multiapi.flows.steps import Flow, Target, Wait
from multiapi.money.prices import PRICE_BOOK
from multiapi.negotiation.tool_names import renamed, with_own_names
from multiapi.provider import operation_of, split_model
from multiapi.types.chat import ChatRequest, ChatResponse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from multiapi.flows.jobs import PollEvery
    from multiapi.providers.aimlapi.catalogue import ModelEntry
    from multiapi.providers.aimlapi.catalogue.documents import ModelDocument
    from multiapi.types.account import Deprecation, DeprecationFeed, ModelInfo
    from multiapi.types.batches import Batch, BatchResult
    from multiapi.types.jobs import Job, JobKind, OnProgress
    from multiapi.types.media import Media
    from multiapi.types.search import SearchRequest, SearchResult

R = TypeVar("R")
M = TypeVar("M", bound="Media")

WAIT_S = 600.0
"""How long a job is waited for unless another time is given."""


def one(target: Target, name: str, request: Any = None) -> Flow[R]:
    """One operation of the provider. Addresses in its result are looked at before anybody opens them."""
    result: Any = yield from call(target, operation_of(target.provider, name), request)
    if getattr(result, "model", None) == "" and getattr(request, "model", ""):
        result = replace(result, model=without_prefix(target, request).model)  # many answers do not repeat it
    return checked(target, result)  # type: ignore[no-any-return]


def chat_by(target: Target, api: Literal["responses", "messages"], request: ChatRequest) -> Flow[ChatResponse]:
    """A chat by one protocol, as `ChatRequest.api` chooses it."""
    if api not in target.provider.apis and api in target.provider.operations:
        return (yield from one(target, api, request))
    answer = yield from chat(target, replace(request, api=api))
    return checked(target, answer if answer.model else replace(answer, model=request.model))  # type: ignore[no-any-return]


def checked(target: Target, result: Any) -> Any:
    """A result of which nothing leads into the machine's own network.

    Raises:
        AddressRefusedError: Something does. What is good beside it is its `partial`, because it is paid for.
    """
    media = getattr(result, "media", ())
    if not isinstance(media, tuple) or all(item.data is not None for item in media):
        return result
    from multiapi.flows import address_checks

    try:
        address_checks.check_media(target, media)
    except AddressRefusedError as error:
        good = tuple(item for item in media if not address_checks.refuses(target, item))
        error.outcome_unknown = True
        error.cost = getattr(result, "cost", None)
        error.request_id = getattr(result, "request_id", None)
        error.partial = _with_media(result, good)
        error.message += "; what it was part of is paid for, and what is good of that is in `partial`"
        error.args = (error.message,)
        raise
    return result


def _with_media(result: Any, media: tuple[Media, ...]) -> Any:
    """A result with some of its media; one that is itself a medium is the first of them."""
    if not is_dataclass(result) or isinstance(result, type):
        return None
    if not hasattr(result, "more"):
        parts = {
            name: part for name, part in getattr(result, "parts", {}).items() if any(part is item for item in media)
        }
        return replace(result, media=media, **({"parts": parts} if hasattr(result, "parts") else {}))
    first, *more = media or (replace(result, url=None, more=()),)
    facts = {name: getattr(first, name) for name in ("data", "url", "path", "mime_type", "metadata", "name")}
    return replace(result, **facts, more=tuple(more))


def one_or_job(
    target: Target,
    name: str,
    kind: JobKind,
    request: Any,
    *,
    timeout_s: float = WAIT_S,
    on_progress: OnProgress | None = None,
    poll_every: PollEvery | None = None,
) -> Flow[R]:
    """What the provider makes at once, or as a job that is waited for."""
    operations = target.provider.operations
    if name in operations or f"start_{kind}" not in operations:
        return (yield from one(target, name, request))
    from multiapi.flows import jobs

    result: R = yield from jobs.finish(
        target, kind, request, timeout_s=timeout_s, on_progress=on_progress, poll_every=poll_every
    )
    return result


def video(
    target: Target,
    request: Any,
    *,
    timeout_s: float = WAIT_S,
    on_progress: OnProgress | None = None,
    poll_every: PollEvery | None = None,
) -> Flow[R]:
    """A video, which is a job with every provider that has it."""
    operation_of(target.provider, "start_video")
    return (
        yield from one_or_job(
            target, "video", "video", request, timeout_s=timeout_s, on_progress=on_progress, poll_every=poll_every
        )
    )


def start(target: Target, kind: JobKind, request: Any) -> Flow[Job]:
    """A job, started and not waited for."""
    from multiapi.flows import jobs

    return (yield from jobs.start(target, kind, request))


def ask_once(target: Target, job: Job | str, kind: JobKind | None) -> Flow[Job]:
    """A job as it is now."""
    from multiapi.flows import jobs

    return (yield from jobs.ask_once(target, jobs.job_of(target, job, kind)))


def wait(
    target: Target,
    job: Job | str,
    kind: JobKind | None,
    *,
    timeout_s: float = WAIT_S,
    on_progress: OnProgress | None = None,
    poll_every: PollEvery | None = None,
) -> Flow[Job]:
    """A job when it has ended."""
    from multiapi.flows import jobs

    known = jobs.job_of(target, job, kind)
    return (yield from jobs.wait(target, known, timeout_s=timeout_s, on_progress=on_progress, poll_every=poll_every))


def download(target: Target, media: M, max_bytes: int) -> Flow[M]:
    """Media with its bytes."""
    from multiapi.flows import downloads

    return (yield from downloads.download(target, media, max_bytes=max_bytes))


def save(target: Target, media: Media | str, path: str | Path, max_bytes: int) -> Flow[Path]:
    """Media on the disk."""
    from multiapi.flows import downloads

    return (yield from downloads.save(target, media, path, max_bytes=max_bytes))


def model(target: Target, model_id: str, kind: str | None = None) -> Flow[ModelInfo]:
    """One model, asked for by itself where the provider has that, else found in its list. Of one id there may be several kinds.

    Raises:
        NotFoundError: The provider lists no such model.
    """
    if isinstance(model_id, str):
        _, model_id = split_model(model_id, target.provider)
    if "model" in target.provider.operations and kind is None:
        return with_deprecation(target, (yield from one(target, "model", model_id)))
    listed: tuple[ModelInfo, ...] = yield from models(target, None, kind)
    found = next((info for info in listed if model_id in {info.id, *info.aliases}), None)
    if found is None:
        name, of_kind = target.provider.name, "" if kind is None else f" of the kind {printable(kind, 60)!r}"
        raise NotFoundError(f"{name} lists no model {printable(model_id, 120)!r}{of_kind}", provider=name)
    return found


def model_schema(target: Target, model_id: str, kind: str | None = None) -> Flow[ModelEntry]:
    """What one model takes, from the provider's description of it."""
    operation = operation_of(target.provider, "model_schema")
    info: ModelInfo = yield from model(target, model_id, kind)
    found: ModelDocument = yield from call(target, operation, info)
    return found.entry(info)


def create_batch(target: Target, request: Any) -> Flow[Batch]:
    """A batch, handed in; its tools go out under names that providers take."""
    from multiapi.types.batches import BatchRequest

    names: dict[str, Mapping[str, str]] = {}
    if isinstance(request, BatchRequest):
        for each in request.requests.values():
            warn_of_model(target, each.model)
        wanted = {custom_id: without_prefix(target, each) for custom_id, each in request.requests.items()}
        request = replace(request, requests=wanted)
        tables = {custom_id: renamed(each) for custom_id, each in wanted.items()}
        names = {custom_id: table.changed for custom_id, (_, table) in tables.items() if table is not None}
        if names:
            request = replace(request, requests={custom_id: each for custom_id, (each, _) in tables.items()})
    made: Batch = yield from one(target, "create_batch", request)
    now: float = yield Wait(0.0)
    return replace(made, created_s=now, names=names)


def models(target: Target, request: Any = None, kind: str | None = None) -> Flow[tuple[ModelInfo, ...]]:
    """The provider's models; what the feed of deprecations said to this client stands in them.

    The context windows and the sizes of files in it are known to the process from then on.
    """
    from multiapi.providers import context_windows, file_limits

    listed: tuple[ModelInfo, ...] = yield from one(target, "models", request)
    context_windows.learn(listed)
    file_limits.learn(listed)
    if request is None:
        PRICE_BOOK.learn(target.provider.name, listed)
    return tuple(with_deprecation(target, info) for info in listed if kind is None or info.is_of(kind))


def with_deprecation(target: Target, info: ModelInfo) -> ModelInfo:
    """The same with what the last feed says of it, if one was asked for."""
    found = (target.memory or {}).get("deprecated", {}).get(info.id)
    if found is None:
        return info
    return replace(info, status=found.status, replaced_by=found.replaced_by, shutdown_at=found.shutdown_at)


def deprecations(target: Target, status: Any = None, since: Any = None) -> Flow[tuple[Deprecation, ...]]:
    """The feed; where it has not changed since this client asked last, the same objects as then."""
    from multiapi.types.account import DeprecationsRequest

    memory = {} if target.memory is None else target.memory
    place = ("deprecations", str(status), str(since))
    before: DeprecationFeed | None = memory.get(place)
    operation = operation_of(target.provider, "deprecations")
    http = operation.build(DeprecationsRequest(status=status, since=since))
    if before is not None and before.etag is not None:
        http = replace(http, headers={**http.headers, "if-none-match": before.etag})
    try:
        feed: DeprecationFeed = yield from exchange(target, operation, http)
    except StatusError as error:
        if before is None or error.status != 304:
            raise
        return before.items
    memory[place] = feed
    known = memory.setdefault("deprecated", {})
    known.update((name, each) for each in feed.items for name in (each.id, *each.aliases))
    return feed.items


def batch(target: Target, known: Batch | str) -> Flow[Batch]:
    """A batch as it is now, with its results if it is done; as it was, if the provider may not know it yet."""
    from multiapi.flows import jobs

    number = known if isinstance(known, str) else known.id
    try:
        found: Batch = yield from one(target, "get_batch", known)
    except NotFoundError as error:
        error.job_id = number
        unseen = None
        if not isinstance(known, str):
            now: float = yield Wait(0.0)
            unseen = jobs.not_yet(known, error, now)
        if unseen is None:
            raise
        return unseen
    except MultiApiError as error:
        error.job_id = number
        raise
    found = replace(found, id=found.id or number, created_s=None if isinstance(known, str) else known.created_s)
    if not isinstance(known, str) and known.names:
        found = replace(found, names=known.names, results=tuple(_with_names(each, known) for each in found.results))
    batch_ended(target.provider, found)
    return found


def _with_names(result: BatchResult, known: Batch) -> BatchResult:
    own = known.names.get(result.custom_id)
    if not own or result.response is None:
        return result
    return replace(result, response=with_own_names(result.response, own))


def cancel_batch(target: Target, known: Batch | str) -> Flow[Batch]:
    """A batch of which nothing more is begun."""
    try:
        return (yield from one(target, "cancel_batch", known))
    except MultiApiError as error:
        error.job_id = known if isinstance(known, str) else known.id
        raise


def search(target: Target, asked: SearchRequest | str) -> Flow[SearchResult]:
    """A search in two steps: the response in words, then each kind that is wanted by the response's id. The first is paid, the others are read.

    Raises:
        InvalidRequestError: A kind that there is not, or neither query nor id.
        WithdrawnError: The provider does not offer it any more.
        MultiApiError: A later step failed; `partial` is what came before it.
    """
    from multiapi.types.search import SEARCH_KINDS, SearchRequest, SearchResult

    request = SearchRequest(query=asked) if isinstance(asked, str) else asked
    name = target.provider.name
    operation_of(target.provider, "search")
    kinds = tuple(dict.fromkeys((request.kinds,) if isinstance(request.kinds, str) else request.kinds))
    unknown = [each for each in kinds if each not in SEARCH_KINDS]
    if unknown:
        raise InvalidRequestError(
            f"{name}: {printable(repr(unknown[0]), 60)} is not a kind of search result; kinds are {', '.join(SEARCH_KINDS)}",
            provider=name,
        )
    if request.followup_id is not None:
        result = SearchResult(provider=name, followup_id=request.followup_id)
    else:
        result = yield from one(target, "search", request)
    for kind in kinds:
        try:
            more: SearchResult = yield from one(target, f"search_{kind}", result.followup_id)
        except MultiApiError as error:
            error.partial = result
            error.cost = error.cost or result.cost
            raise
        result = replace(result, raw={**result.raw, **more.raw}, **{kind: getattr(more, kind)})
    return result
