"""JSON that a prompt asks for in prose: with a schema, with keys, or any."""

import re
from typing import Any

from multiapi.simulator.language import words
from multiapi.simulator.minds import prompted
from multiapi.simulator.prompts import telling

_ASKED = re.compile(
    r"^\W*(?:please\s+)?(?:output|return|format|fill|extract|provide|produce|generate|create|make|emit|follow|match|conform|adhere|fülle|erstelle|بده|بساز)\b"
    r"|\b(?:output|answer|response|reply|result|antwort|ausgabe|پاسخ|خروجی)\b[^.\n]{0,80}\b(?:must|should|has to|have to|needs to|is to|shall|will|muss|soll|باید)\b"
    r"|\b(?:must|should)\b[^.\n]{0,60}\b(?:json|schema)\b|\bto (?:follow|match|fill)\b",
    re.IGNORECASE,
)
_SAID_OF_A_SCHEMA = re.compile(
    r"\W*(?:(?:json|schema|output|response|format|answer|expected|required|target|the|this|here|is|a|an|your|of|for|to|pydantic|class|model|structure|object|as|in)\W+)*"
    r"(?:schema|format|json|structure)\W*",
    re.IGNORECASE,
)


def unescaped(text: str) -> str:
    """A text without the doubled braces that a template left in its JSON."""
    return text.replace("{{", "{").replace("}}", "}") if '{{"' in text else text


def keys_in(text: str) -> list[str]:
    """The keys that a text wants in a JSON answer: those quoted, or those listed after `with` or `keys`."""
    about_json = [
        sentence
        for sentence in words.sentences(text)
        if re.search(r"\bjson\b|\bkeys?\b|\bfields?\b|\bpropert", sentence, re.IGNORECASE)
    ]
    quoted = re.findall(r"['\"`“‘]([A-Za-z_][\w-]{0,40})['\"`”’]", "\n".join(about_json))
    skipped = {"json", "json_object"}
    if quoted:
        return list(dict.fromkeys(key for key in quoted if key.lower() not in skipped))
    listed = re.search(
        r"\b(?:keys?|fields?|properties|json with|with)\s*:?\s+((?:the\s+)?[a-z_]\w*(?:(?:,\s*(?:and\s+)?|\s+and\s+)[a-z_]\w*)*)",
        text,
        re.IGNORECASE,
    )
    if listed:
        parts = re.split(r",\s*(?:and\s+)?|\s+and\s+", listed[1])
        return [key for part in parts if (key := part.strip().split(" ")[-1]) and key.lower() not in words.STOPWORDS]
    return []


def wants_json(text: str) -> bool:
    """Whether a text asks for JSON and nothing else."""
    return bool(
        re.search(
            r"\b(?:only|valid|as|in|one|a|single|following)\s+(?:a\s+)?(?:valid\s+)?json\b(?!\s+(?:files?|documents?|data|parsers?|schemas?)\b)|\bjson\s+(?:object|format|only)\b",
            text,
            re.IGNORECASE,
        )
    )


def schema_asked(text: str) -> dict[str, Any] | None:
    """The schema that a text wants the answer to match. One that a text only speaks of asks for nothing."""
    schema = prompted.schema_in(text)
    if schema is None:
        return None
    bare = text
    for _, start, end in reversed(prompted.json_values(text)):
        bare = bare[:start] + "\n" + bare[end:]
    for sentence in words.sentences(bare):
        spoken = re.search(r"\bjson\b|\bschema\b|\bformat|\bfields?\b|\bstructure", sentence, re.IGNORECASE)
        if spoken and (
            telling.is_instruction(sentence) or _ASKED.search(sentence) or _SAID_OF_A_SCHEMA.fullmatch(sentence)
        ):
            return schema
    return None
