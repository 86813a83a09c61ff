"""Keys, addresses and settings of how requests are sent: where they come from, where they go, and what copies make of them."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import pickle
import threading
from typing import Any

import httpx
import pytest
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.rate_limiter import TokenBucketRateLimiter
from pydantic import SecretStr

from llamaindex_multiapi import MultiApiEmbedding, MultiApiLLM, MultiApiOcrReader, MultiApiTranscriptReader, register
from llamaindex_multiapi.testing import Said, Wire
from multiapi import PROVIDERS, Timeout
from multiapi.errors import InvalidRequestError, MissingApiKeyError, RequestTimeoutError
from tests.llamaindex.scripted import FORMAT, KEY, embedding_on, llm_on, says, user

OTHER = "sk-other-fedcba9876543210"


def keys_of(wire: Wire) -> list[str]:
    return [asked.headers.get("authorization", "").removeprefix("Bearer ") for asked in wire.asked]


# ------------------------------------------------------------------------------------------------ where keys come from


@pytest.mark.parametrize("name", PROVIDERS)
def test_b03_c26_r05_each_vendor_has_variables_of_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = PROVIDERS[name]
    with pytest.raises(MissingApiKeyError, match=provider.api_key_env):
        MultiApiLLM(provider=name, model="m")
    for other in PROVIDERS.values():
        monkeypatch.setenv(other.api_key_env, f"key-of-{other.name}")
    monkeypatch.setenv(provider.base_url_env, "http://127.0.0.1:9/here")
    wire = Wire(FORMAT.whole(Said("hi")))
    llm = MultiApiLLM(provider=name, model="m", http_client=wire.client())
    llm.chat(user())
    assert wire.asked[0].url.startswith("http://127.0.0.1:9/here/")
    header, prefix = provider.auth_header
    assert wire.asked[0].headers[header] == f"{prefix}key-of-{name}"
    assert llm.base_url == "http://127.0.0.1:9/here"


def test_r05_the_vendor_may_stand_before_the_model() -> None:
    llm = MultiApiLLM(model="aicredits:anthropic/claude-sonnet-4.6", api_key=KEY)
    assert (llm.provider, llm.model) == ("aicredits", "anthropic/claude-sonnet-4.6")
    with pytest.raises(InvalidRequestError, match="is one of aimlapi"):
        llm.model = "aimlapi:openai/gpt-4o"
    llm.model = "aicredits:openai/gpt-4o"
    assert (llm.provider, llm.model) == ("aicredits", "openai/gpt-4o")
    assert MultiApiLLM(provider="aimlapi", model="llama3:8b", api_key=KEY).model == "llama3:8b"


def test_r05_type_checkers_do_not_ask_for_a_vendor_of_its_own() -> None:
    parameters = inspect.signature(MultiApiLLM).parameters
    assert parameters["provider"].default == ""
    assert parameters["model"].default is inspect.Parameter.empty


@pytest.mark.parametrize("cls", [MultiApiLLM, MultiApiEmbedding])
def test_r05_the_model_may_stand_first(cls: Any) -> None:
    assert cls("aimlapi:some/model", api_key=KEY).model == "some/model"
    with pytest.raises(TypeError, match=f"{cls.__name__}.. takes the model first"):
        cls("aimlapi:some/model", KEY)
    with pytest.raises(TypeError, match="takes the model first"):
        cls("aimlapi:some/model", model="aimlapi:other/model", api_key=KEY)


@pytest.mark.parametrize("cls", [MultiApiLLM, MultiApiEmbedding])
@pytest.mark.parametrize(
    "given", [{"provider": "aimlapi"}, {"provider": "aimlapi", "model": ""}, {"model": "aimlapi:"}]
)
def test_a_model_is_needed(cls: Any, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=f"{cls.__name__} needs the id of a model"):
        cls(**given, api_key=KEY)


def test_r05_a_vendor_may_have_a_class_of_its_own() -> None:
    class Aimlapi(MultiApiLLM):
        provider: str = "aimlapi"
        model: str = "openai/gpt-4o"

    class AimlapiEmbedding(MultiApiEmbedding):
        provider: str = "aimlapi"

    class AicreditsReader(MultiApiTranscriptReader):
        provider: str = "aicredits"

    llm = Aimlapi(api_key=KEY)
    assert (llm.provider, llm.model) == ("aimlapi", "openai/gpt-4o")
    assert Aimlapi("other", api_key=KEY).model == "other"
    assert Aimlapi("aicredits:other", provider="aicredits", api_key=KEY).provider == "aicredits"
    assert copy.deepcopy(llm).model == Aimlapi.from_dict({**llm.to_dict(), "api_key": KEY}).model == "openai/gpt-4o"
    assert AimlapiEmbedding("some-embedding", api_key=KEY).provider == "aimlapi"
    assert AicreditsReader(api_key=KEY).provider == "aicredits"


def test_r05_readers_take_the_vendor_first() -> None:
    assert MultiApiTranscriptReader("aicredits", api_key=KEY).provider == "aicredits"
    assert MultiApiOcrReader(provider="aimlapi", api_key=KEY).provider == "aimlapi"
    with pytest.raises(InvalidRequestError, match="unknown provider ''; it must be one of bineric"):
        MultiApiOcrReader(api_key=KEY)


def test_r05_r15_names_of_the_frameworks_own_classes_are_understood() -> None:
    wire = says(Said("hi"))
    llm = MultiApiLLM(
        model_name="aimlapi:test-model",
        api_base="https://proxy.example/v1",
        api_key=KEY,
        additional_kwargs={"min_p": 0.1, "thinking": {"type": "enabled", "budget": 100}},
        extra_body={"thinking": {"budget": 200}},
        http_client=wire.client(),
        async_http_client=wire.async_client(),
    )
    llm.chat(user())
    assert wire.asked[0].url == "https://proxy.example/v1/chat/completions"
    assert (wire.last["model"], wire.last["min_p"]) == ("test-model", 0.1)
    assert wire.last["thinking"] == {"type": "enabled", "budget": 200}
    assert llm.http_async_client is not None
    with pytest.raises(InvalidRequestError, match="api_base and base_url are the same"):
        llm_on(wire, api_base="https://one.example", base_url="https://other.example")


def test_r04_what_others_have_to_be_told_is_left_out_and_said() -> None:
    wire = says(Said("hi"))
    with pytest.warns(UserWarning, match=r"\['is_chat_model'\] mean nothing to MultiApiLLM"):
        llm = llm_on(wire, is_chat_model=True)
    llm.chat(user())
    assert wire.last.keys() == {"model", "messages"}


@pytest.mark.parametrize("made_on", [llm_on, embedding_on])
def test_r15_arguments_that_are_not_known_go_into_the_body_and_that_is_said(made_on: Any) -> None:
    wire = Wire(FORMAT.error(400, "no"))
    with pytest.warns(
        UserWarning,
        match=r"\['min_p'\] are unknown arguments of MultiApi\w+; they are sent in the body of every request \(extra_body\)",
    ):
        model = made_on(wire, min_p=0.1)
    with pytest.raises(InvalidRequestError):
        model.complete("x") if made_on is llm_on else model.get_text_embedding("x")
    assert wire.last["min_p"] == 0.1


def test_b02_a_key_under_another_name_does_not_get_into_the_body() -> None:
    with pytest.raises(InvalidRequestError, match="takes its key as api_key, not as openai_api_key") as failure:
        MultiApiLLM("aimlapi:test-model", openai_api_key=KEY, api_key=KEY)
    assert KEY not in str(failure.value)


@pytest.mark.parametrize(
    ("settings", "complaint"), [({"model": "m"}, "no provider"), ({"provider": "nobody", "model": "m"}, "nobody")]
)
def test_r05_a_vendor_that_is_none(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        MultiApiLLM(api_key=KEY, **settings)


def test_b02_a_key_with_a_line_end_is_refused_without_being_shown() -> None:
    with pytest.raises(MissingApiKeyError) as failure:
        MultiApiLLM(provider="aimlapi", model="m", api_key="sk-with-a-line-end\n")
    assert "sk-with" not in str(failure.value)


def test_r08_keys_that_change() -> None:
    wire = says(Said("hi"))
    current = [KEY]
    llm = llm_on(wire, api_key=lambda: current[0])
    llm.chat(user())
    current[0] = OTHER
    llm.chat(user())
    llm.api_key = SecretStr(KEY)
    llm.chat(user())
    assert keys_of(wire) == [KEY, OTHER, KEY]
    assert KEY not in repr(llm.api_key)


async def test_r08_keys_from_an_async_function() -> None:
    async def key() -> str:
        return KEY

    wire = says(Said("hi"))
    await llm_on(wire, api_key=key).achat(user())
    assert keys_of(wire) == [KEY]


def test_r08_a_key_of_the_environment_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = says(Said("hi"))
    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    llm = llm_on(wire, api_key=None)
    llm.chat(user())
    monkeypatch.setenv("AIMLAPI_API_KEY", OTHER)
    llm.chat(user())
    assert keys_of(wire) == [KEY, OTHER]


# ------------------------------------------------------------------------------------------------ pickles and copies


def test_b14_c35_a_key_of_the_environment_is_pickled_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    pickled = pickle.dumps(
        [MultiApiLLM(provider="aimlapi", model="m"), MultiApiEmbedding(provider="aimlapi", model="m")]
    )
    assert KEY.encode() not in pickled
    monkeypatch.setenv("AIMLAPI_API_KEY", OTHER)
    llm, _ = pickle.loads(pickled)
    wire = says(Said("hi"))
    llm.http_client = wire.client()
    llm.chat(user())
    assert keys_of(wire) == [OTHER]


def test_b14_c35_a_key_that_was_given_travels() -> None:
    """Worker processes need it; who does not want that puts it into the environment."""
    llm = pickle.loads(pickle.dumps(MultiApiLLM(provider="aimlapi", model="m", api_key=KEY)))
    wire = says(Said("hi"))
    llm.http_client = wire.client()
    llm.chat(user())
    assert keys_of(wire) == [KEY]


def test_b14_unpickling_without_a_key_fails_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    pickled = pickle.dumps(MultiApiLLM(provider="aimlapi", model="m", temperature=0.5))
    monkeypatch.delenv("AIMLAPI_API_KEY")
    llm = pickle.loads(pickled)
    assert llm.temperature == 0.5
    with pytest.raises(MissingApiKeyError, match="AIMLAPI_API_KEY"):
        llm.chat(user())


def test_b14_c35_everything_else_travels() -> None:
    settings: dict[str, Any] = {
        "temperature": 0.5,
        "extra_body": {"x": 1},
        "default_headers": {"x-team": "cats"},
        "max_retries": 5,
        "timeout": Timeout(read=7.0),
        "context_window": 1000,
        "system_prompt": "Be brief.",
        "base_url": "http://127.0.0.1:9/v1",
        "limiter": "documented",
    }
    llm = MultiApiLLM(provider="aimlapi", model="m", api_key=KEY, **settings)
    again = pickle.loads(pickle.dumps(llm))
    assert {name: getattr(again, name) for name in settings} == settings


def test_b14_pickling_takes_nothing_from_the_original(caplog: pytest.LogCaptureFixture) -> None:
    """The framework's own pickling removes what does not pickle from the object that is pickled."""
    wire = says(Said("hi"))
    handler: Any = LlamaDebugHandler(print_trace_on_end=False)
    handler.lock = threading.Lock()
    llm = llm_on(
        wire, callback_manager=CallbackManager([handler]), rate_limiter=TokenBucketRateLimiter(requests_per_minute=60)
    )
    with caplog.at_level(logging.WARNING):
        again = pickle.loads(pickle.dumps(llm))
    assert not caplog.records
    assert llm.http_client is not None
    assert llm.callback_manager.handlers == [handler]
    assert again.http_client is None
    assert again.callback_manager.handlers == []
    assert llm.chat(user()).message.content == "hi"


