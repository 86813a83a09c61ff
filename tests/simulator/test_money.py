"""Money: what the answers, the balances and the figures say must add up."""

from decimal import Decimal
from typing import Any

import pytest

from multiapi.simulator import Clock, Simulator
from tests.simulator.conversing import Talk

HELLO = {"messages": [{"role": "user", "content": "Count to thirty."}]}


def chat(talk: Talk, model: str = "a-model", path: str = "/chat/completions") -> Any:
    response = talk.post(path, {"model": model, **HELLO})
    assert response.status_code == 200
    return response.json()


def test_bineric_adds_up() -> None:
    talk = Talk("bineric")
    before = talk.get("/monitoring/balance").json()["data"]["balance"]
    answers = [chat(talk, model, "/ai/chat/completions") for model in ("gpt-4", "gpt-4", "o1")]
    costs = [Decimal(str(answer["usage"]["total_cost"])) for answer in answers]
    balance = talk.get("/monitoring/balance").json()["data"]
    assert Decimal(str(balance["balance"])) == Decimal(str(before)) - sum(costs)
    assert answers[-1]["usage"]["account_info"]["balance"] == balance["balance"]
    assert balance["usage"]["daily"]["requests"] == 3
    assert Decimal(str(balance["usage"]["daily"]["cost"])) == sum(costs)
    statistics = talk.get("/monitoring/usage").json()["data"]
    assert {entry["model"]: entry["usage"]["request_count"] for entry in statistics["by_model"]} == {
        "gpt-4": 2,
        "o1": 1,
    }
    assert Decimal(str(statistics["total_usage"]["total_cost"])) == sum(costs)
    assert statistics["total_usage"]["total_tokens"] == sum(answer["usage"]["total_tokens"] for answer in answers)
    daily = talk.get("/monitoring/daily-usage").json()["data"]
    assert daily["last_request"]["model"] == "o1"
    talk.simulator.clock.advance(86400)
    assert talk.get("/monitoring/daily-usage").json()["data"]["today_usage"]["requests"] == 0
    assert talk.get("/monitoring/usage").json()["data"]["total_usage"]["total_requests"] == 3
    past = {"startDate": "2020-01-01", "endDate": "2020-01-31"}
    assert talk.get("/monitoring/usage", params=past).json()["data"]["by_model"] == []
    backwards = {"startDate": "2020-02-01", "endDate": "2020-01-31"}
    assert talk.get("/monitoring/usage", params=backwards).status_code == 400
    assert talk.get("/monitoring/usage", params={"startDate": "yesterday"}).status_code == 400


def test_a_free_account_of_bineric() -> None:
    talk = Talk("bineric", key="free-account")
    usage = chat(talk, "norskgpt", "/ai/chat/completions")["usage"]
    assert usage["total_cost"] == 0
    assert usage["account_info"] == {"type": "free"}
    assert talk.get("/monitoring/balance").json()["data"]["payment_status"] == {"active": False}
    refused = talk.post(
        "/ai/chat/completions", {"model": "stability-ai", "messages": [{"role": "user", "content": "a cat"}]}
    )
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "PaidFeatureError")


def test_binobox_adds_up() -> None:
    talk = Talk("binobox")
    start = talk.get("/usage").json()["balance_remaining"]
    charged = [chat(talk, "gemini-3.1-flash-lite")["binobox"]["diamonds_charged"] for _ in range(3)]
    picture = talk.post(
        "/images/generations", {"model": "imagen-4-fast-generate", "prompt": "a cat", "settings": {"numberOfImages": 2}}
    )
    charged.append(picture.json()["binobox"]["diamonds_charged"])
    assert charged[-1] == 40
    assert talk.post("/chat/completions", {"model": "x"}).status_code == 400
    usage = talk.get("/usage").json()
    assert (usage["request_count"], usage["success_count"], usage["error_count"]) == (5, 4, 1)
    assert usage["diamonds_charged"] == pytest.approx(sum(charged))
    assert usage["balance_remaining"] == pytest.approx(start - sum(charged))
    talk.simulator.clock.advance(31 * 86400)
    assert talk.get("/usage").json()["request_count"] == 0


def test_a_film_is_charged_when_it_is_done() -> None:
    talk = Talk("binobox")
    before = talk.get("/usage").json()["balance_remaining"]
    talk.post("/videos/generations", {"model": "veo-3-lite-generate", "prompt": "a cat", "settings": {"duration": 1}})
    assert talk.get("/usage").json()["balance_remaining"] == before
    talk.simulator.clock.advance(60)
    assert talk.get("/usage").json()["balance_remaining"] == before - 800


def test_binobox_says_what_is_missing() -> None:
    talk = Talk("binobox")
    for _ in range(6):
        last = talk.post("/audio/music", {"model": "lyria-3-clip", "prompt": "calm", "settings": {"duration": 1}})
    talk.simulator.vendor("binobox").account(talk.key or "").balance = Decimal("12.5")
    refused = talk.post("/videos/generations", {"model": "veo-3-lite-generate", "prompt": "a cat"})
    assert last.status_code == 200
    assert refused.status_code == 402
    assert refused.json()["error"]["required"] == 800
    assert refused.json()["error"]["balance"] == 12.5


def test_aicredits_charges_the_wallet() -> None:
    talk = Talk("aicredits")
    before = talk.get("/v1/credits").json()["balance"]
    chat(talk, path="/v1/chat/completions")
    after = talk.get("/v1/credits").json()
    assert after["currency"] == "INR"
    assert after["balance"] < before


