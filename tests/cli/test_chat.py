"""`multiapi chat` and `multiapi embed`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from multiapi.providers import PROVIDERS
from multiapi.simulator import Simulator
from tests.cli.conftest import RunCli

HELLO = "Say hello in three words."


@pytest.mark.parametrize("provider", PROVIDERS)
def test_chat_answers_on_every_vendor(cli: RunCli, provider: str) -> None:
    ran = cli("chat", "-p", provider, "--simulator", HELLO)
    assert (ran.code, ran.out) == (0, "hello in three words\n")
    assert f"simulator: nothing is sent to {provider}" in ran.err


@pytest.mark.parametrize("provider", PROVIDERS)
def test_chat_gives_scripts_one_object(cli: RunCli, provider: str) -> None:
    ran = cli("chat", "-p", provider, "--simulator", "--json", HELLO)
    assert (ran.json["provider"], ran.json["text"]) == (provider, "hello in three words")
    assert "raw" not in ran.json
    assert "headers" not in ran.json


def test_the_cost_is_told_in_the_vendors_unit(cli: RunCli) -> None:
    ran = cli("chat", "-p", "binobox", "--simulator", HELLO)
    assert ran.err.splitlines()[-1] == "gemini-3.1-flash-lite · cost 0.18 diamonds, 4999.82 left"
    assert cli("chat", "-p", "binobox", "--simulator", "--json", HELLO).json["cost"] == {
        "amount": "0.18",
        "unit": "diamonds",
        "balance": "4999.82",
    }
    unsaid = cli("chat", "-p", "binom_router", "-m", "gpt-4o", "--simulator", HELLO)
    assert "binom_router does not say what it cost" in unsaid.err
    estimated = cli("chat", "-p", "aicredits", "--simulator", HELLO)
    assert "cost about 0." in estimated.err


def test_quiet_says_nothing_but_the_answer(cli: RunCli) -> None:
    ran = cli("chat", "-p", "aimlapi", "--simulator", "-q", HELLO)
    assert (ran.out, ran.err) == ("hello in three words\n", "")


def test_whole_and_streamed_answers_are_the_same(cli: RunCli, served: Simulator) -> None:
    streamed = cli("chat", "-p", "aimlapi", HELLO)
    whole = cli("chat", "-p", "aimlapi", "--no-stream", HELLO)
    assert streamed.out == whole.out == "hello in three words\n"


def test_settings_reach_the_vendor(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    answer = Simulator.answer

    def noting(self: Simulator, request):
        sent.append(json.loads(request.body))
        return answer(self, request)

    monkeypatch.setattr(Simulator, "answer", noting)
    words = [
        "--system",
        "Be brief.",
        "--temperature",
        "0",
        "--max-tokens",
        "50",
        "--extra",
        '{"top_k": 5}',
        "--no-stream",
    ]
    assert cli("chat", "-m", "aimlapi:openai/gpt-4o", "--simulator", *words, HELLO).code == 0
    [body] = sent
    assert body["model"] == "openai/gpt-4o"
    assert (body["temperature"], body["max_completion_tokens"], body["top_k"]) == (0.0, 50, 5)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_the_prompt_is_read_from_stdin(cli: RunCli) -> None:
    for words in ([], ["-"]):
        assert cli("chat", "-p", "aimlapi", "--simulator", *words, input=HELLO).out == "hello in three words\n"
    missing = cli("chat", "-p", "aimlapi", "--simulator", input="")
    assert missing.code == 2
    assert missing.error == "error: no prompt: write it behind the command, or pipe it in"


def test_files_go_with_the_prompt(cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("image", "-p", "aimlapi", "--simulator", "a lighthouse", "-o", "light.png").code == 0
    (tmp_path / "notes.md").write_text("# Harbour\nThe harbour code is 4711.\n")
    sent = []
    answer = Simulator.answer
    monkeypatch.setattr(
        Simulator, "answer", lambda self, request: (sent.append(request.body), answer(self, request))[1]
    )
    ran = cli("chat", "-p", "aimlapi", "--simulator", "What is this?", "-f", "light.png", "-f", "notes.md")
    assert ran.code == 0
    [text, picture] = json.loads(sent[-1])["messages"][-1]["content"]
    assert text["text"] == "What is this?\n\nnotes.md:\n```\n# Harbour\nThe harbour code is 4711.\n\n```"
    assert picture["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    missing = cli("chat", "-p", "aimlapi", "--simulator", "What?", "-f", "no.png")
    assert (missing.code, missing.error) == (2, "error: no.png: No such file or directory")


def test_a_schema_makes_the_answer_a_value(cli: RunCli, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    (tmp_path / "city.json").write_text(json.dumps(schema))
    ran = cli("chat", "-p", "binobox", "--simulator", "--schema", "city.json", "Which city?")
    assert ran.code == 0
    assert isinstance(ran.json["city"], str)
    both = cli("chat", "-p", "aimlapi", "--simulator", "--schema", "city.json", "--json", "Which city?")
    assert isinstance(both.json["value"]["city"], str)
    assert both.json["provider"] == "aimlapi"


def test_the_provider_may_come_from_the_environment(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTIAPI_PROVIDER", "binobox")
    assert cli("chat", "--simulator", "--json", HELLO).json["provider"] == "binobox"
    # What is written stands above the environment.
    assert cli("chat", "--simulator", "--json", "-m", "aimlapi:openai/gpt-4o", HELLO).json["provider"] == "aimlapi"
    assert cli("chat", "--simulator", "--json", "-p", "aicredits", HELLO).json["provider"] == "aicredits"


def test_the_simulator_may_be_asked_for_before_the_command(cli: RunCli) -> None:
    assert cli("--simulator", "chat", "-p", "aimlapi", HELLO).out == "hello in three words\n"


def test_embed_shows_what_is_alike(cli: RunCli) -> None:
    ran = cli("embed", "-p", "aimlapi", "--simulator", "a cat", "a small cat", "stock market")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["text", "length", "like", "the", "first"]
    assert [line[:20].split("  ")[0].strip() for line in lines[2:]] == ["a cat", "a small cat", "stock market"]
    assert lines[2].split()[-2:] == ["1536", "1.000"]


def test_embed_gives_scripts_the_vectors(cli: RunCli) -> None:
    ran = cli("embed", "-p", "aicredits", "--simulator", "--json", "-", input="one\n\ntwo\n")
    assert ran.json["texts"] == ["one", "two"]
    assert [len(vector) for vector in ran.json["vectors"]] == [1536, 1536]


def test_embed_is_not_everywhere(cli: RunCli) -> None:
    ran = cli("embed", "-p", "binobox", "--simulator", "one")
    assert (ran.code, ran.error) == (11, "error: binobox has no embeddings; aicredits and aimlapi have")
