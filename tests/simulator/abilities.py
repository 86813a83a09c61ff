"""What the simulated model can do, with an example and the limits of each: the table of docs/guides/testing.md, and a test of each line."""

from dataclasses import dataclass
from typing import Any

from multiapi.simulator.model import Conversation, Tool, Turn, reply


@dataclass(frozen=True)
class Ability:
    """One ability; `held_by` names the test that holds it in many wordings."""

    name: str
    prompt: str
    limits: str
    held_by: str
    system: str = ""
    earlier: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    schema: dict[str, Any] | None = None

    def answer(self) -> str:
        """What the model makes of the example."""
        turns = [Turn("system", self.system)] if self.system else []
        turns += [Turn("assistant" if place % 2 else "user", text) for place, text in enumerate(self.earlier)]
        made = reply(Conversation("a-model", (*turns, Turn("user", self.prompt)), tools=self.tools, schema=self.schema))
        return ", ".join(f"{call.name}({call.arguments})" for call in made.tool_calls) or made.text or ""


TEXT = {"type": "string"}
WRITE = Tool("write_file", "Write a file", {"type": "object", "properties": {"file_path": TEXT, "content": TEXT}, "required": ["file_path", "content"]})  # fmt: skip
HAND = Tool("transfer", "Transfer to an agent. Agents: billing (invoices), support (broken things)", {"type": "object", "properties": {"agent": TEXT, "reason": TEXT}, "required": ["agent", "reason"]})  # fmt: skip
CITY = {"type": "object", "properties": {"city": TEXT, "degrees": {"type": "integer"}}, "required": ["city", "degrees"]}
SQL = "Write SQL. Table 'cities' has columns: name (TEXT), people (INTEGER). Question: How many people has Oslo?"
MUSEUM = "Answer from this text. If it does not say, answer 'No idea.'\n\nTickets cost nine euros."
ABILITIES = (
    Ability("Tool calls", "Write 'hello' to /a.txt.", "values that stand in the prompt; no planning over several turns", "test_values_go_where_they_belong", tools=(WRITE,)),
    Ability("Choosing an agent", "Pass this to billing: invoice 12.", "names that a tool, a parameter or the instructions list", "test_the_named_agent_is_chosen", tools=(HAND,)),
    Ability("Retrieval prompts", "What do tickets cost?", "sentences that share words with the question, as they stand", "test_a_question_is_answered_from_what_the_prompt_brings_along", system=MUSEUM),
    Ability("Not knowing", "Who painted it?", "in the words that the prompt quotes, else in a sentence of its own", "test_not_knowing_is_said_as_the_prompt_wants_it", system=MUSEUM),
    Ability("Schemas", "It is 7 degrees in Oslo.", "what nothing fills is made up and says so: `(city)`", "test_schemas_are_filled", schema=CITY),
    Ability("Forms in prose", "Name two facts about tea as a JSON list.", "the subject with numbers: no content", "test_a_form_is_given_with_as_many_items_as_asked_for"),
    Ability("One of several words", "Answer 'good' or 'bad': a good meal.", "shared words, else the first", "test_tags_objects_and_options"),
    Ability("Tone", "What is 2 + 2?", "quoted beginnings, ends and whole responses; upper case", "test_instructions_hold_whichever_way_they_travel", system="End every answer with 'Over.'"),
    Ability("Memory", "What did I ask first?", "who said what, first, last or which one, how many, all of it; names", "test_what_was_said_is_remembered", earlier=("Where is Bergen?", "In Norway.")),
    Ability("Summaries", "Summarise: Otters float. They hold hands.", "sentences of the material, as they stand", "test_a_summary_has_words_of_the_material_only"),
    Ability("Queries of tables", SQL, "one described table; columns and values that the question names", "test_a_query_names_the_table_and_its_columns"),
    Ability("Triplets", "Extract triplets (subject, predicate, object). Text: Oslo lies in Norway.", "one for each sentence of the text", "test_triplets_come_from_the_text_and_never_from_the_examples"),
    Ability("Small tasks", "Count to three.", "arithmetic, counting, repeating, a number of words, key words, titles", "test_small_tasks"),
    Ability("Anything else", "Why is the sky blue?", "marked, with the header `x-multiapi-understood: no`; `strict=True` refuses it", "test_what_is_not_understood_is_marked"),
)  # fmt: skip
