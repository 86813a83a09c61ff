"""What the simulated model understands, held by many wordings: none of them stands in its code.

In each ability the wordings named `LATER` were written after it worked, and the code was not changed for them.
"""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_multiapi import ChatMultiApi
from multiapi.simulator import Simulator
from multiapi.simulator.model import Conversation, Reply, Tool, Turn, reply
from tests.simulator.abilities import ABILITIES

TEXT = {"type": "string"}
MODELS = (
    "bineric:gpt-4",
    "binom_router:gpt-4o",
    "aimlapi:openai/gpt-4o",
    "aicredits:openai/gpt-4o-mini",
    "binobox:gemini-3.1-flash-lite",
)


def tool(name: str, description: str, *optional: str, **parameters: Any) -> Tool:
    required = [key for key in parameters if key not in optional]
    return Tool(name, description, {"type": "object", "properties": parameters, "required": required})


def ask(*texts: str, system: str = "", tools: tuple[Tool, ...] = ()) -> Reply:
    """The answer to the last of some texts; the others are user and assistant by turns."""
    turns = [Turn("system", system)] if system else []
    turns += [Turn("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(texts)]
    return reply(Conversation("a-model", tuple(turns), tools=tools))


def calls(answer: Reply) -> list[tuple[str, Any]]:
    return [(call.name, json.loads(call.arguments)) for call in answer.tool_calls]


# ---------------------------------------------------------------- values of tool calls

FILES = (
    tool("write_file", "Write a file", file_path=TEXT, content=TEXT),
    tool("edit_file", "Replace a text in a file", file_path=TEXT, old_string=TEXT, new_string=TEXT),
    tool("read_file", "Read a file", file_path=TEXT),
    tool("send_email", "Send an email", to=TEXT, subject=TEXT, body=TEXT),
    tool("grep", "Search for a pattern in files", "path", "glob", pattern=TEXT, path=TEXT, glob=TEXT),
)
SAID: list[tuple[str, str, dict[str, str]]] = [
    ("Call write_file with file_path '/notes.txt' and content 'hello'.", "write_file", {"file_path": "/notes.txt", "content": "hello"}),
    ("Write 'hello' to the file /notes.txt.", "write_file", {"file_path": "/notes.txt", "content": "hello"}),
    ("Replace 'cat' with 'dog' in /a.txt.", "edit_file", {"file_path": "/a.txt", "old_string": "cat", "new_string": "dog"}),
    ("Write to /poem.md:\n```\nRoses are red\nViolets are blue\n```", "write_file", {"file_path": "/poem.md", "content": "Roses are red\nViolets are blue"}),
    ("Read the file /notes.txt.", "read_file", {"file_path": "/notes.txt"}),
    ("Search for 'TODO' in /src.", "grep", {"pattern": "TODO", "path": "/src"}),
    ("Send an email to ada@example.com with subject 'Lunch' and body 'At noon?'.", "send_email", {"to": "ada@example.com", "subject": "Lunch", "body": "At noon?"}),
    ('write_file(file_path="/notes.txt", content="hello")', "write_file", {"file_path": "/notes.txt", "content": "hello"}),
    ("Schreibe 'hallo' in die Datei /notizen.txt.", "write_file", {"file_path": "/notizen.txt", "content": "hallo"}),
    ("لطفا write_file را با file_path «/c.txt» و content «سلام دنیا» صدا بزن", "write_file", {"file_path": "/c.txt", "content": "سلام دنیا"}),
    ("Save \"it's done, and then some.\" in ./log.txt", "write_file", {"file_path": "./log.txt", "content": "it's done, and then some."}),
]  # fmt: skip
LATER: list[tuple[str, str, dict[str, str]]] = [
    ("Please put “Dear Tom; see you. Bye!” into the file letters/tom.txt", "write_file", {"file_path": "letters/tom.txt", "content": "Dear Tom; see you. Bye!"}),
    ("In the file /etc/motd, change 'one, then two' to 'three and four'.", "edit_file", {"file_path": "/etc/motd", "old_string": "one, then two", "new_string": "three and four"}),
    ("Use grep: pattern is 'def main', path is '/work'.", "grep", {"pattern": "def main", "path": "/work"}),
    ("Open report.csv and read it.", "read_file", {"file_path": "report.csv"}),
    ("Ersetze „Hund“ durch „Katze“ in /tiere.txt.", "edit_file", {"file_path": "/tiere.txt", "old_string": "Hund", "new_string": "Katze"}),
    ("فایل /daftar.txt را بخوان.", "read_file", {"file_path": "/daftar.txt"}),
]  # fmt: skip


@pytest.mark.parametrize(("said", "name", "values"), [*SAID, *LATER])
def test_values_go_where_they_belong(said: str, name: str, values: dict[str, str]) -> None:
    assert calls(ask(said, tools=FILES)) == [(name, values)]


NAMES = st.from_regex(r"[a-z]{3,8}(_[a-z]{3,8})?", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="'\"“”„«»`‘’\ue000"), min_size=1, max_size=30)  # fmt: skip
MARKS = (("'", "'"), ('"', '"'), ("“", "”"), ("«", "»"), ("„", "“"), ("`", "`"))
FRAMES = (
    "Call {tool} with {pairs}.",
    "Please use {tool}: {pairs}",
    "Rufe {tool} auf mit {pairs}.",
    "لطفا {tool} را با {pairs} صدا بزن",
    "Run the tool {tool} now. {pairs}",
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(NAMES, VALUES, min_size=1, max_size=4),
    st.sampled_from(MARKS),
    st.sampled_from(FRAMES),
    st.sampled_from([" ", ": ", "=", " is ", " = "]),
    st.sampled_from([", ", " and ", ", and ", "\n", " und ", " و "]),
    st.randoms(use_true_random=False),
)
def test_a_value_beside_its_name_is_the_value_of_that_name(
    values: dict[str, str], marks: tuple[str, str], frame: str, between: str, joiner: str, chance: Any
) -> None:
    parts = [part for name in values for part in {name, *name.split("_")}]
    if len(set(parts)) < len(parts) or {"and", "then", "with", "run", "use", "the", "tool", "now", "call"} & set(parts):
        return
    pairs = [f"{name}{between}{marks[0]}{value}{marks[1]}" for name, value in values.items()]
    chance.shuffle(pairs)
    maker = tool("zorb_maker", "Makes a zorb", **dict.fromkeys(values, TEXT))
    said = frame.format(tool="zorb_maker", pairs=joiner.join(pairs))
    assert calls(ask(said, tools=(maker, *FILES))) == [("zorb_maker", values)]


@pytest.mark.parametrize("name", MODELS)
def test_so_it_is_on_every_provider(name: str) -> None:
    simulator = Simulator()
    model = ChatMultiApi(model=name, api_key="any-key-1234", base_url=simulator.base_url(name.split(":")[0]), http_client=httpx.Client(transport=simulator.transport))  # fmt: skip
    tools = [{"name": one.name, "description": one.description, "parameters": one.parameters} for one in FILES]
    for said, called, values in SAID[:4]:
        made = model.bind_tools(tools).invoke(said).tool_calls
        assert [(call["name"], call["args"]) for call in made] == [(called, values)]


# ---------------------------------------------------------------- handing over

AGENT = st.from_regex(r"[a-z]{4,9}", fullmatch=True)
LISTS = (
    lambda names: "Agents: " + ", ".join(f"{name} ({about})" for name, about in names.items()),
    lambda names: "Available agents:\n" + "\n".join(f"- {name}: {about}" for name, about in names.items()),
    lambda names: f"Currently available agents:\n{names}",
    lambda names: "The experts are:\n" + "\n".join(f"{place}. **{name}** - {about}" for place, (name, about) in enumerate(names.items(), 1)),
)  # fmt: skip
HANDS = ("Hand this over to {name}: {what}.", "Transfer me to {name}, {what}.", "Let {name} take this: {what}", "Übergib das an {name}: {what}", "{what} - please pass it to {name}", "این را به {name} بسپار: {what}")  # fmt: skip
THINGS = ("purple bricks", "northern rivers", "ancient coins", "wooden clocks", "frozen berries")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(AGENT, min_size=2, max_size=5, unique=True),
    st.sampled_from(LISTS),
    st.sampled_from(HANDS),
    st.sampled_from(["agent_name", "to_agent", "subagent_type", "next_worker"]),
    st.sampled_from(["tool", "parameter", "system"]),
    st.integers(0, 4),
)
def test_the_named_agent_is_chosen(
    agents: list[str], listed: Any, said: str, parameter: str, place: str, which: int
) -> None:
    names = dict(zip(agents, THINGS, strict=False))
    name = agents[which % len(agents)]
    about = listed(names)
    field = {"type": "string", "description": about if place == "parameter" else "Who takes it."}
    described = f"Transfer the conversation to another agent.\n{about if place == 'tool' else ''}"
    answer = ask(
        said.format(name=name, what="the lamp number twelve does not work"),
        system=about if place == "system" else "",
        tools=(tool("transfer", described, **{parameter: field, "reason": TEXT}),),
    )
    assert [(called, values[parameter]) for called, values in calls(answer)] == [("transfer", name)]


