"""The cases of connections again, with the pools of httpx and httpx2 instead of ours."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import RequestTimeoutError
from multiapi.types.limits import Timeout
from tests.reliability import test_connections as cases
from tests.reliability.bodies import delta, event
from tests.reliability.hostile_server import HostileServer, endless
from tests.reliability.ways import Way, every_whole_way, request


@pytest.fixture(params=["httpx", "httpx2"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which one sends, here."""
    name: str = request.param
    monkeypatch.setenv("MULTIAPI_ENGINE", name)
    return name


test_refused = cases.test_case_042_refused
test_no_such_name = cases.test_case_042_no_such_name
test_tls_failure = cases.test_case_042_tls_failure
test_connect_timeout = cases.test_case_042_connect_timeout
test_embeddings = cases.test_case_042_for_embeddings_too
test_broken_off = cases.test_case_043_broken_off
test_the_error_says_what_to_look_at = cases.test_case_043_the_error_says_what_to_look_at
test_no_byte_at_all = cases.test_case_044_no_byte_at_all
test_silence_in_the_middle = cases.test_case_044_silence_in_the_middle
test_slow_with_small_gaps = cases.test_case_045_slow_with_small_gaps
test_the_key_goes_only_into_its_header = cases.test_the_key_goes_only_into_its_header
test_within_the_budget = cases.test_case_042_within_the_budget
test_kept_alive_connection_closed_between_calls = cases.test_case_047_kept_alive_connection_closed_between_calls
test_connections_are_kept = cases.test_case_047_connections_are_kept_when_the_server_keeps_them


@every_whole_way
def test_a_byte_of_the_body_now_and_then_for_ever(way: Way) -> None:
    cases.test_case_046_a_byte_now_and_then_for_ever(way, "body")


@pytest.mark.parametrize("is_async", [False, True])
def test_a_pool_of_one(engine: str, is_async: bool) -> None:
    """Case 48: who finds no free connection is told that nothing was sent."""
    package = importlib.import_module(engine)
    settings: dict[str, Any] = {"api_key": "k", "timeout": Timeout(pool=0.2)}
    limits = package.Limits(max_connections=1)
    with HostileServer(endless(event(delta("x")), every_s=0.05)) as server:
        settings["base_url"] = server.url
        if is_async:

            async def second() -> RequestTimeoutError:
                async with package.AsyncClient(limits=limits) as own:
                    client = AsyncClient("aimlapi", http_client=own, **settings)
                    async with contextlib.aclosing(client.chat_stream(request())) as first:
                        await anext(first)
                        with pytest.raises(RequestTimeoutError) as caught:
                            await client.chat(request())
                return caught.value

            error = asyncio.run(second())
        else:
            with package.Client(limits=limits) as own:
                client = Client("aimlapi", http_client=own, **settings)
                with contextlib.closing(client.chat_stream(request())) as first:
                    next(first)
                    with pytest.raises(RequestTimeoutError) as caught:
                        client.chat(request())
                error = caught.value
    assert (error.phase, error.outcome_unknown) == ("pool", False)
    assert server.count == 1
