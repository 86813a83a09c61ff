"""Chat at the five addresses: what differs from vendor to vendor in the answer, whole and streamed."""

import json
from typing import Any

import pytest

from multiapi.simulator import Simulator
from multiapi.simulator.model import tokens
from tests.simulator.conversing import Talk, events

PATHS = {
    "bineric": "/ai/chat/completions",
    "binom_router": "/chat/completions",
    "aimlapi": "/v1/chat/completions",
    "aicredits": "/v1/chat/completions",
    "binobox": "/chat/completions",
}
COUNT = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Count to five"}]}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
OSLO = {
    "model": "openai/gpt-4o",
    "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
    "tools": [WEATHER],
}


def chat(vendor: str, body: dict[str, Any]) -> dict[str, Any]:
    response = Talk(vendor).post(PATHS[vendor], body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def streamed(vendor: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = Talk(vendor).post(PATHS[vendor], {**body, "stream": True})
    assert response.status_code == 200, response.text
    assert response.text.endswith("data: [DONE]\n\n")
    return list(events(response.text))


def said(chunks: list[dict[str, Any]], name: str = "content", index: int = 0) -> str:
    return "".join(
        choice["delta"].get(name) or "" for chunk in chunks for choice in chunk["choices"] if choice["index"] == index
    )


@pytest.mark.parametrize("vendor", PATHS)
def test_the_same_request_gets_the_same_answer(vendor: str) -> None:
    first, second = (chat(vendor, COUNT) for _ in range(2))
    assert first == second
    assert "1, 2, 3, 4, 5" in json.dumps(first)


@pytest.mark.parametrize("vendor", ["binom_router", "aimlapi", "aicredits"])
def test_a_stream_says_what_the_whole_answer_says(vendor: str) -> None:
    for body in (COUNT, OSLO):
        whole, chunks = chat(vendor, body)["choices"][0], streamed(vendor, body)
        assert said(chunks) == (whole["message"]["content"] or "")
        assert [
            choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]
        ] == [whole["finish_reason"]]
        calls = [
            call for chunk in chunks for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", [])
        ]
        arguments = "".join(call["function"]["arguments"] for call in calls)
        assert arguments == "".join(call["function"]["arguments"] for call in whole["message"].get("tool_calls", []))


@pytest.mark.parametrize("vendor", ["binom_router", "aimlapi", "aicredits"])
def test_usage_in_streams_only_when_asked_for(vendor: str) -> None:
    usage = chat(vendor, COUNT)["usage"]
    assert usage["completion_tokens"] == tokens.count("1, 2, 3, 4, 5")
    assert not any(chunk.get("usage") for chunk in streamed(vendor, COUNT))
    asked = streamed(vendor, {**COUNT, "stream_options": {"include_usage": True}})
    assert [chunk["usage"] for chunk in asked if chunk.get("usage")] == [usage]


@pytest.mark.parametrize("vendor", ["binom_router", "aimlapi", "aicredits"])
def test_several_choices(vendor: str) -> None:
    whole = chat(vendor, {**COUNT, "n": 3})
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    chunks = streamed(vendor, {**COUNT, "n": 3})
    for index in range(3):
        assert said(chunks, index=index) == whole["choices"][index]["message"]["content"]


@pytest.mark.parametrize("vendor", ["binom_router", "aimlapi", "aicredits"])
def test_limits_in_whole_answers_and_streams(vendor: str) -> None:
    cut = chat(vendor, {**COUNT, "max_tokens": 3})["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == ("1, 2", "length")
    stopped = chat(vendor, {**COUNT, "stop": ["4"]})["choices"][0]
    assert (stopped["message"]["content"], stopped["finish_reason"]) == ("1, 2, 3, ", "stop")
    call = chat(vendor, {**OSLO, "max_tokens": 5})["choices"][0]
    assert call["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(call["message"]["tool_calls"][0]["function"]["arguments"])


def test_log_probabilities_where_they_are_documented() -> None:
    whole = chat("aimlapi", {**COUNT, "logprobs": True, "top_logprobs": 2})["choices"][0]
    entries = whole["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == whole["message"]["content"]
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 2 for entry in entries)
    chunks = streamed("aimlapi", {**COUNT, "logprobs": True})
    assert [
        choice["logprobs"]["content"][0]["token"]
        for chunk in chunks
        for choice in chunk["choices"]
        if choice.get("logprobs")
    ] == [entry["token"] for entry in entries]
    assert "logprobs" not in chat("aicredits", {**COUNT, "logprobs": True})["choices"][0]


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "deepseek/deepseek-r1"},
        {"model": "openai/o3-mini"},
        {"model": "openai/gpt-5-2025-08-07", "reasoning_effort": "low"},
        {
            "model": "anthropic/claude-opus-4-5",
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 4096,
        },
        {"model": "alibaba/qwen3-32b", "enable_thinking": True},
    ],
)
def test_thoughts_are_told_apart_from_the_answer(asked: dict[str, Any]) -> None:
    body = {**COUNT, **asked}
    whole = chat("aimlapi", body)
    message = whole["choices"][0]["message"]
    assert message["content"] == "1, 2, 3, 4, 5"
    assert (
        whole["usage"]["completion_tokens_details"]["reasoning_tokens"]
        == tokens.count(message["reasoning_content"])
        > 0
    )
    assert said(streamed("aimlapi", body), "reasoning_content") == message["reasoning_content"]


