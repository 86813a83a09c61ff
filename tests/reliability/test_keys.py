"""Cases 101 to 105, and T1 to T6, T10, T11: keys show themselves nowhere and go to their vendor only."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import pickle
import pprint
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from multiapi import AsyncClient, ChatRequest, Client, Message
from multiapi.errors import AuthenticationError, InvalidRequestError, MissingApiKeyError, MultiApiError
from multiapi.providers import PROVIDERS
from multiapi.sending.keys import ApiKey
from tests.reliability.bodies import chat_body, good_for
from tests.reliability.hostile_server import HostileServer, answer, fingerprint, silence, status
from tests.reliability.leaks import chain, holds, leak_in_error, watched_logs
from tests.reliability.ways import (
    CHAT,
    KEYS,
    PROMPT,
    TEXT,
    VENDORS,
    Way,
    every_vendor,
    every_way,
    request,
)

ROOT = Path(__file__).parents[2]
EMBEDDERS = ("aimlapi", "aicredits")


# ------------------------------------------------------------------------------------------------ what holds a key


def client(vendor: str, **more: Any) -> Any:
    return Client(vendor, **more)


def async_client(vendor: str, **more: Any) -> Any:
    return AsyncClient(vendor, **more)


def chat_model(vendor: str, **more: Any) -> Any:
    from langchain_multiapi import ChatMultiApi

    return ChatMultiApi(provider=vendor, model="m", **more)


def lc_embeddings(vendor: str, **more: Any) -> Any:
    from langchain_multiapi import MultiApiEmbeddings

    return MultiApiEmbeddings(provider=vendor, model="e", **more)


def toolkit(vendor: str, **more: Any) -> Any:
    from langchain_multiapi import MultiApiToolkit

    return MultiApiToolkit(provider=vendor, **more)


def llm(vendor: str, **more: Any) -> Any:
    from llamaindex_multiapi import MultiApiLLM

    return MultiApiLLM(provider=vendor, model="m", context_window=9, **more)


def li_embedding(vendor: str, **more: Any) -> Any:
    from llamaindex_multiapi import MultiApiEmbedding

    return MultiApiEmbedding(provider=vendor, model="e", **more)


def tool_spec(vendor: str, **more: Any) -> Any:
    from llamaindex_multiapi import MultiApiToolSpec

    return MultiApiToolSpec(provider=vendor, **more)


Make = Callable[..., Any]
MAKERS: list[Make] = [client, async_client, chat_model, lc_embeddings, toolkit, llm, li_embedding, tool_spec]
every_maker = pytest.mark.parametrize("make", MAKERS)
TOOLS = (toolkit, tool_spec)


def skip_unless(make: Make, vendor: str) -> None:
    if make in (lc_embeddings, li_embedding) and vendor not in EMBEDDERS:
        pytest.skip("the vendor has no embeddings")
    if make in TOOLS and vendor == "binom_router":
        pytest.skip("the vendor has nothing for tools")


def secret(key: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(key)


SOURCES: dict[str, Callable[[str], Any]] = {
    "text": str,
    "secret": secret,
    "function": lambda key: lambda: key,
    "environment": lambda _: None,
}


def made(make: Make, vendor: str, source: str, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Any:
    skip_unless(make, vendor)
    key = KEYS[vendor]
    if source == "environment":
        monkeypatch.setenv(PROVIDERS[vendor].api_key_env, key)
        return make(vendor, **more)
    return make(vendor, api_key=SOURCES[source](key), **more)


def renderings(found: Any) -> Iterator[tuple[str, str]]:
    """Everything that a reader of logs, dumps and traces may come to see of an object."""
    yield "repr", repr(found)
    yield "str", str(found)
    yield "format", f"{found}"
    yield "ascii", ascii(found)
    yield "pprint", pprint.pformat(found)
    yield "vars", repr(vars(found))
    yield "copy", repr(copy.copy(found)) + repr(vars(copy.copy(found)))
    yield "deepcopy", repr(copy.deepcopy(found)) + repr(vars(copy.deepcopy(found)))
    for name in ("dict", "json", "model_dump", "model_dump_json", "to_dict", "to_json", "to_payload", "lc_attributes"):
        method = getattr(found, name, None)
        if method is None:
            continue
        try:
            value = method() if callable(method) else method
        except (TypeError, NotImplementedError, ValueError) as error:
            value = error
        yield name, f"{value!r} {value}"
    for name in ("_identifying_params", "_llm_type", "lc_secrets", "metadata", "model_fields_set", "_default_params"):
        value = getattr(found, name, None)
        yield name, repr(value)
    if hasattr(found, "_get_ls_params"):
        yield "ls_params", repr(found._get_ls_params())
    try:
        from rich.pretty import pretty_repr

        yield "rich", pretty_repr(found)
    except ImportError:
        pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20")
@pytest.mark.parametrize("source", SOURCES)
@every_vendor
@every_maker
def test_case_101_objects(make: Make, vendor: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(make, vendor, source, monkeypatch)
    for name, text in renderings(found):
        assert KEYS[vendor] not in text, name
    if source != "function":
        where = holds(found, KEYS[vendor])
        assert where is None, f"the key is outside of its holder: {where}"


@pytest.mark.parametrize("source", ["text", "secret", "environment"])
@every_vendor
def test_case_101_langchains_dumps(vendor: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_core.load import dumpd, dumps

    model = made(chat_model, vendor, source, monkeypatch)
    bound = model.bind_tools([]).with_config(tags=["t"])
    structured = model.with_structured_output({"title": "A", "type": "object", "properties": {"a": {"type": "string"}}})
    for each in (model, bound, structured, model | str, model.with_retry(), model.with_fallbacks([model])):
        for text in (dumps(each), json.dumps(dumpd(each)), repr(each), str(each)):
            assert KEYS[vendor] not in text
    if source == "environment":
        assert PROVIDERS[vendor].api_key_env in dumps(model)


@every_vendor
@every_maker
def test_case_101_pickles_of_keys_from_the_environment(
    make: Make, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(make, vendor, "environment", monkeypatch)
    try:
        data = pickle.dumps(found)
    except (TypeError, AttributeError, pickle.PicklingError):
        pytest.skip("the framework's own part does not pickle")
    assert KEYS[vendor].encode() not in data
    variable = PROVIDERS[vendor].api_key_env
    monkeypatch.setenv(variable, "sk-another-key-for-the-other-process")
    again = pickle.loads(data)
    with HostileServer(good_for(CHAT, vendor)) as server:
        if make is client:
            again.base_url = again._target.base_url  # the address is pickled as it was
            assert again.key.reveal() == "sk-another-key-for-the-other-process"
        assert KEYS[vendor] not in repr(again)
        assert server.count == 0


def test_case_101_a_key_that_was_given_travels_with_a_pickle_because_workers_need_it() -> None:
    again = pickle.loads(pickle.dumps(Client("aimlapi", api_key=KEYS["aimlapi"])))
    assert again.key.reveal() == KEYS["aimlapi"]


@every_maker
@every_vendor
def test_case_101_copies_share_the_holder(make: Make, vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if make not in (client, async_client):
        pytest.skip("only the core shows its holder")
    found = made(make, vendor, "text", monkeypatch)
    assert copy.deepcopy(found).key is found.key
    assert copy.copy(found).key is found.key


@every_way
@every_vendor
def test_case_101_exceptions_and_logs_with_a_key_from_the_environment(
    way: Way, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROVIDERS[vendor].api_key_env, KEYS[vendor])
    for play in (status(401), answer(b"<html>"), silence()):
        with HostileServer(play) as server:
            outcome = way.ask(server.url, vendor, api_key=None, timeout=0.2)
            error = outcome.failed()
            leak = leak_in_error(error, KEYS[vendor])
            assert leak is None, leak
            assert KEYS[vendor] not in outcome.log
            assert server.requests[0].keys == (fingerprint(KEYS[vendor]),)
            for each in chain(error):
                for picklable in (each,):
                    if isinstance(picklable, MultiApiError):
                        assert KEYS[vendor].encode() not in pickle.dumps(picklable)


def test_the_search_finds_what_is_planted() -> None:
    """The control: the same search finds keys in the places where other packages leave them."""
    import httpx

    key = KEYS["aimlapi"]

    def raise_with_a_request_in_a_frame() -> None:
        sent = httpx.Request("POST", "http://x.example", headers={"api-key": key})
        raise ValueError(f"nothing in the text of {type(sent).__name__}")

    def raise_with_a_cause() -> None:
        try:
            raise_with_a_request_in_a_frame()
        except ValueError:
            raise MultiApiError("clean") from None

    planted: list[Any] = [
        {"a": [key]},
        {key: 1},
        (b"x" + key.encode(),),
        httpx.Headers({"authorization": f"Bearer {key}"}),
    ]
    assert all(holds(each, key) for each in planted)
    assert holds(ApiKey(key, provider="aimlapi"), key) is None
    for function in (raise_with_a_request_in_a_frame, raise_with_a_cause):
        code = compile("def f():\n    g()\n", "elsewhere.py", "exec")
        space: dict[str, Any] = {"g": function}
        exec(code, space)
        with pytest.raises(Exception) as caught:
            space["f"]()
        # The frames of tests are not searched, so the frame is moved out of the tests by its file name.
        assert leak_in_error(caught.value, key) is None
    # pydantic's errors keep the inputs where nobody sees them in the text.
    moved: dict[str, Any] = {}
    source = "import httpx\ndef h(key):\n    sent = httpx.Request('POST', 'http://x.example', headers={'api-key': key})\n    raise ValueError('no')\n"
    exec(compile(source, "elsewhere.py", "exec"), moved)
    with pytest.raises(ValueError) as direct:
        moved["h"](key)
    assert leak_in_error(direct.value, key) is not None
    with pytest.raises(MultiApiError) as hidden:
        try:
            moved["h"](key)
        except ValueError:
            raise MultiApiError("clean") from None
    assert leak_in_error(hidden.value, key) is not None, "a context that is only suppressed is still there"
    with pytest.raises(ValueError, match="MARKED") as told:
        raise ValueError(f"bad key {key}")
    assert leak_in_error(told.value, key) is not None


# ------------------------------------------------------------------------------------------------ callbacks and instrumentation


class Recorder:
    """Keeps everything that it is told, as text."""

    def __init__(self) -> None:
        self.told: list[str] = []


def langchain_recorder() -> Any:
    from langchain_core.callbacks import BaseCallbackHandler

    class Handler(BaseCallbackHandler, Recorder):
        def __init__(self) -> None:
            Recorder.__init__(self)

        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                return lambda *args, **kwargs: self.told.append(f"{name} {args!r} {kwargs!r}")
            return super().__getattribute__(name)

    return Handler()


@every_vendor
@pytest.mark.parametrize("source", ["text", "environment"])
@pytest.mark.parametrize("fails", [True, False])
def test_case_101_langchains_callbacks_and_traces(
    vendor: str, source: str, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langchain_core.tracers.base import BaseTracer

    runs: list[Any] = []

    class Tracer(BaseTracer):
        def _persist_run(self, run: Any) -> None:
            runs.append(run)

    key = KEYS[vendor]
    play = status(401, {"error": {"message": f"wrong key {key}"}}) if fails else good_for(CHAT, vendor)
    with HostileServer(play) as server:
        model = made(chat_model, vendor, source, monkeypatch, base_url=server.url)
        recorder = langchain_recorder()
        tracer = Tracer()
        for call in (
            lambda: model.invoke(PROMPT, config={"callbacks": [recorder, tracer]}),
            lambda: list(model.stream(PROMPT, config={"callbacks": [recorder, tracer]})),
            lambda: asyncio.run(model.ainvoke(PROMPT, config={"callbacks": [recorder, tracer]})),
        ):
            try:
                call()
            except AuthenticationError:
                assert fails
    assert len(recorder.told) >= 6
    assert runs
    for text in (*recorder.told, *(run.model_dump_json() for run in runs), *(repr(run) for run in runs)):
        assert key not in text


@every_vendor
@pytest.mark.parametrize("source", ["text", "environment"])
@pytest.mark.parametrize("fails", [True, False])
def test_case_101_llamaindexs_instrumentation(
    vendor: str, source: str, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llama_index_instrumentation as instrument
    from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
    from llama_index.core.instrumentation.event_handlers import BaseEventHandler
    from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
    from llama_index.core.llms import ChatMessage

    told: list[str] = []

    class Handler(BaseEventHandler):
        @classmethod
        def class_name(cls) -> str:
            return "Handler"

        def handle(self, event: Any, **_: Any) -> None:
            told.append(f"{event!r} {event.model_dump()!r} {event.dict() if hasattr(event, 'dict') else ''}")

    key = KEYS[vendor]
    root = instrument.get_dispatcher()
    spans = SimpleSpanHandler()
    handler = Handler()
    root.add_event_handler(handler)
    root.add_span_handler(spans)
    debug = LlamaDebugHandler(print_trace_on_end=False)
    play = status(401, {"error": {"message": f"wrong key {key}"}}) if fails else good_for(CHAT, vendor)
    try:
        with HostileServer(play) as server:
            model = made(
                llm, vendor, source, monkeypatch, base_url=server.url, callback_manager=CallbackManager([debug])
            )
            for call in (
                lambda: model.chat([ChatMessage(content=PROMPT)]),
                lambda: list(model.stream_chat([ChatMessage(content=PROMPT)])),
                lambda: asyncio.run(model.achat([ChatMessage(content=PROMPT)])),
                lambda: model.complete(PROMPT),
            ):
                try:
                    call()
                except AuthenticationError:
                    assert fails
    finally:
        root.event_handlers.remove(handler)
        root.span_handlers.remove(spans)
    told += [repr(span) for span in (*spans.completed_spans, *spans.dropped_spans)]
    told += [repr(pair) for pair in debug.get_llm_inputs_outputs()]
    assert len(told) > 8
    assert not any(key in text for text in told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": "hot"},
        {"model_kwargs": {"temperature": 1}},
        {"max_tokens": {}},
        {"tool_calling": "sometimes"},
        {"model_kwargs": 3},
        {"extra_body": "x"},
        {"base_url": "http://plain.example"},
        {"base_url": 3},
        {"stop": 5},
    ],
)
@pytest.mark.parametrize("make", [chat_model, llm, client, lc_embeddings, li_embedding])
@pytest.mark.parametrize("source", ["text", "secret", "environment"])
def test_case_101_arguments_that_are_wrong(
    make: Make, wrong: dict[str, Any], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validators print their input; the key is part of it."""
    key = KEYS["aimlapi"]
    with watched_logs() as watch:
        try:
            made(make, "aimlapi", source, monkeypatch, **wrong)
        except Exception as error:
            leak = leak_in_error(error, key)
            assert leak is None, leak
            if hasattr(error, "errors"):
                assert key not in repr(error.errors()) + error.json()
    assert key not in watch.text()


