"""Cases 1 to 14: what each status becomes, and how often the server is asked."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from multiapi import AsyncClient, Client
from multiapi.errors import (
    AuthenticationError,
    InsufficientCreditsError,
    InvalidRequestError,
    MultiApiError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StatusError,
)
from multiapi.types.embeddings import EmbedRequest
from tests.contracts import contract
from tests.reliability.bodies import chat_body, good_for
from tests.reliability.hostile_server import HostileServer, answer, reset, status
from tests.reliability.ways import CHAT, KEYS, TEXT, Way, every_vendor, every_way

ENVELOPES: dict[str, Any] = {
    "bineric": {
        "success": False,
        "request_id": "req-7",
        "error": {"type": "ValidationError", "message": "THEIR WORDS", "code": 400},
    },
    "binom_router": {
        "error": {
            "code": "BAD_REQUEST",
            "message": "THEIR WORDS",
            "details": {},
            "requestId": "req-7",
            "timestamp": "t",
        }
    },
    "aimlapi": {"message": "THEIR WORDS", "requestId": "req-7", "statusCode": 400, "code": "bad_input"},
    "aicredits": {
        "error": {"message": "THEIR WORDS", "type": "invalid_request_error", "code": "bad"},
        "request_id": "req-7",
    },
    "binobox": {"error": {"code": "BAD_INPUT", "message": "THEIR WORDS", "request_id": "req-7"}},
}


@every_vendor
@every_way
def test_case_001_400_in_each_vendors_form(way: Way, vendor: str) -> None:
    with HostileServer(answer(ENVELOPES[vendor], status=400)) as server:
        error = way.ask(server.url, vendor).failed(InvalidRequestError)
    assert "THEIR WORDS" in str(error)
    assert (error.status, error.request_id, error.provider, error.attempts) == (400, "req-7", vendor, 1)
    assert error.code
    assert not error.retryable
    assert server.count == 1


@every_vendor
@every_way
def test_case_002_401_also_when_the_vendor_repeats_the_key(way: Way, vendor: str) -> None:
    key = KEYS[vendor]
    body = {
        "error": {
            "message": f"Incorrect API key provided: {key}. Sent 'Bearer {key}', Bearer sk-of-somebody-else-12345"
        }
    }
    with HostileServer(answer(body, status=401, headers={"x-request-id": f"about-{key}"})) as server:
        error = way.ask(server.url, vendor).failed(AuthenticationError)
    assert "Incorrect API key provided" in str(error)
    for text in (str(error), repr(error), error.body, str(error.request_id), str(pickle.dumps(error))):
        assert key not in text
        assert "sk-of-somebody-else" not in text
    assert server.count == 1


def test_case_002_the_key_in_the_body_of_a_success_that_is_none() -> None:
    key = KEYS["aimlapi"]
    for body in ({"error": {"message": f"bad key {key}", "code": 401}}, {"choices": f"key {key}"}, f"not json {key}"):
        with HostileServer(answer(body)) as server:
            error = CHAT.ask(server.url).failed()
        assert key not in str(error)
        assert key not in str(error.body)


@every_way
def test_case_003_402(way: Way) -> None:
    with HostileServer(status(402)) as server:
        error = way.ask(server.url).failed(InsufficientCreditsError)
    assert error.status == 402
    assert not error.retryable
    assert server.count == 1


@every_way
def test_case_003_403_that_means_no_money_at_aimlapi(way: Way) -> None:
    body = {"message": "You've run out of credits. Please top up your balance", "statusCode": 403}
    with HostileServer(answer(body, status=403)) as server:
        error = way.ask(server.url, "aimlapi").failed(InsufficientCreditsError)
    assert error.status == 403
    assert server.count == 1


@every_way
@pytest.mark.parametrize("code", [402, 400, 403])
def test_case_003_binobox_says_what_is_required_and_what_is_there(way: Way, code: int) -> None:
    body = {"error": {"code": "INSUFFICIENT_DIAMONDS", "message": "too few", "required": 12.5, "balance": 3}}
    with HostileServer(answer(body, status=code)) as server:
        error = way.ask(server.url, "binobox").failed(InsufficientCreditsError)
    assert (error.required, error.balance) == (12.5, 3)
    assert server.count == 1


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "INSUFFICIENT_DIAMONDS", "message": "few", "required": None, "balance": "x"}},
        {"error": {"code": "INSUFFICIENT_DIAMONDS"}},
        {"code": "INSUFFICIENT_DIAMONDS", "message": "few"},
        [{"code": "INSUFFICIENT_DIAMONDS", "message": "few"}],
    ],
)
def test_case_003_binobox_in_other_forms(body: Any) -> None:
    with HostileServer(answer(body, status=402)) as server:
        error = CHAT.ask(server.url, "binobox").failed(InsufficientCreditsError)
    assert error.balance is None or isinstance(error.balance, (int, float))
    assert error.required is None or isinstance(error.required, (int, float))


@every_way
def test_case_004_403(way: Way) -> None:
    with HostileServer(status(403)) as server:
        error = way.ask(server.url).failed(PermissionDeniedError)
    assert error.status == 403
    assert server.count == 1


@every_way
def test_case_005_404(way: Way) -> None:
    with HostileServer(status(404)) as server:
        assert way.ask(server.url).failed(NotFoundError).status == 404
    assert server.count == 1


@every_way
def test_case_006_408_of_a_post_is_not_repeated(way: Way) -> None:
    with HostileServer(status(408), good_for(way)) as server:
        error = way.ask(server.url).failed(ServerError)
    assert error.status == 408
    assert server.count == 1


@every_way
@pytest.mark.parametrize(
    ("code", "kind"),
    [(409, InvalidRequestError), (413, RequestTooLargeError), (415, InvalidRequestError), (422, InvalidRequestError)],
)
def test_case_007_the_other_refusals(way: Way, code: int, kind: type[StatusError]) -> None:
    with HostileServer(status(code)) as server:
        assert way.ask(server.url).failed(kind).status == code
    assert server.count == 1


@every_vendor
@every_way
def test_case_008_429_once_then_good(way: Way, vendor: str, waits: list[float]) -> None:
    with HostileServer(status(429), good_for(way, vendor)) as server:
        outcome = way.ask(server.url, vendor)
    if vendor == "bineric":
        assert "daily" in outcome.failed(RateLimitError).not_repeated
        assert server.count == 1
    else:
        assert outcome.good().text == TEXT
        assert server.count == 2
        assert waits[0] >= (5 if vendor == "binobox" else 0)


@every_way
def test_case_008_bineric_with_retry_after(way: Way, waits: list[float]) -> None:
    with HostileServer(status(429, headers={"retry-after": "3"}), good_for(way, "bineric")) as server:
        assert way.ask(server.url, "bineric").good().text == TEXT
    assert server.count == 2
    assert waits == [3.0]


@every_way
@pytest.mark.parametrize("retries", [0, 1, 2, 4])
def test_case_009_429_for_ever_is_n_plus_1_requests_in_every_layer(way: Way, retries: int) -> None:
    with HostileServer(status(429)) as server:
        error = way.ask(server.url, max_retries=retries).failed(RateLimitError)
    assert server.count == retries + 1
    assert error.attempts == retries + 1
    assert error.retryable
    assert "attempt" in error.not_repeated


@pytest.mark.parametrize("vendor", ["binom_router", "aimlapi", "aicredits", "binobox", "bineric"])
@every_way
def test_case_010_500_once_then_good(way: Way, vendor: str) -> None:
    with HostileServer(status(500), good_for(way, vendor)) as server:
        assert way.ask(server.url, vendor).good().text == TEXT
    assert server.count == 2


def is_repeated(vendor: str, code: int) -> bool:
    """As the contract's `x-retry` says; a 5xx that it does not list counts as `5xx` if that is there, else as 500."""
    retry = contract(vendor).get("x-retry", {}).get("statuses")
    if retry is None:  # AI/ML API has only words: back off and try again after any 5xx
        return True
    return bool((retry.get(str(code)) or retry.get("5xx") or retry["500"])["retry"])


