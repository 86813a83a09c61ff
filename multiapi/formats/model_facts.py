"""What is known of single models and families of models, as one dated table: nothing of it stands in the code that uses it.

Each row says for whom it holds, what it is about, where it comes from and when that was read. The first row that fits a model wins,
so exceptions stand above the rule. A row that is wrong by now is mended here and nowhere else.

Grades: V the provider's own page or staff, A measured or debugged by somebody else, B running code of somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

Topic = Literal["structured", "reasoning_effort", "limit_field", "unheeded", "think"]


class ModelFact(NamedTuple):
    """One row.

    Attributes:
        provider: Name of the provider, or "*".
        models: Patterns of ids, as in a shell; matched in lower case, and with dots as dashes, since providers write both.
        topic: What it is about; the form of `value` follows from it.
        value: The fact.
        source: The page or the measurement.
        read: The day, as YYYY-MM-DD.
        grade: See the module.
    """

    provider: str
    models: tuple[str, ...]
    topic: Topic
    value: Any
    source: str
    read: str
    grade: str = "V"

    def fits(self, provider: str, model: str) -> bool:
        """Whether it is about this model."""
        plain = _plain(model)
        return self.provider in {"*", provider} and any(fnmatchcase(plain, _plain(each)) for each in self.models)


def _plain(model: str) -> str:
    return model.lower().replace(".", "-")


_STRUCTURED = "https://aicredits.in/docs/structured-outputs"
_EFFORT = "measured by the provider's staff over /v1/chat/completions"
_EFFORT_SCHEMA = "https://docs.aimlapi.com, schemas of the models"

_OTHER_DEVELOPERS = tuple(
    f"{family}*"
    for family in (
        "claude", "gemini", "gemma", "deepseek", "mistral", "mixtral", "magistral", "codestral", "ministral", "grok", "qwen", "qwq",
        "llama", "meta-llama", "glm", "kimi", "moonshot", "minimax", "nova", "command", "sonar", "phi", "ernie", "hunyuan", "sarvam",
    )
)  # fmt: skip
"""Families whose ids are told without their developer; an id of no known family is taken as OpenAI's are."""