def test_the_one_whose_description_shares_most_is_chosen_and_none_is_no_call() -> None:
    about = "Transfer to another agent.\nAgents:\n- amber: wooden clocks\n- birch: ancient coins"
    hand = tool("transfer_to", about, agent=TEXT)
    assert calls(ask("Transfer me to somebody who knows ancient coins.", tools=(hand,))) == [
        ("transfer_to", {"agent": "birch"})
    ]
    assert calls(ask("Transfer me, my shoes hurt.", tools=(hand,))) == []


# ---------------------------------------------------------------- retrieval

FACTS = {
    "en": ("The museum opens at ten on weekdays. Tickets cost nine euros.", "What do tickets cost?", "Tickets cost nine euros.", "Who painted the ceiling?"),
    "en2": ("Otters sleep on their backs. A group of otters is called a raft.\n\nBadgers dig long tunnels.", "What is a group of otters called?", "A group of otters is called a raft.", "How heavy is Saturn?"),
    "de": ("Das Museum öffnet um zehn. Karten kosten neun Euro.", "Was kosten Karten?", "Karten kosten neun Euro.", "Wer malte Fenster?"),
    "fa": ("موزه ساعت ده باز می‌شود. بلیت نه یورو قیمت دارد.", "قیمت بلیت چقدر؟", "بلیت نه یورو قیمت دارد.", "نقاش سقف کیست؟"),
}  # fmt: skip
PROMPTS = [
    "Use the following pieces of context to answer the user's question. \nIf you don't know the answer, just say that you don't know, don't try to make up an answer.\n----------------\n{facts}\n\n{question}",
    "Use the text below.\n\n---\n{facts}\n---\n\n{question}",
    "Answer from these notes.\n\n{facts}\n\nQuestion: {question}\nAnswer:",
    "Answer the question based only on the following context:\n{facts}\n\nQuestion: {question}",
    "<context>\n{facts}\n</context>\n\n{question}",
    "Beantworte die Frage nur mit dem folgenden Text.\n\n{facts}\n\nFrage: {question}\nAntwort:",
    "فقط از متن زیر پاسخ بده.\n\n{facts}\n\nپرسش: {question}",
]
PROMPTS_LATER = [
    "You will find some passages here. Rely on nothing else.\n\n***\n{facts}\n***\n\n{question}",
    "Consider what our handbook says:\n\n{facts}\n\nUser question: {question}\n\nYour answer:",
    "Lies die Angaben unten und antworte kurz.\n\n=====\n{facts}\n\n{question}",
    "با توجه به اطلاعات زیر جواب بده.\n\n{facts}\n\nسوال: {question}\nجواب:",
]


