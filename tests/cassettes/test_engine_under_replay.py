"""A replay that is the first thing in a process: nothing of ours is asked of the recorder that stands in between."""

from __future__ import annotations

from multiapi import ChatRequest, Client, Message
from multiapi.cassettes import replay
from multiapi.sending.engines import engine_in_use
from multiapi.transport.internals import missing
from tests.cassettes.scenario import FOLDER, KEY


def test_what_we_use_of_httpx_is_not_looked_at_through_a_recorder() -> None:
    missing.cache_clear()
    engine_in_use.cache_clear()
    with replay(str(FOLDER / "aimlapi" / "chat.yaml")):
        ask = ChatRequest(model="openai/gpt-4o", messages=[Message("user", "Say hello to the world.")])
        assert Client("aimlapi", api_key=KEY).chat(ask).text
    missing.cache_clear()
    engine_in_use.cache_clear()
    assert missing() is None
