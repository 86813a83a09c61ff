"""The errors that the vendors document, and the ways in which answers and streams go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from multiapi.errors import (
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ResponseFormatError,
    ServerError,
    StreamInterruptedError,
)
from multiapi.providers import PROVIDERS
from multiapi.simulator.contract import Operation, contract
from multiapi.types.chat import ChatRequest
from tests.cassettes import chats
from tests.cassettes.chats import UNSTREAMED, user
from tests.cassettes.scenario import Scenario, Step

CLASSES: dict[int, type[MultiApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: RequestTooLargeError,
    429: RateLimitError,
    500: ServerError,
    502: ServerError,
    503: ServerError,
    504: ServerError,
}
"""What each status is read as; a vendor's exceptions are in `CAUSES`."""

CAUSES: dict[tuple[str, int], tuple[dict[str, object], type[MultiApiError]]] = {
    ("aimlapi", 403): ({"key": "empty-wallet"}, InsufficientCreditsError),
    ("aimlapi", 404): ({"model": "no-such-model"}, NotFoundError),
    ("aicredits", 403): ({"key": "expired-key"}, PermissionDeniedError),
    ("aicredits", 503): ({"model": "no-such-model"}, ServerError),
}
"""How a vendor is brought to refuse, where the simulator knows a cause that a user could give too."""

_SHARED_CAUSES: dict[int, dict[str, object]] = {
    400: {"extra": {"temperature": 7}},
    401: {"key": "invalid-key"},
    402: {"key": "empty-wallet"},
}
WITHOUT_RETRY_AFTER = frozenset({"bineric", "aimlapi"})
"""Vendors that document no Retry-After with their 429."""


def scenarios() -> Iterator[Scenario]:
    """Each documented error of chat in a cassette of its own, of the other operations in one cassette per operation."""
    for provider in PROVIDERS:
        for status in documented_statuses(provider):
            yield _chat_error(provider, status)
        if provider == "aimlapi":
            step = Step(
                method="chat", arguments=(_plain(provider),), raises=InvalidRequestError, fault="status=400; form=2024"
            )
            yield Scenario(provider=provider, name="chat_error_of_2024", steps=(step,), settings={"max_retries": 0})
        yield from _broken_answers(provider)
        yield from _second_attempts(provider)
        if provider not in UNSTREAMED:
            yield from _broken_streams(provider)


@cache
def documented_statuses(provider: str) -> tuple[int, ...]:
    """The error statuses of a vendor's chat; what is documented only as "any other error" counts as a 500."""
    found = statuses_of(contract(provider).operations["createChatCompletion"])
    return tuple(sorted(found))


def statuses_of(operation: Operation) -> set[int]:
    """The error statuses that an operation documents, by itself or by what its contract says of all operations."""
    spec = operation.spec.get("responses", {})
    found = {int(status) for status in spec if str(status).isdigit() and int(status) >= 400}
    if "default" in spec:
        classes = operation.contract.document.get("x-errors", {}).get("classes", {})
        found |= {int(status) for status in classes} or {500}
    return found


def _plain(provider: str) -> ChatRequest:
    return ChatRequest(model=chats.MODELS[provider], messages=[user("Say hello to the world.")])


def _chat_error(provider: str, status: int) -> Scenario:
    causes: dict[str, object] = dict(_SHARED_CAUSES.get(status, {}))
    raises = CLASSES[status]
    if (provider, status) in CAUSES:
        causes, raises = dict(CAUSES[provider, status][0]), CAUSES[provider, status][1]
    if provider == "bineric" and status == 400:
        causes = {"extra": {"options": {"temperature": 7}}}
    request, key, fault = _plain(provider), None, None
    if "key" in causes:
        key = str(causes["key"])
    elif causes:
        request = replace(request, **causes)  # type: ignore[arg-type]
    else:
        fault = fault_of(provider, status)
    step = Step(method="chat", arguments=(request,), raises=raises, key=key, fault=fault)
    return Scenario(provider=provider, name=f"chat_error_{status}", steps=(step,), settings={"max_retries": 0})


