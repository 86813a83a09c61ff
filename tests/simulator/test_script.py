"""Answers that a test's author decides: what is said, how each provider brings it, and that nothing goes missing unseen."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from langchain_multiapi import ChatMultiApi
from multiapi import MultiApiError
from multiapi.simulator import Clock, Simulator
from multiapi.simulator.minds.conversation import Conversation, Turn
from multiapi.simulator.minds.script import Scripted, ScriptError
from tests.simulator.conversing import Talk

pytest_plugins = ["pytester"]

MODELS = (
    "bineric:gpt-4",
    "binom_router:gpt-4o",
    "aimlapi:openai/gpt-4o",
    "aicredits:openai/gpt-4o-mini",
    "binobox:gemini-3.1-flash-lite",
)


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return city


def model_of(simulator: Simulator, name: str, **settings: Any) -> ChatMultiApi:
    return ChatMultiApi(
        model=name,
        api_key="any-key-1234",
        base_url=simulator.base_url(name.split(":")[0]),
        http_client=httpx.Client(transport=simulator.transport),
        max_retries=0,
        **settings,
    )


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(clock=Clock(1_780_000_000.0))


@pytest.mark.parametrize("name", MODELS)
def test_each_provider_says_what_the_script_says(simulator: Simulator, name: str) -> None:
    """Text whole and streamed, calls, a value by a schema: through the client that a user has, and billed."""
    model = model_of(simulator, name)
    with simulator.answers(
        "It rains.",
        "It still rains.",
        {"tool_calls": {"get_weather": {"city": "Tromsø"}}},
        {"json": {"city": "Bodø", "degrees": -3}},
        {"chunks": ["Sun", 0.0, "ny."]},
    ):
        assert model.invoke("What is 1 + 1?").text == "It rains."
        assert "".join(chunk.text for chunk in model.stream("What is 1 + 1?")) == "It still rains."
        calls = model.bind_tools([get_weather]).invoke("Hello").tool_calls
        assert [(call["name"], call["args"]) for call in calls] == [("get_weather", {"city": "Tromsø"})]
        assert model.with_structured_output(Weather).invoke("Hello") == Weather(city="Bodø", degrees=-3)
        assert "".join(chunk.text for chunk in model.stream("Hello")) == "Sunny."
    assert {entry.mind for entry in simulator.log} == {"script"}
    vendor = name.split(":")[0]
    spent = simulator.vendor(vendor).accounts["any-key-1234"].charges
    assert len(spent) == 5
    assert all(charge.amount > 0 for charge in spent)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1),
    st.booleans(),
)
def test_any_text_arrives_as_it_was_scripted(name: str, text: str, streamed: bool) -> None:
    simulator = Simulator()
    model = model_of(simulator, name)
    with simulator.answers(text=text):
        said = "".join(chunk.text for chunk in model.stream("x")) if streamed else model.invoke("x").text
    assert said == text or said == text.strip()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(MODELS),
    st.dictionaries(
        st.sampled_from(["a", "b", "c d", "é"]),
        st.none()
        | st.booleans()
        | st.integers(-(2**40), 2**40)
        | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
        max_size=3,
    ),
)
def test_any_arguments_arrive_as_they_were_scripted(name: str, arguments: dict[str, Any]) -> None:
    simulator = Simulator()
    tool = {
        "title": "note",
        "description": "Take a note.",
        "type": "object",
        "properties": {key: {} for key in arguments},
    }
    with simulator.answers(tool_calls={"note": arguments}):
        answer = model_of(simulator, name).bind_tools([tool]).invoke("x")
    assert isinstance(answer, AIMessage)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("note", arguments)]


@pytest.mark.parametrize("name", MODELS)
def test_an_error_comes_in_the_provider_s_own_form(simulator: Simulator, name: str) -> None:
    with simulator.answers({"error": 429, "message": "slow down", "retry_after": 7}):
        with pytest.raises(MultiApiError) as caught:
            model_of(simulator, name).invoke("x")
    assert type(caught.value).__name__ == "RateLimitError"
    assert caught.value.retry_after_s == 7
    assert not [charge for charge in simulator.vendor(name.split(":")[0]).account("any-key-1234").charges if charge.ok]


@pytest.mark.parametrize("name", MODELS)
def test_a_cut_breaks_off(simulator: Simulator, name: str) -> None:
    with simulator.answers({"text": "One two three four five six.", "cut": 2}, {"text": "One two three.", "cut": 0}):
        with pytest.raises(MultiApiError):
            list(model_of(simulator, name).stream("x"))
        with pytest.raises(MultiApiError):
            model_of(simulator, name).invoke("x")


def test_a_refusal_has_the_form_of_the_provider() -> None:
    for streamed in (False, True):
        talk = Talk("aimlapi")
        talk.simulator.answers({"refusal": "I will not."})
        body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}], "stream": streamed}
        response = talk.post("/v1/chat/completions", json=body)
        assert ('"refusal":"I will not."' in response.text) is not streamed
        assert ('"refusal":" will"' in response.text) is streamed
    talk = Talk("aicredits")
    talk.simulator.answers({"refusal": "I will not."})
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}
    assert talk.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"] == "I will not."


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "entry",
    [
        {"refusal": "I will not."},
        {"chunks": ["a", 0, "b c", "d"]},
        {"text": "x", "reasoning": "Let me see."},
        {"text": "x", "finish_reason": "length"},
        {"text": "x", "finish_reason": "content_filter"},
    ],
)
def test_responses_and_messages_stay_within_the_contract(entry: dict[str, Any], streamed: bool) -> None:
    """The talk checks each response and event by the contract."""
    talk = Talk("aimlapi")
    talk.simulator.answers(entry, entry, entry)
    message = [{"role": "user", "content": "x"}]
    bodies = {
        "/v1/chat/completions": {"model": "openai/gpt-4o", "messages": message},
        "/v1/responses": {"model": "openai/gpt-4o", "input": "x"},
        "/v1/messages": {"model": "anthropic/claude-sonnet-4.6", "messages": message, "max_tokens": 100},
    }
    for path, body in bodies.items():
        response = talk.post(path, json={**body, "stream": streamed})
        assert response.status_code == 200
    talk.simulator.script.check()


def test_chunks_come_as_they_were_cut_and_pauses_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("multiapi.simulator.transport.time.sleep", slept.append)
    simulator = Simulator()
    simulator.answers(
        {"chunks": ["Su", 0.25, "nny", 0.5, " day"]}, {"chunks": ["Su", 0.25, "nny"]}, {"text": "x", "delay": 3}
    )
    model = model_of(simulator, "aimlapi:openai/gpt-4o")
    assert [chunk.text for chunk in model.stream("x") if chunk.text] == ["Su", "nny", " day"]
    assert slept == [0.25, 0.5]
    assert model.invoke("x").text == "Sunny"
    assert model.invoke("x").text == "x"
    assert slept[2:] == [0.25, 3]


def test_limits_and_stop_words_cut_a_scripted_answer() -> None:
    simulator = Simulator()
    simulator.answers("1, 2, 3, 4", {"chunks": ["1, 2", ", 3", ", 4"]})
    model = model_of(simulator, "aimlapi:openai/gpt-4o", max_tokens=4)
    short = model.invoke("x")
    assert (short.text, short.response_metadata["finish_reason"]) == ("1, 2,", "length")
    assert [chunk.text for chunk in model.stream("x") if chunk.text] == ["1, 2", ","]


def test_reasoning_is_shown_and_billed() -> None:
    talk = Talk("aimlapi")
    talk.simulator.answers({"text": "42", "reasoning": "Six times seven."})
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    answer = talk.post("/v1/chat/completions", json=body).json()
    assert answer["choices"][0]["message"]["reasoning_content"] == "Six times seven."
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


# ---------------------------------------------------------------- conditions


def test_the_first_answer_that_is_left_and_suits_is_given(simulator: Simulator) -> None:
    with simulator.answers(
        {"text": "weather", "when": {"text": "WEATHER"}, "times": 2},
        {"text": "small", "when": {"model": "openai/gpt-4o-*", "provider": "aicredits"}},
        {"text": "tools", "when": {"tools": ["get_weather"]}},
        {"text": "number", "when": {"pattern": r"\d{3}"}},
        {"text": "long", "when": lambda conversation: len(conversation.turns) > 1},
        {"text": "any", "times": None},
    ):
        large, small = model_of(simulator, MODELS[2]), model_of(simulator, MODELS[3])
        assert large.invoke("The weather?").text == "weather"
        assert large.invoke("Nothing.").text == "any"
        assert small.invoke("weather").text == "weather"
        assert small.invoke("weather").text == "small"
        assert large.bind_tools([get_weather]).invoke("weather").text == "tools"
        assert large.invoke("Room 101").text == "number"
        assert large.invoke([("system", "Be brief."), ("user", "x")]).text == "long"
        assert small.invoke("weather").text == "any"


def test_a_condition_sees_tools_that_went_into_the_prompt(simulator: Simulator) -> None:
    with simulator.answers({"text": "seen", "when": {"tools": "get_weather", "text": "hello"}}):
        assert model_of(simulator, MODELS[0]).bind_tools([get_weather]).invoke("Hello").text == "seen"


# ---------------------------------------------------------------- what goes wrong


def test_a_request_too_many_says_what_was_asked(simulator: Simulator) -> None:
    with pytest.raises(AssertionError, match=r"aimlapi, model openai/gpt-4o\n    user: And now\?"):
        with simulator.answers("One."):
            model_of(simulator, MODELS[2]).invoke("First?")
            with pytest.raises(MultiApiError, match="no scripted answer left"):
                model_of(simulator, MODELS[2]).invoke("And now?")


def test_an_answer_too_many_is_named(simulator: Simulator) -> None:
    with pytest.raises(AssertionError, match="never asked for: text='Two.'"):
        with simulator.answers("One.", "Two."):
            model_of(simulator, MODELS[2]).invoke("First?")


def test_an_error_inside_keeps_its_own_words(simulator: Simulator) -> None:
    with pytest.raises(KeyError) as caught:
        with simulator.answers("One."):
            raise KeyError("mine")
    assert "never asked for" in caught.value.__notes__[0]


def test_what_does_not_fit_the_request_fails_the_test(simulator: Simulator) -> None:
    model = model_of(simulator, MODELS[2])
    for entry in (
        {"tool_calls": {"get_wether": {"city": "Oslo"}}},
        {"tool_calls": {"get_weather": {"town": "Oslo"}}},
        {"tool_calls": {"get_weather": "{broken"}},
    ):
        simulator.answers(entry)
        with pytest.raises(MultiApiError, match="does not fit this request"):
            model.bind_tools([get_weather]).invoke("x")
        with pytest.raises(AssertionError, match="did not fit"):
            simulator.script.check()
        simulator.script.clear()
    simulator.answers({"json": {"city": 5}})
    with pytest.raises(MultiApiError, match="does not match the schema"):
        model.with_structured_output(Weather, method="json_schema").invoke("x")
    simulator.script.clear()
    with simulator.answers({"tool_calls": {"get_wether": {"town": 5}}, "check": False}):
        assert model.bind_tools([get_weather]).invoke("x").tool_calls[0]["name"] == "get_wether"


def test_otherwise_the_model(simulator: Simulator) -> None:
    with simulator.answers({"text": "No.", "when": {"text": "sea"}}, otherwise="model"):
        assert model_of(simulator, MODELS[2]).invoke("What is 3 + 4?").text == "3 + 4 = 7"
        assert model_of(simulator, MODELS[2]).invoke("The sea?").text == "No."
    assert [entry.mind for entry in simulator.log] == ["model", "script"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "needs one of"),
        ({"txt": "x"}, "did you mean 'text'"),
        ({"text": "x", "json": 1}, "not text and json"),
        ({"error": 200}, "from 400 to 599"),
        ({"tool_calls": {"a": 1}}, "tool_calls must be"),
        ({"tool_calls": [{"nam": "a"}]}, "a tool call has name"),
        ({"text": "x", "when": {"modle": "y"}}, "did you mean 'model'"),
        ({"text": "x", "times": 0}, "at least 1"),
        ({"text": "x", "finish_reason": "end"}, "finish_reason must be"),
        ({"chunks": "abc"}, "chunks must be a list"),
        (5, "a text or a mapping"),
    ],
)
def test_a_script_with_a_mistake_is_refused_at_once(wrong: Any, words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        Simulator().answers(wrong)


def test_a_null_is_a_value(simulator: Simulator) -> None:
    with simulator.answers({"json": None}):
        assert model_of(simulator, MODELS[2]).invoke("x").text == "null"


# ---------------------------------------------------------------- files, port, pytest

YAML = """
otherwise: model
answers:
  - It rains.
  - text: It snows.
    when: {model: openai/gpt-4o*, text: snow}
  - tool_calls: {get_weather: {city: Oslo}}
  - error: 503