# ------------------------------------------------------------------------------------------------ cassettes


KEY_SHAPES = re.compile(
    r"(sk-[A-Za-z0-9_-]{16,}|sk_live_[A-Za-z0-9]{8,}|Bearer\s+(?!REDACTED|\*)[A-Za-z0-9._-]{16,}|api-key:\s*(?!REDACTED|\*)[A-Za-z0-9._-]{16,}|MARKED)"
)


def test_case_101_no_key_in_a_cassette() -> None:
    files = list((ROOT / "cassettes").rglob("*.yaml"))
    if not files:
        pytest.skip("nothing is recorded")
    for file in files:
        found = KEY_SHAPES.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file.name}: {found}"


# ------------------------------------------------------------------------------------------------ 102 and 103

BAD_KEYS = {
    "line end": "sk-MARKEDbad\n",
    "CRLF": "sk-MARKEDbad\r\nx-evil: 1",
    "CR": "sk-MARKED\rbad",
    "blank inside": "sk-MARKED bad",
    "blank around": " sk-MARKEDbad ",
    "tab": "sk-MARKED\tbad",
    "NUL": "sk-MARKED\0bad",
    "non-ASCII": "sk-MARKEDb\u00e4d",
    "invisible": "sk-MARKED\u200bbad",
    "escape": "sk-MARKED\x1bbad",
    "bearer": "Bearer sk-MARKEDbad",
}


