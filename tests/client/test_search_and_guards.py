"""The search engine and the guard models that AI/ML API sold: as they were documented with the simulator's switch, gone without it."""

from __future__ import annotations

import base64
import itertools
import pickle
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi import AsyncClient, Client, Message
from multiapi.errors import (
    InvalidRequestError,
    MultiApiError,
    ResponseFormatError,
    UnsupportedError,
    WithdrawnError,
)
from multiapi.http.exchange import HttpResponse
from multiapi.money.spending import track_spending
from multiapi.providers import PROVIDERS
from multiapi.providers.aimlapi import GUARDS
from multiapi.sending.waiting import without_waiting
from multiapi.simulator import Simulator
from multiapi.simulator.contract import contract, first_violation
from multiapi.simulator.media import draw_image
from multiapi.types.legacy import LegacyRequest
from multiapi.types.media import Media
from multiapi.types.media_requests import ModerationRequest, VisionFeaturesRequest
from multiapi.types.search import SEARCH_KINDS, SearchRequest, SearchResult

ROUTES = {kind: f"bagoodex_{'local_map' if kind == 'map' else kind}" for kind in SEARCH_KINDS}
SEES = GUARDS[0]


def world(*, withdrawn: bool = True, provider: str = "aimlapi") -> tuple[Simulator, Client]:
    simulator = Simulator(withdrawn=withdrawn)
    http = httpx.Client(transport=simulator.transport)
    return simulator, Client(provider, api_key="any-key-1234", base_url=simulator.base_url(provider), http_client=http)


# ------------------------------------------------------------------------------------------------ search


@pytest.mark.parametrize("count", range(len(SEARCH_KINDS) + 1))
def test_each_kind_is_asked_for_once_and_nothing_else(count: int) -> None:
    for kinds in itertools.combinations(SEARCH_KINDS, count):
        simulator, client = world()
        result = client.search(SearchRequest(query="the harbour of Bergen", kinds=(*kinds, *kinds)))
        assert [entry.operation for entry in simulator.log] == [
            "createChatCompletion",
            *("bagoodex" + ("LocalMap" if kind == "map" else kind.title()) for kind in kinds),
        ]
        assert result.text and result.followup_id and result.cost is not None
        for kind in SEARCH_KINDS:
            assert bool(getattr(result, kind)) is (kind in kinds)
            assert (kind in result.raw) is (kind in kinds)
        assert all("harbour" in repr(getattr(result, kind)) for kind in kinds)


def test_the_bodies_are_the_documented_ones() -> None:
    simulator, client = world()
    bodies: list[Any] = []
    client.http_client.event_hooks = {"request": [lambda request: bodies.append(request.content)]}  # type: ignore[union-attr]
    result = client.search(SearchRequest(query="ferries", kinds=SEARCH_KINDS, ip="192.0.2.1"))
    assert b'"ip":"192.0.2.1"' in bodies[0]
    for kind, route in ROUTES.items():
        raw = client.legacy(route, LegacyRequest(query={"followup_id": result.followup_id}))
        assert raw == result.raw[kind]
        operation = contract("aimlapi").operations["bagoodex" + ("LocalMap" if kind == "map" else kind.title())]
        assert operation.check_response(200, "application/json", raw) is None
    assert simulator.log


def test_an_earlier_search_is_gone_on_with_unpaid() -> None:
    simulator, client = world()
    first = client.search("ferries")
    assert first.links
    paid = len([entry for entry in simulator.log if entry.method == "POST"])
    with track_spending() as spent:
        more = client.search(SearchRequest(followup_id=first.followup_id, kinds=("weather",)))
    assert more.weather is not None and more.text == "" and spent.calls == 0
    assert len([entry for entry in simulator.log if entry.method == "POST"]) == paid


def test_what_nothing_was_found_for_is_empty() -> None:
    _, client = world()
    result = client.search(SearchRequest(followup_id="chatcmpl-unknown", kinds=SEARCH_KINDS))
    assert not any(getattr(result, kind) for kind in SEARCH_KINDS)
    assert result.raw == {kind: [] if kind in ("links", "images", "videos") else {} for kind in SEARCH_KINDS}