# structured: ways to structured output, best first. reasoning_effort: what a value does: "off", "low", "ignored", or "400" with the reason.
# think: what goes into the body for less thinking, and for none.
# limit_field: the field in which a limit of tokens goes out. unheeded: fields that are taken and do nothing, and what works instead.
MODEL_FACTS: tuple[ModelFact, ...] = (
    ModelFact(
        "aicredits",
        ("openai/*", "gpt-*", "chatgpt-*", "o1", "o1-*", "o3", "o3-*", "o4-*"),
        "structured",
        ("json_schema", "function_calling", "json_mode", "prompted"),
        _STRUCTURED,
        "2026-11-20",
    ),
    ModelFact(
        "aicredits",
        ("*/*", *_OTHER_DEVELOPERS),
        "structured",
        ("function_calling", "json_mode", "prompted"),
        _STRUCTURED,
        "2026-11-20",
    ),
    ModelFact(
        "aimlapi", ("*gpt-5.3-codex",), "reasoning_effort", {"none": "off", "xhigh": "400"}, _EFFORT, "2026-09-10"
    ),
    ModelFact("aimlapi", ("*gpt-5.6-luna",), "reasoning_effort", {"none": "off", "max": "400"}, _EFFORT, "2026-09-10"),
    ModelFact(
        "aimlapi",
        ("*deepseek-v4-*", "*gpt-5.6-*", "*claude-opus-4.7", "*claude-opus-4.8"),
        "reasoning_effort",
        {"none": "off"},
        _EFFORT,
        "2026-09-10",
    ),
    ModelFact("aimlapi", ("*claude-sonnet-5",), "reasoning_effort", {"none": "low"}, _EFFORT, "2026-09-10"),
    ModelFact(
        "aimlapi",
        ("*gemini-3.1-pro-preview", "*gemma-4-26b-a4b-it", "*glm-5v-turbo", "*glm-5-turbo", "*qwen-plus"),
        "reasoning_effort",
        {"*": "ignored"},
        _EFFORT,
        "2026-09-10",
    ),
    ModelFact("aimlapi", ("*gemini-*",), "reasoning_effort", {"none": "400"}, _EFFORT, "2026-09-10"),
    ModelFact("aimlapi", ("*gpt-5.2-pro", "*gpt-5.5-pro"), "reasoning_effort", {"xhigh": "400"}, _EFFORT, "2026-09-10"),
    ModelFact(
        "aimlapi",
        ("*gpt-6-astra", "*gpt-6-luna", "*gpt-6-sol"),
        "reasoning_effort",
        {"only": ("none", "low", "medium", "high")},
        _EFFORT_SCHEMA,
        "2026-09-10",
    ),
    ModelFact(
        "aimlapi",
        ("*gpt-6.1-sol",),
        "reasoning_effort",
        {"only": ("low", "medium", "high")},
        _EFFORT_SCHEMA,
        "2026-09-10",
    ),
    ModelFact(
        "aicredits",
        tuple(
            f"{maker}{family}"
            for maker in ("", "openai/")
            for family in ("o1", "o1-*", "o3", "o3-*", "o4", "o4-*", "gpt-5", "gpt-5-*", "gpt-5.*")
        ),
        "limit_field",
        "max_completion_tokens",
        "https://aicredits.in/docs/reasoning-tokens; gpt-5-nano measured by a user",
        "2026-11-20",
    ),
    ModelFact(
        "aicredits",
        ("qwen*", "*/qwen*", "qwq*", "*/qwq*"),
        "think",
        {"off": {"reasoning": {"enabled": False}}, "less": {"reasoning": {"enabled": False}}},
        "measured by a user: 0 reasoning tokens instead of 100 to 250",
        "2026-11-20",
        "A",
    ),
    ModelFact(
        "aicredits",
        ("gpt-5*", "openai/gpt-5*"),
        "think",
        {"off": {"reasoning_effort": "minimal"}, "less": {"reasoning_effort": "low"}},
        "gpt-5-nano measured by a user",
        "2026-11-20",
        "A",
    ),
    ModelFact(
        "aimlapi",
        (
            "deepseek/deepseek-v4-pro",
            "*/qwen-plus",
            "qwen-plus",
            "*/kimi-k3",
            "kimi-k3",
            "*/glm-5-turbo",
            "glm-5-turbo",
        ),
        "unheeded",
        {"enable_thinking": "reasoning_effort", "thinking": "reasoning_effort", "thinking_budget": "reasoning_effort"},
        _EFFORT,
        "2026-09-10",
    ),
)


def model_facts(provider: str, model: str, topic: Topic) -> Iterator[ModelFact]:
    """The rows about one model, the strongest first."""
    return (fact for fact in MODEL_FACTS if fact.topic == topic and fact.fits(provider, model))


def model_fact(provider: str, model: str, topic: Topic) -> ModelFact | None:
    """The row that holds for one model, or None."""
    return next(model_facts(provider, model, topic), None)


def effort_outcome(provider: str, model: str, effort: str) -> tuple[str, ModelFact] | None:
    """What a reasoning effort is known to do: "off", "low", "ignored" or "400", and the row that says so; None if nothing is known."""
    fact = model_fact(provider, model, "reasoning_effort")
    if fact is None:
        return None
    known: Mapping[str, Any] = fact.value
    if "only" in known:
        return None if effort in known["only"] else ("400", fact)
    outcome = known.get(effort, known.get("*"))
    return None if outcome is None else (str(outcome), fact)


def thinking_fields(provider: str, model: str, think: str) -> Mapping[str, Any]:
    """What goes into the body of a chat so that a model thinks less ("less"), or not at all or as little as it can ("off")."""
    fact = model_fact(provider, model, "think")
    if fact is not None:
        return fact.value[think]  # type: ignore[no-any-return]
    known: Mapping[str, Any] = getattr(model_fact(provider, model, "reasoning_effort"), "value", {})
    turns_off = known.get("none") in {"off", "low"} or "none" in known.get("only", ())
    return {"reasoning_effort": "none" if think == "off" and turns_off else "low"}