def test_r50_a_limiter_of_the_framework_survives_a_pickle() -> None:
    limiter = TokenBucketRateLimiter(requests_per_minute=60, tokens_per_minute=1000)
    llm = llm_on(says(Said("hi")), rate_limiter=limiter)
    again = pickle.loads(pickle.dumps(llm))
    assert (again.rate_limiter.requests_per_minute, again.rate_limiter.tokens_per_minute) == (60, 1000)
    assert llm.rate_limiter is limiter


@pytest.mark.filterwarnings("ignore::multiapi.flows.unknown_fields.UnknownFieldWarning")  # made up
def test_b14_a_deep_copy_shares_connections_and_nothing_else() -> None:
    llm = llm_on(says(Said("hi")), extra_body={"x": {"y": 1}})
    llm.chat(user())
    copied = copy.deepcopy(llm)
    assert copied.http_client is llm.http_client
    assert copied.callback_manager is llm.callback_manager
    copied.extra_body["x"]["y"] = 2  # type: ignore[index]
    assert llm.extra_body == {"x": {"y": 1}}
    assert copied.model_copy(deep=True).extra_body == {"x": {"y": 2}}


def test_b14_changes_in_place_take_effect() -> None:
    wire = says(Said("hi"))
    llm = llm_on(wire, default_headers={"x-team": "cats"})
    llm.chat(user())
    llm.default_headers["x-team"] = "dogs"  # type: ignore[index]
    llm.chat(user())
    assert [asked.headers["x-team"] for asked in wire.asked] == ["cats", "dogs"]