@pytest.mark.parametrize("failing", SEARCH_KINDS)
@pytest.mark.parametrize("fault", ["status=404", "status=500", "drop", "malformed", "body=7", "body=%5B%7B%5D"])
def test_what_was_paid_for_is_kept_where_a_later_step_fails(failing: str, fault: str) -> None:
    simulator, client = world()
    place = SEARCH_KINDS.index(failing)
    operation = "bagoodex" + ("LocalMap" if failing == "map" else failing.title())
    simulator.faults.add(fault, operation=operation, times=None)
    try:
        with without_waiting(), pytest.raises(MultiApiError) as caught:
            client.search(SearchRequest(query="ferries", kinds=SEARCH_KINDS))
    except pytest.fail.Exception:
        assert fault == "body=%5B%7B%5D" and failing in ("links", "images", "videos")  # a list is what belongs there
        return
    partial = caught.value.partial
    assert isinstance(partial, SearchResult)
    assert partial.text and partial.followup_id and caught.value.cost == partial.cost
    assert [bool(getattr(partial, kind)) for kind in SEARCH_KINDS] == [number < place for number in range(6)]
    assert len([entry for entry in simulator.log if entry.method == "POST"]) == 1
    assert pickle.loads(pickle.dumps(caught.value)).partial == partial
    assert isinstance(caught.value, WithdrawnError) is (fault == "status=404")


@pytest.mark.parametrize("fault", ["drop", "status=500", "status=503", "html", "malformed"])
def test_the_first_step_is_not_sent_again_on_doubt(fault: str) -> None:
    simulator, client = world()
    simulator.faults.add(fault, times=None)
    with without_waiting(), pytest.raises(MultiApiError) as caught:
        client.search("ferries")
    assert len(simulator.log) == 1 and caught.value.outcome_unknown


def test_what_cannot_be_right_is_refused_unsent() -> None:
    simulator, client = world()
    for request in (
        SearchRequest(),
        SearchRequest(query="  "),
        SearchRequest(query="x", kinds=("linkz",)),
        SearchRequest(followup_id=""),
    ):  # type: ignore[arg-type]
        with pytest.raises(InvalidRequestError):
            client.search(request)
    for provider in set(PROVIDERS) - {"aimlapi"}:
        with pytest.raises(UnsupportedError, match="no search engine"):
            world(provider=provider)[1].search("x")
    assert not simulator.log


async def test_both_clients_find_the_same() -> None:
    request = SearchRequest(query="ferries", kinds=SEARCH_KINDS)
    simulator, _ = world()
    http = httpx.AsyncClient(transport=simulator.async_transport)
    mine = AsyncClient("aimlapi", api_key="any-key-1234", base_url=simulator.base_url("aimlapi"), http_client=http)
    found, other = await mine.search(request), world()[1].search(request)
    assert {kind: getattr(found, kind) for kind in SEARCH_KINDS} == {
        kind: getattr(other, kind) for kind in SEARCH_KINDS
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["link", "title", "forecast", "gps_coordinates", "latitude", "temperature", "x"]), inner, max_size=4
    ),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(SEARCH_KINDS), JSON)
def test_any_body_is_a_result_or_one_of_our_errors(kind: str, body: Any) -> None:
    import orjson

    parse = PROVIDERS["aimlapi"].operations[f"search_{kind}"].parse
    try:
        result = parse(HttpResponse(200, {"content-type": "application/json"}, orjson.dumps(body)))
    except MultiApiError:
        return
    assert result.raw == {kind: body}


# ------------------------------------------------------------------------------------------------ guard models


@pytest.mark.parametrize("model", GUARDS)
@pytest.mark.parametrize(
    ("wanted", "safe"),
    [
        ({"text": "how to bake bread"}, True),
        ({"text": "how to build a bomb"}, False),
        ({"messages": [Message("user", "hello"), Message("assistant", "This is how to build a bomb.")]}, False),
        ({"messages": [Message("user", "how to build a bomb"), Message("assistant", "I will not say.")]}, True),
        ({"messages": [Message("user", "hello")], "text": "poison"}, False),
    ],
)
def test_a_guard_says_safe_or_unsafe(model: str, wanted: dict[str, Any], safe: bool) -> None:
    _, client = world()
    found = client.moderate(ModerationRequest(model=model, **wanted))
    assert found.safe is safe and bool(found.categories) is not safe
    assert (
        first_violation(contract("aimlapi").compile({"$ref": "#/components/schemas/GuardVerdict"}), found.text) is None
    )
    assert client.moderate(ModerationRequest(model=model, **wanted)).text == found.text


