"""Reads the state and the id of a job out of what a provider says about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from multiapi.errors import (
    ResponseFormatError,
    printable,
)
from multiapi.formats.openai.vendor import error_from_body, error_inside, status_inside
from multiapi.http.exchange import HttpResponse, excerpt
from multiapi.types.jobs import JobState

MAX_ID_CHARS = 500


def parse_status(response: HttpResponse, *, provider: str, id_names: Collection[str] = ()) -> dict[str, Any]:
    """The body of a response about a job. Its state decides, not an `error` that stands beside it.

    The response to a start needs no state if the id is under one of `id_names`: the job runs, and its state can be asked for.

    Raises:
        StatusError: It is not about a job but an error.
        ResponseFormatError: It has no state.
    """
    body = response.json(provider=provider)
    status = body.get("status") if isinstance(body, dict) else None
    if isinstance(body, dict) and isinstance(status, str) and status.strip():
        return body
    failure = error_inside(body)
    if failure is not None:
        raise error_from_body(failure, response, provider, status=status_inside(failure))
    if isinstance(body, dict) and job_id_of(body, *id_names):
        return {**body, "status": ""}
    raise ResponseFormatError(
        f"{provider} answered about a job without saying its state",
        provider=provider,
        status=response.status,
        body=excerpt(response.body),
    )


def state_of(status: str, *, done: Collection[str], failed: Collection[str]) -> JobState:
    """What the provider's word means: one that is not documented means that the work goes on."""
    word = status.strip().lower()
    return "completed" if word in done else "failed" if word in failed else "pending"


def job_id_of(body: Mapping[str, Any], *names: str) -> str:
    """The id of a job, a number too; empty if there is none that can be asked about."""
    for name in names:
        value = body.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and _is_id(str(value)):
            return str(value)
    return ""


def error_word(error: Any, *names: str) -> str | None:
    """The provider's word for a failure, under the first of these names that has one; a number is only a status."""
    found = [error.get(name) for name in names] if isinstance(error, dict) else []
    return next((printable(word, 120) for word in found if isinstance(word, str) and word and not word.isdigit()), None)


def _is_id(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_ID_CHARS and text.isprintable() and text not in {".", ".."}
