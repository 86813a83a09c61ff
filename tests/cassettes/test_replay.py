"""Every cassette is played back by every reader; they must ask for the same bytes and read the same answer."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from multiapi.cassettes import replay
from multiapi.client.client import AsyncClient, Client
from multiapi.errors import ConnectionFailedError, JobFailedError
from multiapi.types.chat import ChatRequest
from tests.cassettes.chats import user
from tests.cassettes.readers import CORE_READERS, READERS
from tests.cassettes.scenario import FOLDER, KEY, Scenario
from tests.cassettes.table import SCENARIOS


@cache
def read_by_the_core(scenario: Scenario) -> Any:
    """What the core reads, which everybody else must read too."""
    with replay(scenario.path):
        return READERS["core"](scenario)


def pairs() -> list[Any]:
    """Each scenario with everybody who can carry it out."""
    return [
        pytest.param(scenario, name, id=f"{scenario}-{name}")
        for scenario in SCENARIOS
        for name in (READERS if scenario.request is not None else CORE_READERS)
        if name != "core" and name not in scenario.without
    ]


@pytest.mark.parametrize(("scenario", "reader"), pairs())
def test_every_reader_asks_for_the_same_and_reads_the_same(scenario: Scenario, reader: str) -> None:
    """Replaying at all is half of the test: a request that differs is not in the cassette, and one that is missing is noticed."""
    expected = read_by_the_core(scenario)
    with replay(scenario.path):
        assert READERS[reader](scenario) == expected


# ------------------------------------------------------------------------------------------------ replaying is strict

CHAT = FOLDER / "aimlapi" / "chat.yaml"
HELLO = ChatRequest(model="openai/gpt-4o", messages=[user("Say hello to the world.")])


def client() -> Client:
    return Client("aimlapi", api_key=KEY)


def test_a_client_with_the_vendors_own_address_and_no_key_is_enough() -> None:
    with replay(CHAT) as tape:
        assert client().chat(HELLO).text == "hello to the world"
    assert tape.play_count == 1


async def test_so_is_an_async_client() -> None:
    with replay(CHAT):
        assert (await AsyncClient("aimlapi", api_key=KEY).chat(HELLO)).text == "hello to the world"


def test_what_is_not_recorded_is_an_error_that_says_what_differs() -> None:
    other = ChatRequest(model="openai/gpt-4o", messages=[user("Say goodbye.")], temperature=0.5)
    with pytest.raises(ConnectionFailedError) as raised, replay(CHAT):
        client().chat(other)
    (note,) = raised.value.__notes__
    assert "not in the cassette: POST https://api.aimlapi.com/v1/chat/completions" in note
    assert "$.messages[0].content: recorded 'Say hello to the world.', sent 'Say goodbye.'" in note


def test_it_is_an_error_even_where_the_code_under_test_swallows_it() -> None:
    def careless() -> None:
        try:
            client().chat(ChatRequest(model="openai/gpt-4o", messages=HELLO.messages, max_tokens=5))
        except Exception:
            pass

    with pytest.raises(AssertionError, match=r"\$\.max_completion_tokens was sent and is not recorded"), replay(CHAT):
        careless()


def test_what_is_not_asked_for_is_an_error() -> None:
    with pytest.raises(AssertionError, match="not asked for: POST https://api.aimlapi.com/v1/chat/completions"):
        with replay(CHAT):
            pass


def test_an_exchange_is_played_once_unless_repeats_are_allowed() -> None:
    with pytest.raises(ConnectionFailedError) as raised, replay(CHAT):
        client().chat(HELLO)
        client().chat(HELLO)
    assert "(once more than recorded)" in raised.value.__notes__[0]
    with replay(CHAT, repeats=True):
        assert client().chat(HELLO) == client().chat(HELLO)


def test_another_host_is_another_exchange() -> None:
    """A key that is sent elsewhere is noticed."""
    elsewhere = Client("aimlapi", api_key=KEY, base_url="https://api.aimlapi.example")
    with pytest.raises(ConnectionFailedError) as raised, replay(CHAT):
        elsewhere.chat(HELLO)
    assert "the host is not api.aimlapi.com" in raised.value.__notes__[0]


def test_an_error_of_the_code_under_test_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), replay(CHAT):
        client().chat(HELLO)
        _ = 1 / 0


def test_a_missing_file_is_an_error_and_nothing_is_recorded() -> None:
    missing = FOLDER / "aimlapi" / "no_such_cassette.yaml"
    with pytest.raises(FileNotFoundError), replay(missing):
        pass
    assert not missing.exists()


def test_jobs_are_not_waited_for() -> None:
    """Twelve seconds of the vendor's time pass in none of ours; what failed there fails here."""
    failed = next(each for each in SCENARIOS if str(each) == "aimlapi/video_failed")
    with replay(failed.path), pytest.raises(JobFailedError, match="gave up on the video"):
        step = failed.steps[0]
        client().video(*step.arguments)


def test_a_replay_needs_no_network(socket_disabled: Any) -> None:
    with replay(CHAT):
        assert client().chat(HELLO).finish_reason == "stop"