def test_b03_b14_a_copy_for_another_vendor_takes_neither_key_nor_address_along() -> None:
    wire = says(Said("hi"))
    llm = llm_on(wire, base_url="https://mine.example/v1")
    copied = llm.model_copy(update={"api_key": OTHER, "provider": "aicredits", "temperature": 0.5})
    copied.chat(user())
    llm.chat(user())
    assert [httpx.URL(asked.url).host for asked in wire.asked] == ["api.aicredits.in", "mine.example"]
    assert keys_of(wire) == [OTHER, KEY]
    with pytest.raises(MissingApiKeyError, match="AICREDITS_API_KEY"):
        llm.model_copy(update={"provider": "aicredits"}).chat(user())


def test_b14_stored_and_loaded_by_the_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    from llama_index.core.embeddings.loading import load_embed_model
    from llama_index.core.llms.loading import load_llm

    monkeypatch.setenv("AIMLAPI_API_KEY", KEY)
    register()
    llm = MultiApiLLM(provider="aimlapi", model="m", temperature=0.5)
    embedding = MultiApiEmbedding(provider="aimlapi", model="m", dimensions=5)
    assert load_llm(llm.to_dict()).to_dict() == llm.to_dict()
    assert isinstance(load_llm(llm.to_dict()), MultiApiLLM)
    assert load_embed_model(embedding.to_dict()).to_dict() == embedding.to_dict()
    assert isinstance(load_embed_model(embedding.to_dict()), MultiApiEmbedding)