"""


def test_answers_come_from_a_file(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "answers.yaml").write_text(YAML, "utf-8")
    simulator.answers(tmp_path / "answers.yaml")
    model = model_of(simulator, MODELS[2])
    assert model.invoke("Snow?").text == "It rains."
    assert model.invoke("Snow?").text == "It snows."
    assert model.bind_tools([get_weather]).invoke("x").tool_calls[0]["args"] == {"city": "Oslo"}
    with pytest.raises(MultiApiError):
        model.invoke("x")
    simulator.script.check()
    assert model.invoke("What is 1 + 1?").text == "1 + 1 = 2"


def test_answers_come_over_the_port(simulator: Simulator) -> None:
    http = httpx.Client(transport=simulator.transport)
    address = "http://127.0.0.1/_simulator/answers"
    assert http.post(address, json={"text": "One."}).json()["left"] == ["text='One.'"]
    assert http.post(address, json={"answers": ["Two.", {"error": 500}]}).status_code == 200
    assert "did you mean 'text'" in http.post(address, json={"txt": "x"}).json()["error"]
    model = model_of(simulator, MODELS[0])
    assert [model.invoke("x").text, model.invoke("x").text] == ["One.", "Two."]
    state = http.get(address).json()
    assert state["unused"] == ["error=500"]
    assert "never asked for" in state["report"]
    assert http.delete(address).json()["report"] == ""


PROJECT = """
import httpx, pytest
HELLO = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "What is 1 + 1?"}]}
def ask(simulator):
    url = simulator.base_url("aimlapi") + "/v1/chat/completions"
    client = httpx.Client(transport=simulator.transport, headers={"authorization": "Bearer any"})
    return client.post(url, json=HELLO).json()