def fault_of(provider: str, status: int) -> str:
    """What the simulator is told, to answer with a status."""
    waits = status == 429 and provider not in WITHOUT_RETRY_AFTER
    return f"status={status}; retry-after=7" if waits else f"status={status}"


def _broken_answers(provider: str) -> Iterator[Scenario]:
    """A proxy's page instead of an answer, and bodies that cannot be read."""
    for name, fault, raises in (
        ("html", "html", ServerError),
        ("malformed", "malformed", ResponseFormatError),
        ("empty", "empty", ResponseFormatError),
    ):
        step = Step(method="chat", arguments=(_plain(provider),), fault=fault, raises=raises)
        yield Scenario(provider=provider, name=f"chat_{name}", steps=(step,), settings={"max_retries": 0})


def _second_attempts(provider: str) -> Iterator[Scenario]:
    """What is tried again, and what is asked for in another way."""
    step = Step(method="chat", arguments=(_plain(provider),), fault="status=429; retry-after=1")
    yield Scenario(provider=provider, name="chat_retried", steps=(step,), settings={"max_retries": 1})
    if PROVIDERS[provider].structured[0] == "json_schema":
        request = replace(
            _plain(provider),
            messages=[user("Oslo is a city with 717710 inhabitants. Extract it.")],
            response_format=chats.CITY,
        )
        refusal = "status=400; message=response_format json_schema is not supported by this model"
        yield Scenario(
            provider=provider,
            name="chat_structured_stepped_down",
            steps=(Step(method="chat", arguments=(request,), fault=refusal),),
            settings={"max_retries": 1},
        )


def _broken_streams(provider: str) -> Iterator[Scenario]:
    for name, fault, raises in (
        ("error_inside", "error=3; status=503", ServerError),
        ("ended_early", "end=3", StreamInterruptedError),
        ("malformed", "malformed=3", ResponseFormatError),
        ("commented", "comments", None),
        ("without_done", "no-done", None),
    ):
        step = Step(method="chat_stream", arguments=(_plain(provider),), fault=fault, raises=raises)
        yield Scenario(provider=provider, name=f"chat_stream_{name}", steps=(step,), settings={"max_retries": 0})
    for status in (401, 429):
        fault = fault_of(provider, status)
        step = Step(method="chat_stream", arguments=(_plain(provider),), fault=fault, raises=CLASSES[status])
        name = f"chat_stream_error_{status}"
        yield Scenario(provider=provider, name=name, steps=(step,), settings={"max_retries": 0})


# ------------------------------------------------------------------------------------------------ other operations


ASKED_BY = {
    "bineric": {
        "listModels": "models",
        "convertFileToBase64": "file_to_base64",
        "decodeBase64": "decode_base64",
        "getUsageStatistics": "usage",
        "getDailyUsage": "daily_usage",
        "getBalance": "balance",
    },
    "aicredits": {
        "createResponse": "responses",
        "createImage": "image",
        "createSpeech": "speech",
        "createTranscription": "transcribe",
        "createEmbedding": "embed",
        "getCredits": "credits",
        "listModels": "models",
        "getReadiness": "health_ready",
    },
    "binobox": {
        "listModels": "models",
        "getUsage": "usage",
        "createImage": "image",
        "createSpeech": "speech",
        "createMusic": "music",
        "createVideo": "video_polls",
        "getJob": "job_not_found",
    },
}
"""For each operation that lists its own errors, the scenario whose first step asks for it."""


def of_operations(named: Mapping[str, Scenario]) -> Iterator[Scenario]:
    """For each operation but chat the errors that its part of the contract lists, one after the other in one cassette."""
    for provider, asked in ASKED_BY.items():
        for operation_id, name in asked.items():
            step = named[f"{provider}/{name}"].steps[0]
            steps = tuple(
                replace(step, fault=fault_of(provider, status), raises=CLASSES[status], key=None)
                for status in sorted(statuses_of(contract(provider).operations[operation_id]))
            )
            title = f"{name.removesuffix('_polls').removesuffix('_not_found')}_errors"
            yield Scenario(provider=provider, name=title, steps=steps, settings={"max_retries": 0})
