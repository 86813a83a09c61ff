"""The simulated chat model: what it does follows from the request alone."""

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi.simulator.media import draw_image, speak
from multiapi.simulator.model import (
    Attachment,
    Conversation,
    Reply,
    Tool,
    ToolCall,
    Turn,
    replies,
    reply,
    tokens,
)
from multiapi.simulator.values import filling

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def tool(name: str, description: str, **parameters: Any) -> Tool:
    return Tool(name, description, {"type": "object", "properties": parameters, "required": list(parameters)})


WEATHER = tool("get_weather", "Get the current weather in a city", city=TEXT)
ADD = tool("add", "Add two integers", a=WHOLE, b=WHOLE)
MULTIPLY = tool("multiply", "Multiply two integers", a=WHOLE, b=WHOLE)
TIME = tool("get_time", "Tell the current time in a time zone", timezone=TEXT)
TOOLS = (WEATHER, ADD, MULTIPLY, TIME)


def ask(text: str, *earlier: Turn, after: tuple[Turn, ...] = (), **options: Any) -> Reply:
    return reply(Conversation("a-model", (*earlier, Turn("user", text), *after), **options))


def calls(answer: Reply) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in answer.tool_calls]


def called(name: str, arguments: dict[str, Any], result: str) -> tuple[Turn, Turn]:
    made = Turn("assistant", tool_calls=(ToolCall(name, json.dumps(arguments), "call_1"),))
    return made, Turn("tool", result, tool_call_id="call_1", tool_name=name)


# ---------------------------------------------------------------- tools


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Hello", []),
        ("Tell me a joke about cats.", []),
        ("What is the weather in Oslo?", [("get_weather", {"city": "Oslo"})]),
        ("Is it raining in San Francisco, CA?", [("get_weather", {"city": "San Francisco, CA"})]),
        ("What is 3 + 4?", [("add", {"a": 3, "b": 4})]),
        ("How much is 12 times 9?", [("multiply", {"a": 12, "b": 9})]),
        (
            "What is the weather in Oslo and in Paris?",
            [("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Paris"})],
        ),
        (
            "What's the weather in Oslo, and what is 3 times 4?",
            [("get_weather", {"city": "Oslo"}), ("multiply", {"a": 3, "b": 4})],
        ),
        (
            "Find the weather in Bergen and tell me the time in Tokyo.",
            [("get_weather", {"city": "Bergen"}), ("get_time", {"timezone": "Tokyo"})],
        ),
        ("Multiply 5 and 6, then add 3 to the result.", [("multiply", {"a": 5, "b": 6})]),
    ],
)
def test_auto_calls_what_the_prompt_asks_for(prompt: str, expected: list[Any]) -> None:
    assert calls(ask(prompt, tools=TOOLS)) == expected


def test_a_step_that_needs_the_result_of_the_step_before_waits_for_it() -> None:
    prompt = "Multiply 5 and 6, then add 3 to the result."
    first = called("multiply", {"a": 5, "b": 6}, "30")
    assert calls(ask(prompt, after=first, tools=TOOLS)) == [("add", {"a": 3, "b": 30})]
    done = ask(prompt, after=(*first, *called("add", {"a": 3, "b": 30}, "33")), tools=TOOLS)
    assert not done.tool_calls
    assert "33" in (done.text or "")


def test_one_call_at_a_time_when_parallel_calls_are_off() -> None:
    prompt = "What is the weather in Oslo and in Paris?"
    options = {"tools": TOOLS, "parallel_tool_calls": False}
    assert calls(ask(prompt, **options)) == [("get_weather", {"city": "Oslo"})]
    after = called("get_weather", {"city": "Oslo"}, "4 degrees")
    assert calls(ask(prompt, after=after, **options)) == [("get_weather", {"city": "Paris"})]


def test_the_choice_is_followed() -> None:
    assert ask("What is the weather in Oslo?", tools=TOOLS, tool_choice="none").tool_calls == ()
    assert len(ask("Hello!", tools=TOOLS, tool_choice="required").tool_calls) == 1
    assert calls(ask("Hello!", tools=TOOLS, tool_choice="=add"))[0][0] == "add"


