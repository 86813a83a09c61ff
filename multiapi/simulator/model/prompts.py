"""What a prompt asks for, recognised by its structure.

Frameworks put tools, context, schemas and evaluations into plain text. Nothing here compares whole sentences: it
looks for JSON with names and parameters, for fences and labels, for the words that every form of a kind shares.
"""

import re
from dataclasses import dataclass

from multiapi.simulator.language import words
from multiapi.simulator.model import instructing

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
_TAGGED = re.compile(
    r"<(context|contexts|documents?|sources?|passages?|excerpts?)>(.*?)</\1>", re.DOTALL | re.IGNORECASE
)
_QUESTION = re.compile(
    r"^[ \t>*]*(?:\*\*)?(?:user )?(?:query|question|frage|user question|original query|input)(?:\*\*)?\s*(?:is as follows)?:(?:\*\*)?[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
_LABEL = re.compile(
    r"^[^\n]{0,120}\b(?:context|documents?|sources?|passages?|excerpts?|background|information)\b[^\n:]{0,60}:[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
_END = re.compile(
    r"^\s*(?:instructions?|answer|helpful answer|response|question|query|assistant|existing answer)\s*:",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True)
class Grounded:
    """A question together with the text that the answer must come from."""

    context: str
    question: str
    told: bool = True


def grounded(system: str, user: str) -> Grounded | None:
    """The context and the question of a retrieval prompt, or None."""
    if (marked := _marked(system, user)) is not None:
        return marked
    found = instructing.facts(system, user)
    return None if found is None else Grounded(found.text, found.question, found.told)


def _marked(system: str, user: str) -> Grounded | None:
    for text in (user, system):
        fences = [found[2].strip() for found in _FENCE.finditer(text) if found[2].strip()]
        tagged = [found[2].strip() for found in _TAGGED.finditer(text) if found[2].strip()]
        if (
            text is user
            and (fences or tagged)
            and re.search(r"context|document|source|passage|information", user, re.IGNORECASE)
        ):
            question = _question(user, _FENCE if fences else _TAGGED)
            if question:
                existing = re.search(
                    r"existing answer:?[ \t]*(.+?)(?=\n\s*(?:We have|Given|\Z))", user, re.DOTALL | re.IGNORECASE
                )
                context = "\n".join([*(fences or tagged), existing[1].strip() if existing else ""])
                return Grounded(context, question)
        if text is system and (fences or tagged) and user.strip():
            return Grounded("\n".join(fences or tagged), user)
    asked = list(_QUESTION.finditer(user))
    labelled = _LABEL.search(user)
    if asked and labelled and labelled.end() < asked[-1].start():
        return Grounded(user[labelled.end() : asked[-1].start()].strip(), _cut(user[asked[-1].end() :]))
    if asked and labelled and asked[-1].end() < labelled.start():
        context = user[labelled.end() :]
        end = _END.search(context)
        return Grounded(context[: end.start()] if end else context, user[asked[-1].end() : labelled.start()].strip())
    if labelled and not asked and (end := _END.search(user, labelled.end())):
        # Instructions and question are one message, where a vendor has no role for instructions.
        paragraphs = re.split(r"\n\s*\n", user[end.end() :].strip())
        if len(paragraphs) > 1:
            return Grounded(user[labelled.end() : end.start()].strip(), paragraphs[-1].strip())
    return None


def is_marked(system: str, user: str) -> bool:
    """Whether labels, fences or tags say which part is the context."""
    return _marked(system, user) is not None


def asks_about_fenced(text: str) -> bool:
    """Whether a labelled question stands behind a fenced context, so that words inside of the context set no task."""
    fence = _FENCE.search(text)
    asked = list(_QUESTION.finditer(text))
    return bool(fence and asked and asked[-1].start() >= fence.end())


def _question(text: str, fence: re.Pattern[str]) -> str:
    asked = list(_QUESTION.finditer(text))
    if asked:
        return _cut(text[asked[-1].end() :])
    rest = [line for line in fence.sub("\n", text).splitlines() if line.strip()]
    asking = [line for line in rest if line.rstrip().endswith("?")]
    return (asking or rest or [""])[-1].strip()


def _cut(text: str) -> str:
    """The text up to the next label or blank line."""
    end = _END.search(text)
    text = (text[: end.start()] if end else text).strip()
    return re.split(r"\n\s*\n", text)[0].strip()


_METADATA = re.compile(
    r"^(?:page_label|file_path|file_name|file_type|file_size|creation_date|last_modified_date|source|doc_id)\s*:",
    re.IGNORECASE,
)


def best_sentences(context: str, question: str, limit: int = 3) -> list[str]:
    """The sentences of a context that share most with a question, in their order; none if nothing is shared."""
    asked = set(words.content_words(question))
    texts = [sentence for sentence in words.sentences(context) if not _METADATA.match(sentence)]
    texts = list(dict.fromkeys(texts))
    contents = [set(words.content_words(text)) for text in texts]
    frequency = {word: sum(word in content for content in contents) for word in asked}
    weight = {word: 1.0 / (1 + frequency[word]) ** 0.5 for word in asked}
    rated = []
    for place, content in enumerate(contents):
        shared = sum(weight[word] for word in asked & content)
        rated.append((shared / (1 + 0.01 * len(content)), place))
    best = max(rated, default=(0.0, 0))
    if best[0] <= 0 or len(asked & contents[best[1]]) < 0.25 * len(asked):
        return []
    chosen = sorted((entry for entry in rated if entry[0] >= 0.75 * best[0]), reverse=True)[:limit]
    return [texts[place] for place in sorted(place for _, place in chosen)]


def support(claim: str, context: str) -> float:
    """The share of a claim's words that a context has."""
    claimed = set(words.content_words(claim))
    return len(claimed & set(words.content_words(context))) / len(claimed) if claimed else 0.0