@pytest.mark.multiapi_answers("Three.", {"json": [1]})
def test_good(multiapi_in_process):
    assert ask(multiapi_in_process)["choices"][0]["message"]["content"] == "Three."
    assert ask(multiapi_in_process)["choices"][0]["message"]["content"] == "[1]"
@pytest.mark.multiapi_answers("Three.")
def test_too_few(multiapi_in_process):
    ask(multiapi_in_process); ask(multiapi_in_process)
def test_too_many(multiapi_in_process):
    multiapi_in_process.answers("One.", "Two.")
    ask(multiapi_in_process)
class TestOverridden:
    @pytest.fixture
    def multiapi_answers(self):
        return ["Four."]
    def test_on_the_port(self, multiapi_simulator, multiapi_base_urls):
        answer = httpx.post(multiapi_base_urls["aimlapi"] + "/v1/chat/completions", json=HELLO, headers={"authorization": "Bearer any"})
        assert answer.json()["choices"][0]["message"]["content"] == "Four."
def test_none(multiapi_in_process):
    assert ask(multiapi_in_process)["choices"][0]["message"]["content"] == "1 + 1 = 2"
"""
PLUGIN = ("-p", "no:cacheprovider", "-p", "no:multiapi_simulator", "-p", "pytest_multiapi", "--strict-markers")


def test_the_fixtures_fail_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROJECT)
    result = pytester.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(["*No scripted answer was left*", "*What is 1 + 1?*", "*never asked for: text='Two.'*"])


@pytest.mark.parametrize(("said", "status"), [("", 1), ("skip", 0)])
def test_without_the_extra_the_fixtures_fail(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, said: str, status: int
) -> None:
    monkeypatch.setenv("MULTIAPI_SIMULATOR", said)
    pytester.makeconftest("import sys\nfor name in ('uvicorn', 'jsonschema_rs'): sys.modules[name] = None")
    pytester.makepyfile("def test_port(multiapi_base_urls): pass\ndef test_process(multiapi_in_process): pass")
    result = pytester.runpytest_subprocess(*PLUGIN)
    assert result.ret == status
    if not status:
        result.assert_outcomes(skipped=2)
    else:
        result.assert_outcomes(errors=2)
        result.stdout.fnmatch_lines(["*needs the extra `simulator`*"])


def test_a_run_without_a_fixture_loads_nothing_of_the_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_nothing():\n"
        "    assert [name for name in sys.modules if name.split('.')[0] == 'multiapi'] == []\n"
    )
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_scripts_print_as_json_does() -> None:
    assert json.loads(json.dumps(str(Scripted(text="x", times=2)))) == "text='x', times=2"


# ---------------------------------------------------------------- what cannot be scripted


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({"json": {1, 2}}, "json must be a value of JSON"),
        ({"json": float("nan")}, "json must be a value of JSON"),
        ({"chunks": []}, "chunks must be a list of texts"),
        ({"chunks": [0.5]}, "chunks must be a list of texts"),
        ({"chunks": ["a", -1]}, "chunks must be a list of texts"),
        ({"chunks": ["a", float("inf")]}, "chunks must be a list of texts"),
        ({"chunks": ["a", True]}, "chunks must be a list of texts"),
        ({"text": "a", "delay": "soon"}, "delay must be a number of seconds"),
        ({"text": "a", "delay": -1}, "delay must be a number of seconds"),
        ({"error": 429, "retry_after": "x"}, "retry_after must be a number of seconds"),
        ({"text": "a", "retry_after": 1}, "belong to an error"),
        ({"text": "a", "message": "x"}, "belong to an error"),
        ({"error": 503, "finish_reason": "length"}, "an error has no"),
        ({"text": "a", "fault": "nonsense"}, "unknown fault 'nonsense'"),
        ({"text": "a", "when": {"pattern": "("}}, "pattern of a condition is not valid"),
        ({"text": "a", "when": {"text": 3}}, "text of a condition must be text"),
        ({"text": "a", "when": {"model": ["a"]}}, "model of a condition must be text"),
        ({"text": "a", "when": {"tools": 3}}, "tools of a condition must be a name"),
        ({"text": "a", "when": {"provider": "aimlapy"}}, "did you mean 'aimlapi'"),
        ({"text": "a", "check": "no"}, "check must be true or false"),
        ({"text": "\ud800"}, "half of a surrogate pair"),
        ({"chunks": ["a", "\udfff"]}, "half of a surrogate pair"),
    ],
)
def test_a_wrong_script_is_refused_when_it_is_given(script: dict[str, Any], said: str) -> None:
    simulator = Simulator()
    with pytest.raises(ScriptError, match=re.escape(said)):
        simulator.answers(script)
    assert not simulator.script.entries
    with suppress(TypeError, ValueError):
        body = json.dumps({"answers": [script]}, allow_nan=False).encode()
        url = "http://127.0.0.1/_simulator/answers"
        sent = httpx.Client(transport=simulator.transport).post(url, content=body, headers={"content-type": "application/json"})  # fmt: skip
        assert sent.status_code == 400


def test_one_scripted_object_given_twice_is_two_responses() -> None:
    simulator = Simulator()
    one = Scripted(text="It rains.")
    simulator.answers(one, one)
    assert [entry.used for entry in simulator.script.entries] == [0, 0]
    assert simulator.script.entries[0] is not simulator.script.entries[1]


def test_a_condition_that_fails_is_said() -> None:
    simulator = Simulator()
    simulator.answers({"text": "a", "when": lambda conversation: 1 / 0})
    assert simulator.script.take("aimlapi", Conversation("m", (Turn("user", "hi"),))) is None
    with pytest.raises(AssertionError, match="when failed with ZeroDivisionError"):
        simulator.script.check()