def test_thoughts_stay_hidden_where_the_vendor_hides_them() -> None:
    whole = chat("aicredits", {**COUNT, "model": "openai/o1"})
    assert "reasoning_content" not in whole["choices"][0]["message"]
    assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    assert "reasoning_content" not in chat("binom_router", {**COUNT, "model": "o1"})["choices"][0]["message"]


def test_thoughts_can_be_switched_off() -> None:
    body = {**COUNT, "model": "alibaba/qwen3-32b", "enable_thinking": False}
    assert "reasoning_content" not in chat("aimlapi", body)["choices"][0]["message"]


def test_the_price_is_in_the_answer_and_at_the_end_of_a_stream() -> None:
    whole = chat("aimlapi", COUNT)
    prices = [chunk["meta"] for chunk in streamed("aimlapi", COUNT) if chunk.get("meta")]
    assert prices == [whole["meta"]]


def test_the_price_comes_alone_behind_token_counts() -> None:
    """Both forms are documented: with the fields of other events and no choices, and with nothing else."""
    without = streamed("aimlapi", COUNT)[-1]
    assert (without["choices"], without["object"]) == ([], "chat.completion.chunk")
    counts, price = streamed("aimlapi", {**COUNT, "stream_options": {"include_usage": True}})[-2:]
    assert counts["choices"] == [] and counts["usage"]["total_tokens"] > 0
    assert price == {"meta": without["meta"]}


def test_aicredits_names_the_model_without_its_provider() -> None:
    assert chat("aicredits", {**COUNT, "model": "openai/gpt-4o-mini"})["model"] == "gpt-4o-mini"


def test_binobox_is_lean_and_does_not_stream() -> None:
    whole = chat("binobox", {**COUNT, "stream": True})
    assert set(whole) == {"id", "object", "model", "choices", "usage", "binobox"}
    assert set(whole["usage"]) == {"total_tokens"}


def test_what_binobox_does_not_document_has_no_effect() -> None:
    whole = chat("binobox", {**OSLO, "stop": ["a"]})
    assert set(whole["choices"][0]["message"]) == {"role", "content"}


def test_bineric_streams_only_to_those_who_insist() -> None:
    body = {"model": "gpt-4", "messages": COUNT["messages"]}
    response = Talk("bineric").post(PATHS["bineric"], {**body, "stream": True})
    values = list(events(response.text))
    assert "".join(value.get("text", "") for value in values) == values[-1]["response"] == "1, 2, 3, 4, 5"
    assert chat("bineric", body)["response"] == "1, 2, 3, 4, 5"