def test_aimlapi_adds_up() -> None:
    talk = Talk("aimlapi", Simulator(clock=Clock(1_780_000_000.0), withdrawn=True))
    before = Decimal(str(talk.get("/v2/billing").json()["current_balance"]))
    headers = {"x-client-request-id": "order-1"}
    first = talk.post("/v1/chat/completions", {"model": "openai/gpt-4o", **HELLO}, headers=headers)
    assert first.headers["x-client-request-id"] == "order-1"
    second = talk.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "hello"})
    talk.post("/v1/chat/completions", {"model": "openai/gpt-4o"})
    spent = [Decimal(str(answer.json()["meta"]["usage"]["usd_spent"])) for answer in (first, second)]
    credits = [answer.json()["meta"]["usage"]["credits_used"] for answer in (first, second)]
    assert [int(amount * 2_000_000) for amount in spent] == credits
    assert first.headers["x-aimlapi-credits-used"] == str(credits[0])
    assert Decimal(first.headers["x-aimlapi-usd-spent"]) == spent[0]
    assert Decimal(str(talk.get("/v2/billing").json()["current_balance"])) == before - sum(spent)
    assert talk.get("/v1/billing/balance").json()["balance"] == int((before - sum(spent)) * 2_000_000)
    usage = talk.get("/v2/usage", params={"period": "24h"}).json()
    assert (Decimal(str(usage["spend"])), usage["requests"]) == (sum(spent), 2)
    detail = talk.get("/v2/usage/detail", params={"period": "7d", "group_by": "model"}).json()
    assert sum(Decimal(str(entry["spend"])) for entry in detail["models"]) == sum(spent)
    assert sum(group["requests"]["charged"] for group in detail["groups"]) == detail["requests"]
    assert sum(group["requests"]["failed"] for group in detail["groups"]) == 1
    rows = talk.get("/v2/logs", params={"period": "1h"}).json()["data"]
    assert [row["status"] for row in rows] == ["failed", "succeeded", "succeeded"]
    assert rows[2]["client_request_id"] == "order-1"
    assert rows[2]["inference_id"] == first.headers["x-inference-id"]
    ledger = talk.get("/v2/billing/transactions").json()["data"]
    assert [row["direction"] for row in ledger] == ["CHARGE", "CHARGE", "TOPUP"]
    total = ledger[2]["amount"]["credits"] - ledger[0]["amount"]["credits"] - ledger[1]["amount"]["credits"]
    assert total == talk.get("/v1/billing/balance").json()["balance"]


def test_pages_of_the_ledger() -> None:
    talk = Talk("aimlapi")
    for _ in range(5):
        talk.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "hello"})
    seen: list[Any] = []
    cursor: str | None = None
    while True:
        page = talk.get(
            "/v2/billing/transactions", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += page["data"]
        cursor = page["pagination"]["next_cursor"]
        if not page["pagination"]["has_more"]:
            break
    assert len(seen) == 6
    assert talk.get("/v2/billing/transactions", params={"cursor": "YXQ6Mg"}).status_code == 400
    assert talk.get("/v2/billing/transactions", params={"page": 2}).status_code == 400


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"period": "24h", "start": "2026-01-01"}, 400),
        ({"period": "100d"}, 400),
        ({"period": "soon"}, 400),
        ({"start": "2026-05-01", "end": "2026-04-01"}, 400),
        ({"period": "1h", "key_prefix": "deadbeef"}, 403),
        ({"start": "2026-05-01T00:00:00Z", "end": "2026-05-02"}, 200),
    ],
)
def test_windows_of_usage(query: dict[str, str], status: int) -> None:
    assert Talk("aimlapi").get("/v2/usage", params=query).status_code == status


def test_keys_have_purses_of_their_own() -> None:
    simulator = Simulator(clock=Clock(1_780_000_000.0))
    mine, yours = Talk("aicredits", simulator, "key-one-111"), Talk("aicredits", simulator, "key-two-222")
    chat(mine, path="/v1/chat/completions")
    assert mine.get("/v1/credits").json()["balance"] < yours.get("/v1/credits").json()["balance"]


def test_keys_can_be_made_changed_and_taken_away() -> None:
    simulator = Simulator(clock=Clock(1_780_000_000.0))
    boss = Talk("aimlapi", simulator, "management-key-1")
    made = boss.post("/v1/keys", {"name": "ci", "limit": {"retention": "month", "threshold": 25}}).json()["data"]
    worker = Talk("aimlapi", simulator, made["key"])
    assert worker.get("/v1/key").json()["data"]["name"] == "ci"
    assert worker.post("/v1/keys", {}).status_code == 403
    assert boss.send("PATCH", f"/v1/keys/{made['prefix']}", json={"disabled": True}).json()["data"]["disabled"] is True
    assert worker.get("/v1/key").status_code == 401
    assert boss.send("PUT", f"/v1/keys/{made['prefix']}", json={"name": "new"}).json()["data"]["limit"] is None
    assert worker.get("/v1/key").status_code == 200
    assert boss.send("DELETE", f"/v1/keys/{made['prefix']}").json()["data"]["deleted"] is True
    assert worker.get("/v1/key").status_code == 401
    assert boss.send("PATCH", f"/v1/keys/{made['prefix']}", json={"disabled": True}).status_code == 404