@pytest.mark.parametrize("language", FACTS)
@pytest.mark.parametrize("prompt", [*PROMPTS, *PROMPTS_LATER])
def test_a_question_is_answered_from_what_the_prompt_brings_along(prompt: str, language: str) -> None:
    facts, question, answer, other = FACTS[language]
    assert ask(prompt.format(facts=facts, question=question)).text == answer
    lacking = ask(prompt.format(facts=facts, question=other))
    assert lacking.text in ("I don't know.", "The context given does not answer this question.")
    assert lacking.understood


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("If the notes do not say it, answer 'No idea.'", "No idea."),
        ("If you do not know, say that you don't know.", "I don't know."),
        ("Falls die Notizen nichts sagen, antworte „Keine Ahnung“.", "Keine Ahnung"),
        ('When the text lacks it, reply with "NOT FOUND" and nothing more.', "NOT FOUND"),
        ("اگر پاسخ را نمی‌دانی، بگو «اطلاعی ندارم».", "اطلاعی ندارم"),
    ],
)
def test_not_knowing_is_said_as_the_prompt_wants_it(told: str, said: str) -> None:
    facts, _, _, other = FACTS["en"]
    assert ask(other, system=f"Answer from these notes. {told}\n\n{facts}").text == said


@pytest.mark.parametrize(
    "text",
    [
        "Just say that it's fine, don't ask why.",
        "Don't say it isn't so, won't you",
        "The users' books aren't the cats' toys",
    ],
)
def test_an_apostrophe_quotes_nothing(text: str) -> None:
    assert ask(text).understood is False