def test_results_are_quoted() -> None:
    after = called("get_weather", {"city": "Oslo"}, "4 degrees and rain")
    answer = ask("What is the weather in Oslo?", after=after, tools=TOOLS)
    assert answer.finish_reason == "stop"
    assert "4 degrees and rain" in (answer.text or "")


def test_a_tool_without_parameters_gets_an_empty_object() -> None:
    answer = ask("Use the tool ping now.", tools=(Tool("ping", "Ping the server"),))
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("ping", "{}")]


def test_an_answer_form_comes_last() -> None:
    """Frameworks ask for structured output by a required tool beside the real ones."""
    form = tool("WeatherReport", "The final answer", city=TEXT, degrees=WHOLE)
    options = {"tools": (form, WEATHER), "tool_choice": "required"}
    assert calls(ask("What is the weather in Oslo?", **options)) == [("get_weather", {"city": "Oslo"})]
    after = called("get_weather", {"city": "Oslo"}, "Oslo: 4 degrees")
    assert calls(ask("What is the weather in Oslo?", after=after, **options)) == [
        ("WeatherReport", {"city": "Oslo", "degrees": 4})
    ]


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("prompt", "properties", "expected"),
    [
        (
            "Create a customer named '你好啊集团' (Hello Group) - a Chinese technology company",
            {"customer_name": TEXT, "description": TEXT},
            {"customer_name": "你好啊集团", "description": "a Chinese technology company"},
        ),
        ("Add the customer 「こんにちは株式会社」", {"customer_name": TEXT}, {"customer_name": "こんにちは株式会社"}),
        (
            "weather in paris in Fahrenheit",
            {"city": TEXT, "unit": {"enum": ["celsius", "fahrenheit"]}},
            {"city": "paris", "unit": "fahrenheit"},
        ),
        (
            "Send an email to bob@example.com with subject 'Lunch' and body 'At noon?'",
            {"to": TEXT, "subject": TEXT, "body": TEXT},
            {"to": "bob@example.com", "subject": "Lunch", "body": "At noon?"},
        ),
        ("Book for 2026-05-01 at 18:30", {"date": {"type": "string", "format": "date"}}, {"date": "2026-05-01"}),
        ("Calculate 3 * (4 + 5) please", {"expression": TEXT}, {"expression": "3 * (4 + 5)"}),
        (
            "The average of 3, 4.5 and 7",
            {"numbers": {"type": "array", "items": {"type": "number"}}},
            {"numbers": [3, 4.5, 7]},
        ),
        ("Open https://example.com/a?b=1 now", {"url": TEXT}, {"url": "https://example.com/a?b=1"}),
        ("Set limit = 20 and name is Alice", {"name": TEXT, "limit": WHOLE}, {"name": "Alice", "limit": 20}),
        ("Turn verbose off", {"verbose": {"type": "boolean"}}, {"verbose": False}),
    ],
)
def test_arguments_come_from_the_prompt(prompt: str, properties: dict[str, Any], expected: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    assert filling.fill(schema, prompt, every=False) == expected


def test_references_and_alternatives() -> None:
    schema = {
        "type": "object",
        "properties": {
            "people": {"type": "array", "items": {"$ref": "#/$defs/Person"}},
            "note": {"anyOf": [TEXT, {"type": "null"}]},
        },
        "required": ["people", "note"],
        "$defs": {
            "Person": {
                "type": "object",
                "properties": {"name": TEXT, "age": {"anyOf": [WHOLE, {"type": "null"}]}},
                "required": ["name", "age"],
            }
        },
    }
    made = filling.fill(schema, "Extract people: Alice is 30, Bob is 25 and Carol Jones is 41.")
    assert made["people"] == [
        {"name": "Alice", "age": 30},
        {"name": "Bob", "age": 25},
        {"name": "Carol Jones", "age": 41},
    ]
    assert made["note"] is None


scalars = st.sampled_from(
    [
        TEXT,
        WHOLE,
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"enum": ["red", "green", 3]},
        {"const": "x"},
        {"type": "integer", "minimum": 5, "maximum": 7},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1.5},
        {"type": "string", "minLength": 3, "maxLength": 8},
        {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "email"},
        {"type": ["string", "null"]},
        {"type": "integer", "multipleOf": 5},
    ]
)


def objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["name", "age", "city", "tags", "answer", "is_new", "customer_id", "items"])
    return st.dictionaries(names, inner, min_size=1, max_size=4).map(
        lambda properties: {
            "type": "object",
            "properties": properties,
            "required": list(properties)[::2],
            "additionalProperties": False,
        }
    )


def lists(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    sizes = st.tuples(st.integers(0, 2), st.integers(3, 5))
    return st.tuples(inner, sizes).map(
        lambda made: {"type": "array", "items": made[0], "minItems": made[1][0], "maxItems": made[1][1]}
    )


def alternatives(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(inner, min_size=1, max_size=3).map(lambda made: {"anyOf": made})


schemas = objects(
    st.recursive(scalars, lambda inner: objects(inner) | lists(inner) | alternatives(inner), max_leaves=8)
)


@settings(max_examples=300, deadline=None)
@given(
    schemas,
    st.sampled_from(["Erick, 27, lives in Oslo.", "", "What is 3 + 4? Use red.", "سلام دنیا", "a" * 300]),
    st.booleans(),
)
def test_whatever_the_schema_the_value_matches_it(schema: dict[str, Any], text: str, every: bool) -> None:
    value = filling.fill(schema, text, every=every)
    jsonschema_rs.validate(schema, json.loads(json.dumps(value)))


# ---------------------------------------------------------------- structured answers


def test_a_schema_is_filled() -> None:
    schema = {
        "type": "object",
        "properties": {"vendor": TEXT, "amount": {"type": "number"}, "currency": TEXT},
        "required": ["vendor", "amount", "currency"],
    }
    answer = ask("TechCorp invoice, 13500 rupees, 15 Jan 2025", schema=schema)
    assert json.loads(answer.text or "") == {"vendor": "TechCorp", "amount": 13500, "currency": "INR"}


def test_json_mode_takes_the_keys_from_the_prompt() -> None:
    prompt = "Tell me a joke about cats. Return the result as JSON with 'setup' and 'punchline' keys. Return nothing other than JSON."
    assert set(json.loads(ask(prompt, schema={}).text or "")) == {"setup", "punchline"}
    assert isinstance(json.loads(ask("Anything, as JSON.", schema={}).text or ""), dict)


def test_a_schema_in_the_prompt_is_followed() -> None:
    schema = {"type": "object", "properties": {"name": TEXT, "age": WHOLE}, "required": ["name", "age"]}
    prompt = f"Answer with only one JSON object that matches this JSON schema, and no other text:\n{json.dumps(schema)}\n\nErick is 27 years old."
    assert json.loads(ask(prompt).text or "") == {"name": "Erick", "age": 27}


# ---------------------------------------------------------------- tools described in the prompt

INSTRUCTIONS = """You can use these tools, given as a JSON array of definitions with JSON schemas for their parameters:
[{"name":"get_weather","description":"Get the weather of a city","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},
{"name":"add","description":"Add two integers","parameters":{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]}}]
To call tools, answer with only one JSON object of this form and no other text:
{"tool_calls": [{"name": "TOOL_NAME", "arguments": {"PARAMETER": "VALUE"}}]}
Use a tool only when it helps; when you have what you need, answer in plain text."""


@pytest.mark.parametrize("as_system", [True, False])
def test_tools_in_the_instructions_are_called_in_the_form_asked_for(as_system: bool) -> None:
    def asked(question: str, more: str = "") -> Reply:
        told = f"{INSTRUCTIONS}{more}"
        return ask(question, Turn("system", told)) if as_system else ask(f"{told}\n\n{question}")

    assert json.loads(asked("What is the weather in Oslo?").text or "") == {
        "tool_calls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]
    }
    assert len(json.loads(asked("What is the weather in Oslo, and what is 3 + 4?").text or "")["tool_calls"]) == 2
    assert asked("Hello").text == "Hello! How can I help you today?"
    assert "tool_calls" in (asked("Hello", "\nYou must call a tool now.").text or "")
    assert json.loads(asked("Hello", "\nYou must call the tool add now.").text or "")["tool_calls"][0]["name"] == "add"
    assert (
        len(
            json.loads(asked("What is the weather in Oslo and in Paris?", "\nCall one tool at a time.").text or "")[
                "tool_calls"
            ]
        )
        == 1
    )


def test_a_schema_in_the_prompt_may_have_its_braces_doubled() -> None:
    prompt = (
        'Judge this: Oslo is a city.\n\nHere\'s a JSON schema to follow:\n{{"properties": {{"passing": {{"type": "boolean"}}, '
        '"feedback": {{"type": "string"}}}}, "required": ["passing", "feedback"], "type": "object"}}\n\nOutput a valid JSON object.'
    )
    value = json.loads(ask(prompt).text)
    assert isinstance(value["passing"], bool)
    assert isinstance(value["feedback"], str)


def test_results_that_come_back_as_text_are_understood() -> None:
    wrote = Turn("assistant", '{"tool_calls":[{"name":"get_weather","arguments":{"city":"Oslo"}}]}')
    question = Turn("user", f"You are kind.\n\n{INSTRUCTIONS}\n\nWhat is the weather in Oslo?")
    answer = ask("Tool result for get_weather (call_1): 4 degrees", question, wrote)
    assert answer.text == "Here is what I found: 4 degrees."
    failed = ask("Tool error for get_weather (call_1): no such city", question, wrote)
    assert "no such city" in (failed.text or "")


REACT = """You are designed to help. You have access to the following tools:
> Tool Name: add
Tool Description: add(a: int, b: int) -> int
Add two numbers
Tool Args: {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"], "type": "object"}

Thought: I need to use a tool to help me answer the question.
Action: tool name (one of add) if using a tool.
Action Input: the input to the tool, in a JSON format
Observation: tool response
Answer: [your answer here]"""


def test_thoughts_actions_and_observations() -> None:
    first = ask("What is 3 + 4?", Turn("system", REACT)).text or ""
    assert first.endswith('Action: add\nAction Input: {"a":3,"b":4}')
    after = (Turn("assistant", first), Turn("user", "Observation: 7"))
    assert (
        reply(Conversation("m", (Turn("system", REACT), Turn("user", "What is 3 + 4?"), *after))).text or ""
    ).endswith("Answer: Here is what I found: 7.")


def test_thoughts_and_actions_when_instructions_and_question_are_one_message() -> None:
    first = ask(f"{REACT}\n\n## Current Conversation\n\nBelow is the conversation.\n\nWhat is 3 + 4?").text or ""
    assert first.endswith('Action: add\nAction Input: {"a":3,"b":4}')


# ---------------------------------------------------------------- retrieval and evaluation

FACTS = "file_path: a.md\n\nOslo is the capital of Norway. The moon is made of rock. Bananas are yellow and grow in bunches."


@pytest.mark.parametrize(
    "prompt",
    [
        f"Context information is below.\n---------------------\n{FACTS}\n---------------------\nGiven the context information and not prior knowledge, answer the query.\nQuery: What is the capital of Norway?\nAnswer: ",
        f"Answer from the context only.\n\nContext: {FACTS}\n\nQuestion: What is the capital of Norway?",
        f"<context>\n{FACTS}\n</context>\n\nWhat is the capital of Norway, by this context?",
        f"Question: What is the capital of Norway?\n\nContext:\n{FACTS}",
    ],
)
def test_a_question_is_answered_out_of_its_context(prompt: str) -> None:
    assert ask(prompt).text == "Oslo is the capital of Norway."


def test_context_in_the_system_text() -> None:
    assert (
        ask("What is the capital of Norway?", Turn("system", f"Use this context to answer.\nContext:\n{FACTS}")).text
        == "Oslo is the capital of Norway."
    )


def test_context_in_front_of_the_question_in_one_message() -> None:
    prompt = (
        "Here are the relevant documents for the context:\n\nOslo is the capital of Norway.\n\nBananas are yellow.\n\n"
        "Instruction: Based on the above documents, answer the user question below.\n\nWhat is the capital of Norway?"
    )
    assert ask(prompt).text == "Oslo is the capital of Norway."


def test_a_context_without_the_answer_is_told_from_one_with_it() -> None:
    answer = ask(f"Context: {FACTS}\n\nQuestion: Who invented the telephone?")
    assert answer.text == "The context given does not answer this question."


FAITHFUL = """Please tell if a given piece of information is supported by the context.
You need to answer with either YES or NO.
Information: Apple pie is generally double-crusted.
Context: An apple pie is a fruit pie.
Answer: YES
Information: {claim}
Context: Oslo is the capital of Norway.
Answer: """


def test_yes_or_no() -> None:
    assert ask(FAITHFUL.format(claim="The capital of Norway is Oslo.")).text == "YES"
    assert ask(FAITHFUL.format(claim="Bananas grow on trees.")).text == "NO"


def test_a_grade_by_the_words_of_the_reference() -> None:
    system = Turn(
        "system", "Output a single score. Your score has to be between 1 and 5. Example Response:\n4.0\nIt has."
    )
    form = "## User Query\nWhich city?\n\n## Reference Answer\nIt is Oslo.\n\n## Generated Answer\n{}\n"
    assert ask(form.format("Oslo it is."), system).text.startswith("5.0\n")
    assert ask(form.format("Bananas."), system).text.startswith("1.0\n")


def test_points_behind_a_mark() -> None:
    prompt = (
        "Answer these questions:\n1. Does it match?\n2. Does it try?\nEach question above is worth 1 point. Give the final "
        "result as '[RESULT] followed by the integer number'\n\nQuery: \n capital of Norway\nResponse: \n {}\nFeedback:"
    )
    assert ask(prompt.format("Oslo is the capital of Norway.")).text.endswith("\n[RESULT] 2")
    assert ask(prompt.format("Bananas.")).text.endswith("\n[RESULT] 0")


def test_the_better_of_two_answers() -> None:
    system = Turn(
        "system", "Say '[[A]]' if assistant A is better, '[[B]]' if assistant B is better, '[[C]]' for a tie."
    )
    prompt = (
        "[User Question]\nWhich city?\n\n[The Start of Reference]\nOslo\n[The End of Reference]\n\n"
        "[The Start of Assistant A’s Answer]\n{}\n[The End of Assistant A’s Answer]\n\n"
        "[The Start of Assistant B’s Answer]\n{}\n[The End of Assistant B’s Answer]"
    )
    for first, second, verdict in (("Oslo", "Rome", "A"), ("Rome", "Oslo", "B"), ("Oslo", "It is Oslo", "C")):
        assert ask(prompt.format(first, second), system).text.endswith(f"[[{verdict}]]")


def test_a_choice_of_documents() -> None:
    prompt = (
        "A list of documents is shown below. Each document has a number. Respond with the numbers.\nExample format:\nDocument 1:\n<summary>\n\n"
        "Question: <question>\nAnswer:\nDoc: 9, Relevance: 7\n\nLet's try this now:\n\nDocument 1:\nBananas are yellow.\n\nDocument 2:\nOslo is the capital of Norway.\n\n"
        "Question: What is the capital of Norway?\nAnswer:\n"
    )
    assert (ask(prompt).text or "").startswith("Doc: 2, Relevance: ")


def test_condensing_a_question() -> None:
    prompt = "Rephrase the follow up question to be a standalone question.\n\nChat History:\nuser: Tell me about Norway.\nassistant: Norway is a country.\n\nFollow Up Input: What is its capital?\nStandalone question:"
    assert "Norway" in (ask(prompt).text or "")


def test_a_question_is_divided_among_tools_as_the_examples_show() -> None:
    prompt = """Output a list of sub-questions in json.
<Tools>
{"a": "about a", "b": "about b"}
<User Question>
Compare a and b
<Output>
{"items": [{"sub_question": "What is a", "tool_name": "a"}]}

<Tools>
{"cats": "facts about cats and how long they sleep", "cars": "facts about cars"}
<User Question>
How long do cats sleep?

<Output>
"""
    answer = ask(prompt).text or ""
    assert json.loads(answer.strip("`").removeprefix("json")) == {
        "items": [{"sub_question": "How long do cats sleep?", "tool_name": "cats"}]
    }


# ---------------------------------------------------------------- conversation


def test_it_remembers() -> None:
    earlier = (Turn("user", "Hi, my name is Bob and my favourite colour is blue."), Turn("assistant", "Hello Bob."))
    assert ask("What is my name?", *earlier).text == "Your name is Bob."
    assert "blue" in (ask("Which is my favourite colour?", *earlier).text or "")


def test_the_system_text_has_a_say() -> None:
    assert (
        ask("What is the secret word?", Turn("system", "The secret word is Swordfish.")).text
        == "The secret word is Swordfish."
    )
    assert (ask("Hello", Turn("system", "Answer in upper case.")).text or "").isupper()
    assert (ask("Hello", Turn("system", "End every answer with 'Over.'")).text or "").endswith("Over.")


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Count to five", "1, 2, 3, 4, 5"),
        ("What is 12*12?", "12*12 = 144"),
        ("Say 'OK'", "OK"),
        ("Repeat after me: good night", "good night"),
    ],
)
def test_small_tasks(prompt: str, answer: str) -> None:
    assert ask(prompt).text == answer