# ------------------------------------------------------------------------------------------------ how requests are sent


def test_r16_headers_query_and_clients_of_the_user() -> None:
    wire = says(Said("hi"))
    llm = llm_on(wire, default_headers={"x-team": "cats"}, default_query={"tag": "a b"})
    llm.chat(user(), extra_headers={"x-call": "1"})
    assert (wire.asked[0].headers["x-team"], wire.asked[0].headers["x-call"]) == ("cats", "1")
    assert wire.asked[0].url.endswith("?tag=a+b") or wire.asked[0].url.endswith("?tag=a%20b")


def test_r16_plain_http_to_the_world_is_refused_at_once() -> None:
    with pytest.raises(InvalidRequestError, match="plain http"):
        MultiApiLLM(provider="aimlapi", model="m", api_key=KEY, base_url="http://vendor.example/v1")
    MultiApiLLM(provider="aimlapi", model="m", api_key=KEY, base_url="http://vendor.example/v1", allow_http=True)


def test_c31_r17_time_limits_have_phases_and_may_differ_by_call() -> None:
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        raise httpx.ReadTimeout("too late", request=request)

    http_client = httpx.Client(transport=httpx.MockTransport(answer))
    llm = llm_on(says(Said("hi")), http_client=http_client, timeout=Timeout(connect=1, read=2, write=3, pool=4))
    with pytest.raises(RequestTimeoutError) as failure:
        llm.chat(user())
    assert failure.value.phase == "read"
    with pytest.raises(RequestTimeoutError):
        llm.chat(user(), timeout=9.0)
    with pytest.raises(RequestTimeoutError):
        llm.chat(user())
    assert [(limits["connect"], limits["read"]) for limits in seen] == [(1, 2), (5.0, 9.0), (1, 2)]


def test_c09_r14_r15_what_a_vendor_alone_has() -> None:
    wire = says(Said("hi"))
    llm = llm_on(wire, reasoning_effort="low", extra_body={"provider": {"order": ["a"], "sort": "price"}})
    llm.chat(user(), extra_body={"provider": {"order": ["b"]}}, thinking={"type": "enabled", "budget_tokens": 100})
    assert wire.last["reasoning_effort"] == "low"
    assert wire.last["provider"] == {"order": ["b"], "sort": "price"}
    assert wire.last["thinking"] == {"type": "enabled", "budget_tokens": 100}