@every_vendor
@every_way
@pytest.mark.parametrize("code", [502, 503, 504, 507, 520])
def test_case_011_502_503_504_and_unlisted_ones_as_the_contract_says(way: Way, vendor: str, code: int) -> None:
    with HostileServer(status(code), good_for(way, vendor)) as server:
        outcome = way.ask(server.url, vendor)
    if is_repeated(vendor, code):
        assert outcome.good().text == TEXT
        assert server.count == 2
    else:
        assert outcome.failed(ServerError).status == code
        assert server.count == 1


@every_way
def test_case_012_500_for_ever(way: Way, waits: list[float]) -> None:
    with HostileServer(status(500)) as server:
        error = way.ask(server.url, max_retries=3).failed(ServerError)
    assert server.count == error.attempts == 4
    assert len(waits) == 3


def test_case_012_the_backoff_doubles_with_full_jitter() -> None:
    from multiapi.sending.waiting import NoWaiting, set_waiting

    noted = NoWaiting()
    set_waiting(noted)
    with HostileServer(status(500)) as server:
        CHAT.ask(server.url, max_retries=7).failed(ServerError)
    assert noted.ranges == [(0.0, most) for most in (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)]


def test_case_012_within_the_time_budget() -> None:
    from multiapi.sending.waiting import Waiting, set_waiting
    from multiapi.types.limits import Timeout

    class Even(Waiting):
        """Without chance: no attempt begins so late that its own answer would be."""

        def between(self, least_s: float, most_s: float) -> float:
            return 0.3

    set_waiting(Even())
    with HostileServer(status(500, after_s=0.05)) as server:
        outcome = CHAT.ask(server.url, max_retries=50, timeout=Timeout(total=1.0))
    assert outcome.failed(ServerError).not_repeated == "no time is left of the total limit"
    assert 2 <= server.count <= 3


