"""Deprecated models: the feed, what models() says of them, and one warning per client."""

from __future__ import annotations

import warnings
from typing import Any

import httpx
import pytest

from multiapi import AsyncClient, ChatRequest, Client, ImageRequest, Message, ModelDeprecatedWarning
from multiapi.providers.aimlapi import catalogue, gone
from multiapi.providers.aimlapi.catalogue import build
from multiapi.simulator import Simulator

pytestmark = pytest.mark.usefixtures("waits")

SUPERSEDED, DEPRECATED, WITHDRAWN = "#g1_aura-2-zeus-en", "gpt-4", "sakana/sakana-namazu"


def client(simulator: Simulator, sent: list[httpx.Request] | None = None) -> Client:
    hooks = {"request": [(sent if sent is not None else []).append]}
    http = httpx.Client(transport=simulator.transport, event_hooks=hooks)
    return Client("aimlapi", api_key="any-key-1234", base_url=simulator.base_url("aimlapi"), http_client=http)


def hello(model: str) -> ChatRequest:
    return ChatRequest(model=model, messages=[Message("user", "x")])


def test_the_feed_has_the_three_states_and_aliases() -> None:
    entries = client(Simulator()).deprecations()
    assert {entry.status for entry in entries} == {"deprecated", "superseded", "withdrawn"}
    aura = next(entry for entry in entries if SUPERSEDED in entry.aliases)
    assert (aura.status, aura.replaced_by, aura.shutdown_at) == ("superseded", "deepgram/aura-2", None)


def test_what_has_not_changed_is_the_same_object() -> None:
    sent: list[httpx.Request] = []
    mine = client(Simulator(), sent)
    first, second = mine.deprecations(), mine.deprecations()
    assert second is first
    assert "if-none-match" not in sent[0].headers and sent[1].headers["if-none-match"].startswith('W/"')
    assert not any("authorization" in request.headers for request in sent)


async def test_the_async_client_does_the_same() -> None:
    simulator = Simulator()
    http = httpx.AsyncClient(transport=simulator.async_transport)
    mine = AsyncClient("aimlapi", api_key="k-123456789", base_url=simulator.base_url("aimlapi"), http_client=http)
    assert await mine.deprecations() is await mine.deprecations()


def test_the_filters() -> None:
    mine = client(Simulator())
    assert {each.status for each in mine.deprecations("withdrawn")} == {"withdrawn"}
    assert {each.status for each in mine.deprecations(["Withdrawn", "superseded"])} == {"withdrawn", "superseded"}
    assert mine.deprecations("unheard of") == mine.deprecations()
    assert mine.deprecations(since="not a day") == mine.deprecations()
    assert [each.id for each in mine.deprecations(since="2026-08-01")] == ["openai/gpt-5.3-chat"]


@pytest.mark.parametrize("path", ["/models/deprecations", "/v1/models/deprecated", "/api/v1/models/deprecations"])
def test_the_simulator_has_the_other_paths(path: str) -> None:
    simulator = Simulator()
    http = httpx.Client(transport=simulator.transport)
    assert http.get(simulator.base_url("aimlapi") + path).json()["object"] == "list"


@pytest.mark.parametrize("ask", ["chat", "chat_stream"])
def test_a_call_with_a_deprecated_model_warns_once_per_client(ask: str) -> None:
    def call(mine: Client) -> Any:
        made = getattr(mine, ask)(hello(DEPRECATED))
        return list(made) if ask == "chat_stream" else made

    mine = client(Simulator())
    with pytest.warns(ModelDeprecatedWarning, match="aimlapi: the model gpt-4 is deprecated"):
        call(mine)
    call(mine)  # warnings are errors here
    with pytest.warns(ModelDeprecatedWarning):
        call(client(Simulator()))
    call_current = hello("openai/gpt-4o")
    assert client(Simulator()).chat(call_current).text


def test_the_warning_names_the_replacement_of_the_last_feed() -> None:
    mine = client(Simulator())
    feed = {"id": "openai/gpt-4o", "aliases": [], "status": "deprecated", "deprecated_at": "2026-11-01"}
    entry = {**feed, "shutdown_at": "2026-12-31", "replaced_by": "openai/gpt-6", "reason": "unknown"}
    answer = httpx.Response(200, json={"object": "list", "generated_at": "x", "data": [entry]})
    http = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    mine = Client("aimlapi", api_key="any-key-1234", http_client=http)
    mine.deprecations()
    wanted = "is deprecated since 2026-11-01, and is gone from 2026-12-31 on; use openai/gpt-6"
    with pytest.warns(ModelDeprecatedWarning, match=wanted), pytest.raises(Exception):  # noqa: B017
        mine.image(ImageRequest(model="openai/gpt-4o", prompt="x"))


def test_models_say_what_is_known_of_them() -> None:
    row = {"id": SUPERSEDED, "type": "internal/text-to-speech", "info": {}}
    http = httpx.Client(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json={"object": "list", "data": [row]}))
    )
    found = Client("aimlapi", api_key="any-key-1234", http_client=http).models()[0]
    assert (found.status, found.replaced_by) == ("superseded", "deepgram/aura-2")
    listed = {info.id for info in client(Simulator()).models()}
    assert not listed & {SUPERSEDED, WITHDRAWN}


def test_the_catalogue_knows_the_words_and_leaves_them_out() -> None:
    entry = catalogue.find(SUPERSEDED)
    assert entry is not None
    assert (entry.status, entry.replaced_by, entry.deprecated_at) == ("superseded", "deepgram/aura-2", "2026-06-26")
    assert {"superseded", "withdrawn"} & {each.status for each in catalogue.models()} == set()
    assert build.GONE.read_bytes() == build.gone_bytes()
    for each in catalogue.models(status=None):
        known = gone.deprecation_of(each.id)
        assert (known.status if known else None) == (
            each.status if each.status in {"deprecated", "superseded", "withdrawn"} else None
        )


def test_other_providers_have_no_feed_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulator = Simulator()
        http = httpx.Client(transport=simulator.transport)
        mine = Client("bineric", api_key="any-key-1234", base_url=simulator.base_url("bineric"), http_client=http)
        assert mine.chat(hello(DEPRECATED)).text