def test_a_text_of_a_length() -> None:
    assert len((ask("Write 50 words about whales").text or "").split()) == 50


# ---------------------------------------------------------------- files


def test_files_are_described() -> None:
    picture = ask("What is this?", after=()).text
    assert picture
    seen = (
        reply(
            Conversation(
                "m", (Turn("user", "What is this?", (Attachment("image/png", draw_image("a red boat", 64, 48)),)),)
            )
        ).text
        or ""
    )
    assert "64 x 48" in seen
    assert "a red boat" in seen
    heard = (
        reply(
            Conversation(
                "m", (Turn("user", "What is said?", (Attachment("audio/wav", speak("good evening", "audio/wav")),)),)
            )
        ).text
        or ""
    )
    assert "good evening" in heard
    read = (
        reply(
            Conversation("m", (Turn("user", "Summarize", (Attachment("text/plain", b"The cat sat.", name="a.txt"),)),))
        ).text
        or ""
    )
    assert "a.txt" in read
    assert "12 bytes" in read
    assert "The cat sat." in read
    broken = (
        reply(Conversation("m", (Turn("user", "What?", (Attachment("application/pdf", b"%PDF-nonsense"),)),))).text
        or ""
    )
    assert "application/pdf, 13 bytes" in broken


# ---------------------------------------------------------------- limits


