"""Texts for the properties of schemas, made out of a text: by format, by name, by place; made up where nothing fits."""

import re
from typing import Any

from multiapi.simulator.language import words
from multiapi.simulator.language.evidence import (
    DATE,
    EMAIL,
    EMPTY_WORDS,
    EXPRESSION,
    NAME,
    OBJECT_OF,
    TIME,
    URL,
    UUID,
    Evidence,
    topic,
    trimmed,
)
from multiapi.simulator.language.patterns import example_of
from multiapi.simulator.values.binding import labels

_PLACE = {"city", "location", "place", "country", "town", "region", "destination", "origin", "address", "area", "state"}
_TEXT = words.listed(
    """
    query question prompt input text message content q request task instruction body
    """
)
_PERSON = {"name", "person", "author", "customer", "user", "company", "vendor", "recipient", "title", "who", "employee"}
_LONG = words.listed(
    """
    answer summary response explanation description reason reasoning text content result
    """
)

_CURRENCIES = {
    r"\brupees?\b|₹|\bINR\b": "INR",
    r"\beuros?\b|€|\bEUR\b": "EUR",
    r"\bpounds?\b|£|\bGBP\b": "GBP",
    r"\byen\b|¥|\bJPY\b": "JPY",
    r"\bkroner?\b|\bNOK\b": "NOK",
    r"\bdollars?\b|\$|\bUSD\b": "USD",
}


def text_value(
    schema: dict[str, Any], name: str, evidence: Evidence, bound: dict[str, str], *, required: bool, every: bool
) -> str | None:
    """A text for the property `name`: what stands beside its name, what is of its kind, what is left; None where it may be left out."""
    text = bound.pop(name, None)
    if text is None:
        text = _by_format(schema, name, evidence)
    kinds = {*labels(name), *words.all_words(name)}
    if text is None and not required:
        mentioned = name and re.search(
            rf"(?<!\w){re.escape(' '.join(words.all_words(name)))}(?!\w)", evidence.text.lower()
        )
        if not mentioned or not every:
            return None
    if text is None:
        text = _by_name(kinds, evidence) or _by_place(kinds, evidence, every)
    if text is None:
        text = _invented(schema, name, kinds, evidence, every)
    return fitted(text, schema)


def _by_format(schema: dict[str, Any], name: str, evidence: Evidence) -> str | None:
    form = schema.get("format") or ""
    lowered = name.lower()
    text, whole = evidence.text, evidence.whole
    tests = (
        (form == "email" or "email" in lowered, EMAIL, "someone@example.com"),
        (form in ("uri", "url") or lowered in ("url", "link", "uri"), URL, "https://example.com/"),
        (form == "date" or "date" in lowered.split("_"), DATE, "2026-01-01" if form else None),
        (form == "time" or "time" in lowered.split("_"), TIME, "12:00:00" if form else None),
        (form == "date-time", re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?"), "2026-01-01T12:00:00Z"),
        (form == "uuid", UUID, "00000000-0000-4000-8000-000000000000"),
    )
    for applies, pattern, otherwise in tests:
        if applies:
            found = pattern.search(text) or pattern.search(whole)
            if found or (otherwise and form):
                return found[0] if found else otherwise
    if lowered in ("expression", "formula", "equation", "expr", "calculation") and (found := EXPRESSION.search(text)):
        return found[0].strip()
    return None


def _by_name(kinds: set[str], evidence: Evidence) -> str | None:
    if kinds & _PLACE:
        placed = [
            found[1]
            for found in re.finditer(rf"\b(?:in|at|for|to|from|near|of)\s+(?:the\s+)?({NAME.pattern})", evidence.text)
            if found[1] not in evidence.quoted
        ]
        small = re.findall(r"\b(?:in|at|for|near)\s+(?:the\s+)?([a-zæøåäöü]{3,})\b", evidence.text)
        small = [word for word in small if word not in EMPTY_WORDS]
        return evidence.take([*placed, *evidence.names, *evidence.quoted, *small]) or None
    if kinds & {"to", "recipient", "recipients", "cc", "mail"} and (found := EMAIL.search(evidence.text)):
        return found[0]
    if kinds & {"description", "details", "notes"} and (found := re.search(r"\s[-–—]\s+(.+)$", evidence.text)):
        return found[1]
    if "currency" in kinds:
        for word, code in _CURRENCIES.items():
            if re.search(word, evidence.text, re.IGNORECASE):
                return code
    if kinds & _TEXT:
        quoted = evidence.take(evidence.quoted)
        return quoted or _without_verb(evidence.rest) or None
    if kinds & {"ticker", "symbol", "currency", "code"}:
        upper = re.findall(r"\b[A-Z]{2,6}\b", evidence.text)
        if taken := evidence.take(upper):
            return taken
    return None


def _by_place(kinds: set[str], evidence: Evidence, every: bool) -> str | None:
    taken = evidence.take(evidence.quoted)
    if taken is None and not kinds & (_LONG - _PERSON):
        taken = evidence.take(evidence.names)
    if taken is None and not every:
        objects = [trimmed(found[1]) for found in OBJECT_OF.finditer(evidence.text)]
        taken = evidence.take(
            entry for entry in objects if entry and not any(str(used) in entry for used in evidence.used)
        )
    return taken


def _invented(schema: dict[str, Any], name: str, kinds: set[str], evidence: Evidence, every: bool) -> str:
    if "default" in schema and isinstance(schema["default"], str):
        return schema["default"]
    examples = schema.get("examples")
    if isinstance(examples, list) and examples and isinstance(examples[0], str):
        return examples[0]
    if kinds & _LONG and evidence.answer:
        return evidence.answer
    about = topic(evidence.text)
    spoken = " ".join(words.all_words(name))
    if not every:
        return about or evidence.text.strip() or spoken
    return f"({spoken or 'text'})"


def _without_verb(rest: str) -> str:
    """What is left of a text; without the verb at its head and the preposition at its end where a part of it has its place already."""
    text = " ".join(rest.split()) if "  " in rest or rest != rest.strip() else rest.strip()
    if text == rest.strip():
        return text
    first, _, others = text.partition(" ")
    text = others if first.lower() in EMPTY_WORDS or first[:1].isupper() else text
    return re.sub(
        r"(?:\s+(?:to|in|into|at|for|with|from|the|file|path|auf|nach|die|der|das|Datei|in))+[\s.:,]*$", "", text
    ).strip(" .:,")


def fitted(text: str, schema: dict[str, Any]) -> str:
    """The text cut or lengthened to the limits of its schema; a pattern it does not match gets an example of it."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        try:
            compiled = re.compile(pattern)
            if not compiled.search(text):
                found = [part for part in re.findall(r"\S+", text) if compiled.search(part)]
                text = found[0] if found else example_of(pattern)
        except re.error:
            pass
    if isinstance(schema.get("maxLength"), int):
        text = text[: schema["maxLength"]]
    if isinstance(schema.get("minLength"), int) and len(text) < schema["minLength"]:
        text = (text or "text").ljust(schema["minLength"], ".")
    return text
