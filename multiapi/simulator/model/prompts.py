"""What a prompt asks for, recognised by its structure.

Frameworks put tools, context, schemas and evaluations into plain text. Nothing here compares whole sentences: it
looks for JSON with names and parameters, for fences and labels, for the words that every form of a kind shares.
"""

import re

from multiapi.simulator.language import words

# ---------------------------------------------------------------- JSON asked for in prose


def unescaped(text: str) -> str:
    """A text without the doubled braces that a template left in its JSON."""
    return text.replace("{{", "{").replace("}}", "}") if '{{"' in text else text


def keys_in(text: str) -> list[str]:
    """The keys that a text wants in a JSON answer: those quoted, or those listed after `with` or `keys`."""
    telling = [
        sentence
        for sentence in words.sentences(text)
        if re.search(r"\bjson\b|\bkeys?\b|\bfields?\b|\bpropert", sentence, re.IGNORECASE)
    ]
    quoted = re.findall(r"['\"`“‘]([A-Za-z_][\w-]{0,40})['\"`”’]", "\n".join(telling))
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
            r"\b(?:only|valid|as|in|one|a|single|following)\s+(?:a\s+)?(?:valid\s+)?json\b|\bjson\s+(?:object|format|only)\b",
            text,
            re.IGNORECASE,
        )
    )


# ---------------------------------------------------------------- context and question

# A fence ends at the last line that is as the one it began with: a context may hold fences of its own.
_FENCE = re.compile(
    r"^[ \t]*(-{6,}|={6,}|#{6,}|`{3,})\w*[ \t]*\n(.*)\n[ \t]*\1[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_QUESTION = re.compile(
    r"^[ \t>*]*(?:\*\*)?(?:user )?(?:query|question|frage|user question|original query|input)(?:\*\*)?\s*(?:is as follows)?:(?:\*\*)?[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)


def asks_about_fenced(text: str) -> bool:
    """Whether a labelled question stands behind a fenced context, so that words inside of the context set no task."""
    fence = _FENCE.search(text)
    asked = list(_QUESTION.finditer(text))
    return bool(fence and asked and asked[-1].start() >= fence.end())