ODD = (
    300,
    304,
    305,
    402,
    410,
    418,
    421,
    423,
    424,
    425,
    426,
    428,
    431,
    451,
    501,
    505,
    507,
    520,
    522,
    524,
    529,
    530,
    598,
    600,
    999,
)


@every_way
@pytest.mark.parametrize("code", [300, 304, 418, 451, 520, 529, 600, 999])
def test_case_013_odd_statuses(way: Way, code: int) -> None:
    with HostileServer(status(code)) as server:
        error = way.ask(server.url, max_retries=0).failed()
    assert isinstance(error, (StatusError, MultiApiError))
    assert server.count == 1


@pytest.mark.parametrize("code", ODD)
def test_case_013_more_odd_statuses_have_their_status_on_the_error(code: int) -> None:
    with HostileServer(status(code)) as server:
        error = CHAT.ask(server.url, max_retries=0).failed(StatusError)
    assert error.status == code


@pytest.mark.parametrize("code", [100, 101, 199, 0, 99])
def test_case_013_statuses_that_are_none(code: int) -> None:
    with HostileServer(status(code)) as server:
        CHAT.ask(server.url, max_retries=0, timeout=0.5).failed()
    assert server.count == 1


READ: dict[str, dict[str, Any]] = {
    "models": {
        "object": "list",
        "data": [{"id": "a/b", "type": "t", "aliases": [], "tags": [], "info": {"name": "B", "developer": "A"}}],
    },
    "balance": {"current_balance": 1.5, "currency": "USD"},
    "usage": {
        "start": "2026-07-26T00:00:00Z",
        "end": "2026-07-27T00:00:00Z",
        "spend": 2.5,
        "currency": "USD",
        "requests": 3,
    },
}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("play", [status(500), status(429), status(503, headers={"retry-after": "0.1"}), reset()])
@pytest.mark.parametrize("operation", list(READ))
async def test_case_014_reading_is_repeated(operation: str, play: Any, is_async: bool) -> None:
    with HostileServer(play, answer(READ[operation])) as server:
        settings: dict[str, Any] = {"api_key": KEYS["aimlapi"], "base_url": server.url}
        if is_async:
            found = await getattr(AsyncClient("aimlapi", **settings), operation)()
        else:
            found = getattr(Client("aimlapi", **settings), operation)()
    assert server.count == 2
    told = found[0].raw if operation == "models" else found.raw
    expected = READ["models"]["data"][0] if operation == "models" else READ[operation]
    assert expected.items() <= told.items()


@pytest.mark.parametrize("vendor", ["aimlapi", "aicredits"])
@pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 507, 520, 408, 400])
async def test_case_008_and_010_and_011_for_embeddings(vendor: str, code: int) -> None:
    requests = 2 if code == 429 or (code >= 500 and is_repeated(vendor, code)) else 1
    vectors = {"data": [{"index": 0, "embedding": [1.0, 2.0]}], "model": "e"}
    asked = EmbedRequest(model="e", texts=["x"])
    for is_async in (False, True):
        with HostileServer(status(code), answer(vectors)) as server:
            settings: dict[str, Any] = {"api_key": KEYS[vendor], "base_url": server.url}
            try:
                if is_async:
                    found = await AsyncClient(vendor, **settings).embed(asked)
                else:
                    found = Client(vendor, **settings).embed(asked)
                assert requests == 2
                assert found.vectors == [[1.0, 2.0]]
            except StatusError as error:
                assert requests == 1
                assert error.status == code
        assert server.count == requests


def test_x_should_retry_no_is_obeyed_and_yes_does_not_overrule_the_money() -> None:
    for play, count in (
        (status(500, headers={"x-should-retry": "false"}), 1),
        (status(429, headers={"x-should-retry": "false"}), 1),
        (status(408, headers={"x-should-retry": "true"}), 1),
        (status(400, headers={"x-should-retry": "true"}), 1),
    ):
        with HostileServer(play, answer(chat_body())) as server:
            assert not CHAT.ask(server.url).failed(StatusError).retryable
        assert server.count == count