def test_c07_r13_a_limit_that_has_another_name_is_said_by_it() -> None:
    def answer(asked: Any) -> Any:
        if "max_tokens" in asked.json:
            message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            return FORMAT.error(400, message, "unsupported_parameter")
        return FORMAT.whole(Said("hi"))

    wire = Wire(answer)
    llm = llm_on(wire, max_tokens=50, max_retries=2, model="nobody/thinks")
    assert llm.chat(user()).message.content == "hi"
    assert llm.chat(user()).message.content == "hi"
    assert [asked.json.get("max_completion_tokens") for asked in wire.asked] == [None, 50, 50]


def test_r57_the_vendors_models_tell_their_windows() -> None:
    from tests.llamaindex.simulated import simulated_llm

    llm = simulated_llm("aicredits")
    models = llm.list_models()
    known = [model for model in models if model.context_tokens]
    assert known
    llm.model = known[0].id
    assert llm.metadata.context_window == known[0].context_tokens
    assert [model.id for model in asyncio.run(llm.alist_models())] == [model.id for model in models]


def test_b04_c03_a_window_that_is_not_known_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    llm = llm_on(says(Said("hi")), model="somebody/nobody-knows-this-one")
    with caplog.at_level(logging.WARNING, "multiapi"):
        assert {llm.metadata.context_window for _ in range(3)} == {32_768}
    assert len(caplog.records) == 1
    assert "set context_window" in caplog.text
    llm.context_window = 5000
    assert llm.metadata.context_window == 5000


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("openai/gpt-4o-mini-2024-07-18", 128_000),
        ("gpt-4", 8_192),
        ("openai/gpt-4.1-nano", 1_047_576),
        ("anthropic/claude-sonnet-4.6", 200_000),
        ("google/gemini-2.5-pro", 1_048_576),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", 131_072),
        ("meta-llama/llama-3-8b", 8_192),
        ("o1-mini", 128_000),
    ],
)
def test_b04_c03_r02_windows_as_their_makers_publish_them(model: str, window: int) -> None:
    assert llm_on(says(Said("hi")), model=model).metadata.context_window == window


def test_b04_num_output_follows_max_tokens() -> None:
    llm = llm_on(says(Said("hi")))
    assert llm.metadata.num_output == -1
    llm.max_tokens = 77
    assert llm.metadata.num_output == 77


def test_r36_what_is_shown_of_a_model_in_events() -> None:
    payload = llm_on(says(Said("hi")), temperature=0.5, default_headers={"x-secret": "s3cr3t"}).to_payload()
    assert payload["provider"] == "aimlapi"
    assert payload["temperature"] == 0.5
    assert "s3cr3t" not in str(payload)


async def test_b13_models_may_be_closed_and_go_on() -> None:
    wire = says(Said("hi"))
    vectors = Wire(FORMAT.vectors([[1.0]]))
    with wire.served() as address, vectors.served() as other:
        usual: dict[str, Any] = {"provider": "aimlapi", "model": "m", "api_key": KEY, "allow_http": True}
        with MultiApiLLM(**usual, base_url=address) as llm, MultiApiEmbedding(**usual, base_url=other) as embedding:
            llm.chat(user())
            embedding.get_text_embedding("x")
        async with llm, embedding:
            await llm.achat(user())
            await embedding.aget_text_embedding("x")
        llm.chat(user())
        assert (await llm.achat(user())).message.content == "hi"
        llm.close()
        await llm.aclose()
    assert (len(wire.asked), len(vectors.asked)) == (4, 2)


def test_b14_a_client_of_the_user_is_not_closed() -> None:
    wire = says(Said("hi"))
    client = wire.client()
    with llm_on(wire, http_client=client) as llm:
        llm.chat(user())
    assert not client.is_closed


def test_b13_embeddings_and_llms_share_threads() -> None:
    wire = Wire(lambda asked: FORMAT.vectors([[1.0, 2.0]] * len(asked.json["input"])))
    embedding = embedding_on(wire)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(embedding.get_text_embedding("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[1.0, 2.0]] * 8