# ---------------------------------------------------------------- instructions before the history

CONVERSATIONS: list[tuple[str, list[str]]] = [
    (f"Answer only from this text. If you don't know, say 'Unknown.'\n\n{FACTS['en'][0]}", ["What do tickets cost?"]),
    (f"Answer only from this text. If you don't know, say 'Unknown.'\n\n{FACTS['en'][0]}", ["When does the museum open?", "At ten.", "What do tickets cost?"]),
    (f"Answer only from this text. If you don't know, say 'Unknown.'\n\n{FACTS['en'][0]}", ["When does the museum open?", "At ten.", "Who painted the ceiling?"]),
    ("Always answer with 'Aye.'", ["How are you?", "Aye.", "What is the weather?"]),
    ("End every answer with 'Over.'", ["Count to three.", "1, 2, 3 Over.", "What is 2 + 2?"]),
    ("Antworte immer mit „Jawohl“.", ["Wie geht es?", "Jawohl", "Und sonst?"]),
    ("You are brief. Start every answer with 'Well,'", ["What is 3 + 4?"]),
]  # fmt: skip


@pytest.mark.parametrize(("system", "texts"), CONVERSATIONS)
@pytest.mark.parametrize("name", MODELS)
def test_instructions_hold_whichever_way_they_travel(name: str, system: str, texts: list[str]) -> None:
    simulator = Simulator()
    model = ChatMultiApi(model=name, api_key="any-key-1234", base_url=simulator.base_url(name.split(":")[0]), http_client=httpx.Client(transport=simulator.transport))  # fmt: skip
    roles = itertools.cycle(["user", "assistant"])
    said = [(role, text) for role, text in zip(roles, texts, strict=False)]
    as_role = model.invoke([("system", system), *said]).text
    folded = model.invoke([("user", f"{system}\n\n{texts[0]}"), *said[1:]]).text
    assert as_role == folded
    assert "[simulated]" not in as_role


# ---------------------------------------------------------------- forms asked for in prose

SUBJECTS = ("sailing", "the harbour of Bergen", "old violins", "Katzen", "rye bread")
NUMBERS = {2: ("2", "two", "zwei"), 3: ("3", "three", "drei"), 5: ("5", "five", "fünf")}
FORMS: dict[str, list[str]] = {
    "json": [
        'Write {n} search queries about "{subject}". Respond with a list of strings in this format: ["query 1", "query 2"].',
        "Give me {n} titles about {subject} as a JSON array of strings, no other text.",
        "Nenne {n} Ideen zum Thema {subject} als JSON-Liste.",
        "Name {n} things about {subject} as a JSON list only.",
    ],
    "python": ["List {n} words about {subject} as a Python list such as ['a', 'b']."],
    "bullets": [
        "List {n} facts about {subject} as bullet points.",
        "Gib mir {n} Punkte über {subject} als Stichpunkte.",
    ],
    "numbered": [
        "Give {n} steps about {subject} as a numbered list.",
        "Make a numbered list of {n} rules about {subject}",
    ],
    "csv": [
        "Name {n} words about {subject}, comma-separated.",
        "Nenne {n} Wörter zum Thema {subject}, durch Kommas getrennt.",
    ],
    "lines": ["Suggest {n} names about {subject}, one per line."],
    "yaml": ["Give me {n} headings about {subject} in YAML."],
}
READERS: dict[str, Callable[[str], Any]] = {
    "json": json.loads,
    "python": json.loads,
    "bullets": lambda text: [line.removeprefix("- ") for line in text.split("\n") if line.startswith("- ")],
    "numbered": lambda text: re.findall(r"^\d+\. (.+)$", text, re.MULTILINE),
    "csv": lambda text: text.split(", "),
    "lines": lambda text: text.split("\n"),
    "yaml": lambda text: __import__("yaml").safe_load(text),
}


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize(("form", "prompt"), [(form, prompt) for form, prompts in FORMS.items() for prompt in prompts])
def test_a_form_is_given_with_as_many_items_as_asked_for(form: str, prompt: str, subject: str) -> None:
    for count, words in NUMBERS.items():
        for number in words:
            made = ask(prompt.format(n=number, subject=subject)).text or ""
            items = READERS[form](made)
            assert isinstance(items, list)
            assert len(items) == len(set(items)) == count, made
            assert all(subject.removeprefix("the ") in item for item in items), made
            assert not {"query", "queries", "title", "json", "list", "string"} & set(
                re.findall(r"[a-z]+", made.lower())
            ), made