@pytest.mark.parametrize(
    ("vendor", "status"),
    [("bineric", 400), ("binom_router", 400), ("aimlapi", 404), ("aicredits", 503), ("binobox", 403)],
)
def test_a_model_that_is_not_there(vendor: str, status: int) -> None:
    assert Talk(vendor).post(PATHS[vendor], {**COUNT, "model": "no-such-model"}).status_code == status


def test_parallel_simulators_do_not_know_each_other() -> None:
    one, two = Simulator(seed=1), Simulator(seed=2)
    ids = {Talk("aimlapi", simulator).post(PATHS["aimlapi"], COUNT).json()["id"] for simulator in (one, two)}
    assert len(ids) == 2
    assert (one.answered, two.answered) == (1, 1)


@pytest.mark.parametrize("vendor", ["aimlapi", "aicredits"])
def test_embeddings(vendor: str) -> None:
    talk = Talk(vendor)
    texts = ["the cat sat on the mat", "a cat is sitting on a mat", "stock prices fell sharply"]
    answer = talk.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": texts}).json()
    assert [entry["index"] for entry in answer["data"]] == [0, 1, 2]
    vectors = [entry["embedding"] for entry in answer["data"]]
    assert {len(vector) for vector in vectors} == {1536}
    near, far = (sum(x * y for x, y in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    assert near > 0.5 > 0.2 > far
    packed = talk.post(
        "/v1/embeddings",
        {"model": "text-embedding-3-small", "input": texts[0], "encoding_format": "base64", "dimensions": 64},
    )
    assert len(packed.json()["data"][0]["embedding"]) == 344
    assert talk.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": ""}).status_code == 400
    assert talk.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": [1, 2]}).status_code == 400


def test_the_catalogue_can_be_searched() -> None:
    talk = Talk("aimlapi")
    found = talk.get(
        "/v1/models", params={"type": "internal/text-to-speech", "include": "pricing,capabilities"}
    ).json()["data"]
    assert found
    assert all(model["type"] == "internal/text-to-speech" and "pricing" in model for model in found)
    assert [model["id"] for model in talk.get("/v1/models", params={"id": "openai/gpt-4o"}).json()["data"]] == [
        "openai/gpt-4o"
    ]
    first = talk.get("/v1/models")
    assert talk.get("/v1/models", headers={"if-none-match": first.headers["etag"]}).status_code == 304
    assert talk.get("/model/OpenAI/GPT-4o").json()["data"]["id"] == "openai/gpt-4o"
    assert talk.get("/model/%23g1_nova-2-general").status_code == 200
    assert talk.get("/model/nothing").status_code == 404
    talk.post(PATHS["aimlapi"], COUNT)
    metrics = talk.get("/models/metrics", params=[("aliases", "openai/gpt-4o"), ("aliases", "b")]).json()
    assert [model["alias"] for model in metrics["models"]] == ["openai/gpt-4o"]
    assert talk.get("/models/metrics", params={"model": "x"}).status_code == 400


def test_prompts_longer_than_the_window() -> None:
    talk = Talk("aicredits")
    long = {"model": "deepseek/deepseek-chat", "messages": [{"role": "user", "content": "word " * 70_000}]}
    refused = talk.post(PATHS["aicredits"], long)
    assert refused.status_code == 400
    assert "maximum context length" in refused.json()["error"]["message"]
    embeddings = Talk("aimlapi")
    assert (
        embeddings.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "word " * 9000}).status_code
        == 400
    )
    assert embeddings.post("/v1/embeddings", {"model": "voyage-2", "input": ["a" * 801]}).status_code == 400
    assert embeddings.post("/v1/embeddings", {"model": "voyage-2", "input": "a" * 801}).status_code == 200


def test_the_scopes_of_binobox() -> None:
    talk = Talk("binobox", key="only-chat-image")
    assert {model["capabilities"][0] for model in talk.get("/models").json()["data"]} == {"chat", "image"}
    assert talk.post(PATHS["binobox"], {**COUNT}).status_code == 200
    refused = talk.post("/audio/speech", {"model": "gemini-3.1-flash-tts", "input": "hello"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN_SCOPE")