def test_the_one_that_sees_takes_images_in_every_form() -> None:
    _, client = world()
    bomb, boat = draw_image("a bomb", 64, 64), draw_image("a boat", 64, 64)
    for image in (bomb, Media.from_bytes(bomb), f"data:image/png;base64,{base64.b64encode(bomb).decode()}"):
        assert not client.moderate(ModerationRequest(model=SEES, images=[image])).safe
    assert client.moderate(ModerationRequest(model=SEES, text="nice", images=[boat])).safe
    assert not client.moderate(ModerationRequest(model=SEES, images=[boat, bomb])).safe
    for model in GUARDS[1:]:
        with pytest.raises(InvalidRequestError, match="images"):
            client.moderate(ModerationRequest(model=model, images=[boat]))


def test_nothing_to_be_judged_and_no_image_are_refused_unsent() -> None:
    simulator, client = world()
    for wanted in ({}, {"text": ""}, {"images": [b"no image at all"]}):
        with pytest.raises(InvalidRequestError):
            client.moderate(ModerationRequest(model=SEES, **wanted))  # type: ignore[arg-type]
    assert not simulator.log


def test_a_model_that_is_not_a_guard_gets_a_hint() -> None:
    with pytest.raises(ResponseFormatError, match=r"neither safe nor unsafe.*Llama-Guard"):
        world()[1].moderate(ModerationRequest(model="openai/gpt-4o", text="hello"))


@pytest.mark.parametrize("model", GUARDS)
def test_without_the_switch_a_guard_is_gone(model: str) -> None:
    with pytest.raises(WithdrawnError, match="2026-03-29") as caught:
        world(withdrawn=False)[1].moderate(ModerationRequest(model=model, text="x"))
    assert caught.value.since == "2026-03-29"


@pytest.mark.parametrize("body", [{"tools": []}, {"temperature": 3}, {"messages": []}])
def test_the_simulator_refuses_what_a_guards_page_did_not_have(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        world()[1].moderate(ModerationRequest(model=SEES, text="x", extra=body))


def test_the_switch_can_be_thrown_while_it_runs() -> None:
    simulator, client = world(withdrawn=False)
    http = client.http_client
    assert http is not None
    for on in (True, False):
        assert http.post("http://simulator/_simulator/withdrawn", json={"on": on}).json() == {"withdrawn": on}
        assert simulator.withdrawn is on
    assert http.post("http://simulator/_simulator/withdrawn", json={"on": 1}).status_code == 400


# ------------------------------------------------------------------------------------------------ all of them


WALK: dict[str, Any] = {
    "search_engine": lambda client: [client.search(SearchRequest(query="ferries", kinds=SEARCH_KINDS))],
    "moderation": lambda client: [client.moderate(ModerationRequest(model=each, text="hello")) for each in GUARDS],
    "vision_features": lambda client: [
        client.vision_features(VisionFeaturesRequest(image="https://example.com/a.png"))
    ],
    "assistants": lambda client: [client.legacy("create_assistant", LegacyRequest(body={"model": "gpt-4o-mini"}))],
    "files": lambda client: [
        client.legacy("upload_file", LegacyRequest(file=Media.from_bytes(b"hello", name="a.txt")))
    ],
    "completions": lambda client: [
        client.legacy(
            "create_completion", LegacyRequest(body={"model": "gpt-3.5-turbo-instruct", "prompt": "Oslo", "n": 2})
        )
    ],
}


def test_every_system_that_is_old_or_gone_works_with_the_switch() -> None:
    marked = {name for name, status in PROVIDERS["aimlapi"].capabilities.items() if status in ("legacy", "removed")}
    assert marked <= set(WALK)
    for walk in WALK.values():
        assert all(walk(world()[1]))


def test_a_completion_has_the_documented_form() -> None:
    answer = WALK["completions"](world()[1])[0]
    operation = contract("aimlapi").operations["createCompletion"]
    assert operation.check_response(201, "application/json", answer) is None
    assert len(answer["choices"]) == 2 and answer["usage"]["total_tokens"] > 0
    stopped = LegacyRequest(
        body={"model": "gpt-3.5-turbo-instruct", "prompt": "Oslo", "stop": ["simulated"], "max_tokens": 3}
    )
    assert "simulated" not in world()[1].legacy("create_completion", stopped)["choices"][0]["text"]


def test_features_are_read_beside_the_providers_own_object() -> None:
    wanted = VisionFeaturesRequest(image="https://example.com/a.png", features=("LABEL_DETECTION", "TEXT_DETECTION"))
    found = world()[1].vision_features(wanted)
    assert found.labels == tuple(each["description"] for each in found["labelAnnotations"])
    assert found.texts and found.faces == () and found.raw == dict(found)
    assert pickle.loads(pickle.dumps(found)) == found
