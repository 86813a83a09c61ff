"""Model lists are the source of context windows and prices: the provider's own first, then the dated copy, then what makers publish."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from langchain_multiapi import ChatMultiApi
from llamaindex_multiapi import MultiApiLLM
from multiapi import Client
from multiapi.cli import shipped_lists
from multiapi.money.prices import PRICE_BOOK, shipped_limits
from multiapi.providers import PROVIDERS, context_windows
from multiapi.providers.context_windows import LEARNED, known_context_window
from multiapi.simulator import Simulator
from tests.contracts import response_examples

LISTS = json.loads(shipped_lists.SHIPPED.read_bytes())


def test_every_copy_has_its_day_and_its_source() -> None:
    assert LISTS
    for provider, entry in LISTS.items():
        assert provider in PROVIDERS
        assert date.fromisoformat(entry["as_of"]) and entry["source"]
    assert shipped_lists.written(LISTS) == shipped_lists.SHIPPED.read_bytes()


@pytest.mark.parametrize("provider", ["aicredits", "aimlapi", "bineric"])
def test_what_a_documented_list_says_is_shipped(provider: str) -> None:
    """Each documented example of a list that names a limit of a model that exists."""
    read = PROVIDERS[provider].operations["models"]
    from multiapi.http.exchange import HttpResponse

    for example in response_examples(provider):
        if example.operation != "listModels" or example.name.startswith("seen") or example.status != "200":
            continue
        for info in read.parse(HttpResponse(200, {}, json.dumps(example.value).encode())):
            said = {"context_tokens": info.context_tokens, "max_output_tokens": info.max_output_tokens}
            said = {name: value for name, value in said.items() if value}
            if said and info.id != "a/b":
                assert shipped_limits()[provider][info.id] == said


def test_the_table_kept_by_hand_holds_only_what_no_list_says() -> None:
    assert shipped_lists.now_listed(LISTS) == []
    assert "gpt-4o" not in context_windows.hand_kept()
    planted = shipped_lists.renewed(
        LISTS, {"provider": "aicredits", "models": [{"id": "x-ai/grok-4", "context_tokens": 256_000}]}, "2026-11-30"
    )
    assert shipped_lists.now_listed(planted) == ["grok-4"]


def test_a_name_in_one_list_is_known_at_every_provider() -> None:
    assert known_context_window("aimlapi", "openai/gpt-4o") == 128_000
    assert known_context_window("binom_router", "gpt-4o") == 128_000
    assert known_context_window("bineric", "gpt-4o-2024-11-20") == 128_000
    assert known_context_window("bineric", "gpt-4") == 8_192


def test_a_list_that_was_read_goes_before_the_shipped_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNED, ("aimlapi", "openai/gpt-4o"), 64_000)
    assert known_context_window("aimlapi", "openai/gpt-4o") == 64_000
    llm = MultiApiLLM(model="aimlapi:openai/gpt-4o", api_key="any-key-1234")
    assert llm.metadata.context_window == 64_000
    profile = ChatMultiApi(model="aimlapi:openai/gpt-4o", api_key="any-key-1234").profile
    assert profile is not None and profile["max_input_tokens"] == 64_000


def test_the_longest_response_is_known_without_asking() -> None:
    with PRICE_BOOK.aside():
        assert PRICE_BOOK.max_output_tokens("aimlapi", "openai/gpt-4o") == 16_384
        assert PRICE_BOOK.max_output_tokens("aimlapi", "no/such-model") is None


def test_the_command_renews_a_copy_from_what_the_command_line_wrote(tmp_path: Path) -> None:
    """As a person with a key would: the list of the command line, then the command."""
    from multiapi.cli import output

    simulator = Simulator(as_seen=True)
    http = httpx.Client(transport=simulator.transport)
    client = Client("aicredits", api_key="any-key-1234", base_url=simulator.base_url("aicredits"), http_client=http)
    with PRICE_BOOK.aside():
        listed = {"provider": "aicredits", "models": client.models(), "found": 1, "listed": 1}
    for key in [key for key in LEARNED if key[0] == "aicredits"]:
        del LEARNED[key]
    given, shipped = tmp_path / "aicredits.json", tmp_path / "lists.json"
    given.write_text(output.json_text(listed))
    shipped.write_bytes(shipped_lists.written(LISTS))
    shipped_lists.main([str(given), "--day", "2026-12-01", "--shipped", str(shipped)])
    made = json.loads(shipped.read_bytes())
    assert made["aicredits"]["as_of"] == "2026-12-01"
    assert made["aicredits"]["limits"]["example/retired-model"] == {"context_tokens": 8_192}
    prices = {(row["currency"], row["what"]): row for row in made["aicredits"]["models"]["openai/gpt-4o-mini"]}
    assert Decimal(prices["INR", "input_tokens"]["amount"]) == Decimal("15.045")
    assert {key: value for key, value in made.items() if key != "aicredits"} == {
        key: value for key, value in LISTS.items() if key != "aicredits"
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", made["aicredits"]["as_of"])