def test_tags_objects_and_options() -> None:
    assert (
        ask("Put what you think about rye bread between tags: <answer>...</answer>. Return nothing else.").text
        == "<answer>rye bread</answer>"
    )
    value = json.loads(
        ask('Respond in this form: {"title": "x", "score": 1, "tags": ["a"]}. It is about old violins.').text or ""
    )
    assert (value["title"], value["score"], value["tags"]) == ("old violins", 1, ["old violins"])
    assert ask("Answer yes or no: is the moon square?").text in ("yes", "no")
    assert ask("Classify as one of: sport, politics, music. The band played music all night.").text == "music"
    assert ask("Antworte mit 'gut' oder 'schlecht': Der Film war gut.").text == "gut"
    assert json.loads(
        ask("Answer with a JSON list of strings only: the cities in 'Oslo and Bergen are cities of Norway.'").text or ""
    )[:2] == ["Oslo", "Bergen"]


# ---------------------------------------------------------------- the table of the docs


def test_each_line_of_the_table_has_a_test_and_an_answer() -> None:
    written = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for ability in ABILITIES:
        assert f"def {ability.held_by}(" in written, ability.name
        assert ability.answer().startswith("[simulated]") == (ability.name == "Anything else"), ability.name
    said = {ability.name: ability.answer() for ability in ABILITIES}
    assert said["Tool calls"] == 'write_file({"file_path":"/a.txt","content":"hello"})'
    assert said["Choosing an agent"] == 'transfer({"agent":"billing","reason":"invoice 12"})'
    assert (said["Retrieval prompts"], said["Not knowing"]) == ("Tickets cost nine euros.", "No idea.")
    assert (said["One of several words"], said["Tone"]) == ("good", "2 + 2 = 4 Over.")


WEATHER = {"type": "object", "properties": {"city": TEXT, "degrees": {"type": "integer"}, "condition": TEXT}, "required": ["city", "degrees", "condition"]}  # fmt: skip


@pytest.mark.parametrize("text", ["It is 7 degrees in Oslo.", "Oslo, 7 degrees", "city is Oslo, degrees: 7"])
def test_schemas_are_filled(text: str) -> None:
    made = json.loads(reply(Conversation("m", (Turn("user", text),), schema=WEATHER)).text or "")
    assert made == {"city": "Oslo", "degrees": 7, "condition": "(condition)"}


# ---------------------------------------------------------------- the fallback


@pytest.mark.parametrize("name", MODELS)
def test_what_is_not_understood_is_marked(name: str) -> None:
    simulator = Simulator()
    client = httpx.Client(transport=simulator.transport)
    model = ChatMultiApi(
        model=name, api_key="any-key-1234", base_url=simulator.base_url(name.split(":")[0]), http_client=client
    )
    prompt = "Why did the lamplighter whistle at dusk?"
    text = model.invoke(prompt).text
    assert text.startswith("[simulated]")
    assert len(text) < 100
    assert "lamplighter" not in text
    assert simulator.log[-1].understood is False
    assert model.invoke("What is 2 + 2?").text == "2 + 2 = 4"
    assert simulator.log[-1].understood is True
    simulator.strict = True
    with pytest.raises(Exception, match="does not understand this prompt"):
        model.invoke(prompt)
    assert model.invoke("What is 2 + 2?").text == "2 + 2 = 4"
