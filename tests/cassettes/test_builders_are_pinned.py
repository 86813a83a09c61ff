"""Changing any one request builder fails a replay: each is changed here in every way in which a request can differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from multiapi.cassettes import replay
from multiapi.client.client import Client
from multiapi.http.exchange import HttpRequest
from multiapi.provider import Provider
from multiapi.providers import PROVIDERS
from tests.cassettes.scenario import KEY, Scenario, run
from tests.cassettes.table import SCENARIOS

Build = Callable[[Any], HttpRequest]


def with_builders(provider: Provider, change: Callable[[str, Build], Build]) -> Provider:
    """The vendor with each builder replaced by what `change` makes of its name and it."""
    stream = provider.chat_stream
    return replace(
        provider,
        chat=replace(provider.chat, build=change("chat", provider.chat.build)),
        chat_stream=stream and replace(stream, build=change("chat_stream", stream.build)),
        operations={
            name: replace(operation, build=change(name, operation.build))
            for name, operation in provider.operations.items()
        },
    )


def played(scenario: Scenario, provider: Provider) -> None:
    """Replay a scenario with the core and a changed vendor."""
    client = Client(provider, api_key=KEY, **scenario.settings)
    with replay(scenario.path):
        run(scenario, lambda _: client)


@cache
def askers() -> dict[tuple[str, str], Scenario]:
    """For each operation a scenario that asks for it, found by listening to the builders."""
    found: dict[tuple[str, str], Scenario] = {}

    def listening(scenario: Scenario) -> Callable[[str, Build], Build]:
        def wrap(name: str, build: Build) -> Build:
            def listen(request: Any) -> HttpRequest:
                found.setdefault((scenario.provider, name), scenario)
                return build(request)

            return listen

        return wrap

    for scenario in SCENARIOS:
        played(scenario, with_builders(PROVIDERS[scenario.provider], listening(scenario)))
    return found


OPERATIONS = [
    (provider.name, name)
    for provider in PROVIDERS.values()
    for name in ("chat", *(["chat_stream"] if provider.chat_stream else []), *provider.operations)
    # What a provider has withdrawn is answered by no recording; tests/client/test_withdrawn.py walks it on the simulator.
    # Chats by another protocol are built by `chat`, which is changed for them too.
    if name not in provider.operations or (provider.operations[name].withdrawn is None and name not in provider.apis)
]


def more_in_the_body(http: HttpRequest) -> HttpRequest:
    return replace(http, json={**(http.json or {}), "unexpected": True})


def less_in_the_body(http: HttpRequest) -> HttpRequest | None:
    return replace(http, json=dict(list(http.json.items())[:-1])) if http.json else None


def another_value(http: HttpRequest) -> HttpRequest | None:
    if not http.json:
        return None
    name, value = next(iter(http.json.items()))
    return replace(http, json={**http.json, name: [value]})


def less_in_the_form(http: HttpRequest) -> HttpRequest | None:
    return replace(http, form=(), files=(*http.files, *http.files)) if http.files else None


def another_file(http: HttpRequest) -> HttpRequest | None:
    files = tuple(replace(part, data=part.data + b"!") for part in http.files)
    return replace(http, files=files) if files else None


def more_in_the_query(http: HttpRequest) -> HttpRequest:
    return replace(http, query=(*http.query, ("unexpected", "1")))


def less_in_the_query(http: HttpRequest) -> HttpRequest | None:
    return replace(http, query=http.query[1:]) if http.query else None


def another_header(http: HttpRequest) -> HttpRequest | None:
    return replace(http, headers={name: f"{value}!" for name, value in http.headers.items()}) if http.headers else None


def another_path(http: HttpRequest) -> HttpRequest:
    return replace(http, path=http.path + "s")


def another_method(http: HttpRequest) -> HttpRequest:
    return replace(http, method="PUT" if http.method != "PUT" else "POST")


CHANGES = (
    more_in_the_body,
    less_in_the_body,
    another_value,
    less_in_the_form,
    another_file,
    more_in_the_query,
    less_in_the_query,
    another_header,
    another_path,
    another_method,
)


def test_every_operation_of_the_core_is_asked_for_by_a_cassette() -> None:
    assert [operation for operation in OPERATIONS if operation not in askers()] == []


@pytest.mark.parametrize(("provider", "name"), OPERATIONS, ids=lambda value: str(value))
def test_a_changed_builder_fails_the_replay(provider: str, name: str) -> None:
    scenario = askers()[provider, name]
    for change in CHANGES:
        changed = False

        def wrap(each: str, build: Build, change: Any = change) -> Build:
            def other(request: Any) -> HttpRequest:
                nonlocal changed
                http = build(request)
                spoilt = change(http)
                changed = changed or spoilt is not None
                return http if spoilt is None else spoilt

            return other if each == name else build

        noticed = False
        try:
            played(scenario, with_builders(PROVIDERS[provider], wrap))
        except Exception as error:
            noticed = "not in the cassette" in "\n".join([str(error), *getattr(error, "__notes__", [])])
            assert noticed or not changed, f"{change.__name__}: {error!r}"
        assert noticed == changed, f"{change.__name__} of {provider} {name} goes unnoticed in {scenario}"