def test_stop_words_cut() -> None:
    assert ask("Count to ten", stop=("5",)).text == "1, 2, 3, 4, "


def test_the_token_limit_cuts_text() -> None:
    answer = ask("Count to ten", max_tokens=4)
    assert (answer.text, answer.finish_reason, answer.output_tokens) == ("1, 2,", "length", 4)


def test_the_token_limit_cuts_arguments_in_the_middle() -> None:
    answer = ask("What is the weather in Oslo?", tools=TOOLS, max_tokens=5)
    assert answer.finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.tool_calls[0].arguments)


def test_reasoning_comes_out_of_the_same_budget() -> None:
    answer = ask("Count to ten", reasoning=True)
    assert answer.reasoning
    assert answer.reasoning_tokens == tokens.count(answer.reasoning)
    starved = ask("Count to ten", reasoning=True, max_tokens=5)
    assert (starved.text, starved.finish_reason, starved.reasoning_tokens) == ("", "length", 5)


def test_several_answers() -> None:
    made = replies(Conversation("m", (Turn("user", "Hello"),), n=3))
    assert len({answer.text for answer in made}) == 3


@given(st.text())
def test_tokens_join_to_the_text(text: str) -> None:
    assert "".join(tokens.split(text)) == text


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=400),
    st.sampled_from([(), TOOLS]),
    st.sampled_from(["auto", "required"]),
    st.sampled_from([None, {}]),
)
def test_no_prompt_breaks_it(text: str, tools: tuple[Tool, ...], choice: str, schema: dict[str, Any] | None) -> None:
    conversation = Conversation("m", (Turn("user", text),), tools=tools, tool_choice=choice, schema=schema)
    assert reply(conversation) == reply(conversation)