@pytest.mark.parametrize("source", ["text", "secret", "environment"])
@every_maker
@pytest.mark.parametrize("name", BAD_KEYS)
def test_case_102_keys_that_are_none(make: Make, source: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = BAD_KEYS[name]
    if source == "environment" and "\0" in bad:
        pytest.skip("the environment holds no NUL")
    with watched_logs() as watch, pytest.raises(MissingApiKeyError) as caught:
        if source == "environment":
            monkeypatch.setenv("AIMLAPI_API_KEY", bad)
            make("aimlapi")
        else:
            make("aimlapi", api_key=SOURCES[source](bad))
    assert "MARKED" not in watch.text()
    for each in chain(caught.value):
        assert "MARKED" not in str(each) + repr(each) + repr(vars(each))
        trace = each.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if str(ROOT / "multiapi") in code.co_filename or "_multiapi/" in code.co_filename:
                for local, value in trace.tb_frame.f_locals.items():
                    assert "MARKED" not in repr(value), f"{local} of {code.co_name}"
            trace = trace.tb_next


@pytest.mark.parametrize("make", [client, chat_model, llm])
@pytest.mark.parametrize("name", BAD_KEYS)
def test_case_102_from_a_function(make: Make, name: str) -> None:
    with HostileServer(answer(chat_body())) as server:
        model = make("aimlapi", api_key=lambda: BAD_KEYS[name], base_url=server.url)
        with pytest.raises(MissingApiKeyError) as caught:
            if make is client:
                model.chat(request())
            elif make is chat_model:
                model.invoke(PROMPT)
            else:
                model.complete(PROMPT)
        leak = leak_in_error(caught.value, "sk-MARKED")
        assert leak is None, leak
    assert server.count == 0


def test_case_102_a_function_that_fails_or_gives_nonsense() -> None:
    def fails() -> str:
        raise RuntimeError("vault says sk-MARKED-in-a-message")

    for give in (fails, lambda: None, lambda: 5, lambda: "", lambda: b"sk-MARKED"):
        with HostileServer(answer(chat_body())) as server:
            with pytest.raises(MissingApiKeyError) as caught:
                Client("aimlapi", api_key=give, base_url=server.url).chat(request())
            assert leak_in_error(caught.value, "sk-MARKED") is None
        assert server.count == 0


@every_vendor
@every_maker
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_case_103_no_key(make: Make, vendor: str, empty: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_unless(make, vendor)
    for name in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENROUTER_API_KEY",
        "AZURE_OPENAI_API_KEY",
        "API_KEY",
        "MULTIAPI_API_KEY",
    ):
        monkeypatch.setenv(name, "sk-MARKED-foreign-key")
    for other in VENDORS:
        if other != vendor:
            monkeypatch.setenv(PROVIDERS[other].api_key_env, KEYS[other])
    variable = PROVIDERS[vendor].api_key_env
    if empty is not None:
        monkeypatch.setenv(variable, empty)
    with pytest.raises(MissingApiKeyError, match=variable):
        _asked(make(vendor), vendor)


def _asked(made: Any, vendor: str) -> None:
    """Clients of the core can be made without a key, and miss it at the first request that needs one."""
    asking = ChatRequest(model=f"{vendor}-model", messages=[Message("user", "hello")])
    if isinstance(made, Client):
        made.chat(asking)
    elif isinstance(made, AsyncClient):
        asyncio.run(made.chat(asking))


class Spy(dict[str, str]):
    """An environment that notes what is asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)


FOREIGN = re.compile(r"OPENAI|ANTHROPIC|AZURE|GROQ|MISTRAL|GOOGLE|GEMINI|AWS_|HF_|PROXY|NETRC", re.IGNORECASE)


@every_vendor
@every_way
def test_case_103_foreign_variables_are_not_read(way: Way, vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = dict(os.environ)
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        values[name] = "http://MARKED.example:1" if "PROXY" in name else "sk-MARKED-foreign-key"
    values["OPENAI_BASE_URL"] = values["OPENAI_API_BASE"] = "http://127.0.0.1:1/foreign"
    values[PROVIDERS[vendor].api_key_env] = KEYS[vendor]
    spy = Spy(values)
    monkeypatch.setattr(os, "environ", spy)
    with HostileServer(good_for(way, vendor)) as server:
        assert way.ask(server.url, vendor, api_key=None).good().text == TEXT
    seen = server.requests[0]
    assert seen.keys == (fingerprint(KEYS[vendor]),)
    assert "MARKED-foreign" not in str(seen)
    assert not {name for name in seen.headers if "openai" in name or "organization" in name or "proxy" in name}
    assert not {name for name in spy.asked if FOREIGN.search(name)}
    others = {PROVIDERS[other].api_key_env for other in VENDORS if other != vendor}
    assert not spy.asked & others


@pytest.mark.parametrize("make", [client, chat_model, llm])
def test_an_address_that_changes_in_the_environment_does_not_take_the_key_along(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HostileServer(answer(chat_body())) as own, HostileServer(answer(chat_body())) as foreign:
        monkeypatch.setenv("AIMLAPI_API_KEY", KEYS["aimlapi"])
        monkeypatch.setenv("AIMLAPI_BASE_URL", own.url)
        model = make("aimlapi")
        monkeypatch.setenv("AIMLAPI_BASE_URL", foreign.url)
        for _ in range(2):
            if make is client:
                model.chat(request())
            elif make is chat_model:
                model.invoke(PROMPT)
            else:
                model.complete(PROMPT)
    assert foreign.connections == 0
    assert own.count == 2


# ------------------------------------------------------------------------------------------------ 104

PLAIN = [
    "http://api.aimlapi.com",
    "http://127.evil.example",
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://0.0.0.0",
    "http://[::]",
    "http://10.0.0.1:8080/v1",
    "http://192.168.1.1",
    "http://2130706433",
    "http://0x7f.1",
    "http://[::ffff:10.0.0.1]",
    "HTTP://API.AIMLAPI.COM",
]


@pytest.mark.parametrize("address", PLAIN)
@every_maker
def test_case_104_plain_http_abroad_is_refused(make: Make, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRequestError, match="plain http|allow_http"):
        use(make("aimlapi", api_key="k", base_url=address), make)
    monkeypatch.setenv("AIMLAPI_BASE_URL", address)
    with pytest.raises(InvalidRequestError, match="plain http|allow_http"):
        use(make("aimlapi", api_key="k"), make)


def use(found: Any, make: Make) -> None:
    """Have the client made, where that happens with the first call."""
    for name in ("client", "async_client"):
        getattr(found, name, None)
    if make in TOOLS:
        _ = found.clients.blocking


ADDRESSES = [
    "ftp://api.aimlapi.com",
    "api.aimlapi.com",
    "//api.aimlapi.com",
    "https://",
    "https:///v1",
    "https://user@api.aimlapi.com",
    "https://user:word@api.aimlapi.com",
    "https://@api.aimlapi.com",
    "https://api.aimlapi.com?x=1",
    "https://api.aimlapi.com#x",
    "https://api.aimlapi.com\\@evil.example",
    "https://api.aimlapi.com\n.evil.example",
    "https://api.aimlapi.com evil",
    "https://api.aimlapi.com:99999",
    "https://api.aimlapi.com:x",
    "https://[::1",
    "file:///etc/passwd",
    "javascript:x",
    "https://\u0430pi.aimlapi.com",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_case_104_addresses_that_are_none(address: str) -> None:
    with pytest.raises(InvalidRequestError, match="base_url"):
        Client("aimlapi", api_key="k", base_url=address)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://127.5.5.5:1", "https://any.example"],
)
def test_case_104_what_is_allowed(address: str) -> None:
    Client("aimlapi", api_key="k", base_url=address)


def test_case_104_with_the_switch() -> None:
    for address in PLAIN:
        Client("aimlapi", api_key="k", base_url=address, allow_http=True)


# ------------------------------------------------------------------------------------------------ 105


@every_way
def test_case_105_vendor_messages_are_cut_and_logs_have_no_prompt(way: Way) -> None:
    echo = f"invalid request: {PROMPT} {TEXT} " + "and so on " * 5_000
    for play in (
        status(400, {"error": {"message": echo}}),
        status(500, {"error": {"message": echo}}),
        answer(echo.encode()),
    ):
        with HostileServer(play) as server:
            error = way.ask(server.url).failed()
        assert len(str(error)) < 2_600
        assert len(error.body or "") < 2_600


def test_case_105_what_is_logged_says_what_was_repeated_and_why_not() -> None:
    with HostileServer(status(503), status(400)) as server, watched_logs() as watch:
        with pytest.raises(InvalidRequestError):
            Client("aimlapi", api_key="k", base_url=server.url).chat(request())
    ours = [record for record in watch.records if record.name == "multiapi"]
    assert [record.levelno for record in ours] == [logging.INFO, logging.DEBUG]
    assert "attempt 2 after ServerError" in ours[0].getMessage()
    assert "not repeated" in ours[1].getMessage()


def test_header_values_with_line_ends_are_refused_without_being_shown() -> None:
    for value in ("a\r\nx-evil: MARKED", "MARKED\nx", "MARKED\0"):
        with HostileServer(answer(chat_body())) as server, pytest.raises(InvalidRequestError) as caught:
            Client("aimlapi", api_key=KEYS["aimlapi"], base_url=server.url, default_headers={"x-own": value})
        assert server.count == 0
        assert "MARKED" not in str(caught.value)
        assert not caught.value.outcome_unknown
