"""Every operation of every provider, against the contract: a body only where one is documented, and no field that its schema does not have.

Each field of each request is set in turn, so that a new field or operation is taken in by itself. Values are not judged here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from multiapi.errors import MultiApiError
from multiapi.http.exchange import HttpRequest
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi.legacy import ROUTES
from multiapi.simulator.contract import Operation, contract
from multiapi.types.chat import ChatRequest
from multiapi.types.media_requests import MediaRequest
from tests.providers.test_any_value import PLAIN, PNG, WAV

SAMPLES: tuple[Any, ...] = ("x", 1, 0.5, True, ["x"], {"a": "b"}, PNG, WAV, [PNG], "16:9", "2026-11-01")
UNSET = {"model", "extra", "headers", "extra_name", "settings"}
OPENAI = {"createChatCompletion", "createResponse", "createMessage", "createEmbedding"}
"""Compatible with a documentation of others by their own word; `test_fields_a_vendor_lacks.py` looks at them."""


def requests(provider: str, name: str) -> Iterator[tuple[str, Any]]:
    """The plain request, with the provider's own model, and the same with each field set to each sample."""
    plain = PLAIN[name]
    if isinstance(plain, MediaRequest | ChatRequest):
        model = PROVIDERS[provider].default_models.get(name.removeprefix("start_"), plain.model)
        plain = replace(plain, model=model)
    if name == "speech":
        plain = replace(plain, voice=PROVIDERS[provider].default_voice)
    yield "", plain
    for field in fields(plain):
        if field.name not in UNSET:
            for value in SAMPLES:
                yield field.name, replace(plain, **{field.name: value})


def built(provider: str, name: str, request: Any) -> HttpRequest | None:
    operation = PROVIDERS[provider].chat if name == "chat" else PROVIDERS[provider].operations[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return operation.build(request)  # type: ignore[no-any-return]
    except MultiApiError:
        return None


def documented(provider: str, http: HttpRequest) -> Operation | None:
    found = contract(provider).match(http.method, http.path)
    return None if found is None else found[0]


def undocumented(operation: Operation, http: HttpRequest) -> set[str]:
    """Fields that the body has and its closed schema has not."""
    schemas = operation.body_schemas
    media_type = "application/json" if http.json is not None else "multipart/form-data"
    if media_type not in schemas:
        return set()
    schema = contract(operation.vendor).resolve(schemas[media_type])
    if schema.get("additionalProperties", True) is not False:
        return set()
    sent = set(http.json) if http.json is not None else {part.name for part in http.files}
    return sent - operation.known_fields(media_type)


PLACES = [
    (provider.name, name)
    for provider in PROVIDERS.values()
    for name in ("chat", *provider.operations)
    if name in PLAIN
    and name not in ROUTES  # bodies of old operations are the caller's own; test_any_value.py has theirs
]


@pytest.mark.parametrize(("provider", "name"), PLACES, ids="-".join)
def test_bodies_and_fields_are_documented(provider: str, name: str) -> None:
    seen = 0
    for field, request in requests(provider, name):
        http = built(provider, name, request)
        if http is None:
            continue
        operation = documented(provider, http)
        assert operation is not None, (name, http.method, http.path)
        seen += 1
        has_body = http.json is not None or bool(http.files)
        assert has_body <= bool(operation.content_types), (name, field)
        if operation.body_required:
            assert has_body, (name, field)
        if operation.id not in OPENAI:
            assert not undocumented(operation, http), (name, field)
    assert seen
