"""Instructions told from what they are about: the facts that a prompt brings along, the question, and what to say when they lack the answer."""

import re
from dataclasses import dataclass

from multiapi.simulator.language import quoting, words
from multiapi.simulator.prompts import material, telling

_ABOUT_FACTS = re.compile(
    r"\b(?:contexts?|passages?|documents?|notes?|excerpts?|sources?|(?:the|this) text|information|facts?|below|following|provided|based on|(?:do not|don['’]t) know|make up"
    r"|kontext|auszug|auszüge|text|notizen|quellen?|angaben|informationen|folgenden?|unten|weißt)\b|متن|زیر|اطلاعات|یادداشت|منبع|نمی[‌ ]?دانی",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[ \t]*(?:([-=#*_~+])\1{2,}|<{3,}|>{3,}|`{3,}\w*|</?[\w-]+>)[ \t]*$", re.MULTILINE)
_QUESTION = re.compile(
    r"(?:^|(?<=[.!?؟]\s))[ \t>*#]*(?:\w+[ ‌]){0,2}(?:question|query|frage|پرسش|سوال|سؤال)[^\n:]{0,30}:[ \t*]*",
    re.MULTILINE | re.IGNORECASE,
)
_ANSWER = re.compile(r"(?:^|\s)[\w ]{0,20}\b(?:answer|antwort|response|پاسخ|جواب)[ \t*]*:[ \t]*(?:\n|$)", re.IGNORECASE)
_LABEL = re.compile(r"^[^\n.:?!؟]{1,60}:[ \t]*(?=\n|\S)")
_UNKNOWN = re.compile(
    r"\b(?:say|answer|reply|respond|write|sage?|antworte|schreibe?)\b|بگو|بنویس|پاسخ بده", re.IGNORECASE
)
_LACKS = re.compile(r"\bif\b|\bwhen\b|\bwenn\b|\bfalls\b|\bsonst\b|\botherwise\b|\bunless\b|اگر|وگرنه", re.IGNORECASE)
_I_DO_NOT_KNOW = (("نمی", "نمی‌دانم."), ("weiß", "Ich weiß es nicht."), ("know", "I don't know."))


@dataclass(frozen=True)
class Facts:
    """What a prompt brings along; `told` says whether it asks for an answer out of it, `marked` whether a label, rule or tag divides it."""

    text: str
    question: str
    told: bool
    marked: bool


def facts(system: str, user: str) -> Facts | None:
    """The facts and the question of a prompt, whatever divides them; None where there are no facts or no question."""
    spoken = material.directions(user)
    asked = list(_QUESTION.finditer(spoken))
    parts = paragraphs(spoken) if spoken.strip() else paragraphs(user)
    if asked:
        question, _, behind = spoken[asked[-1].end() :].strip().partition("\n")
        question = _ANSWER.split(f"{question}\n")[0]
        before = f"{spoken[: asked[-1].start()]}\n\n{behind}"
    elif (len(parts) > 1 or spoken != user) and (
        places := [n for n, part in enumerate(parts) if part.rstrip().endswith(("?", "؟"))]
    ):
        question = parts[places[-1]]
        before = spoken.replace(question, "", 1)
    else:
        question, before = (user, "") if system else _apart(user)
    marked = [*material.parts(system), *material.parts(user)]
    told, kept = [], []
    for part in [*paragraphs(material.directions(system)), *paragraphs(before)]:
        lines = words.sentences(_LABEL.sub("", part))
        first = next((place for place, line in enumerate(lines) if not telling.is_instruction(line)), len(lines))
        told += [*lines[:first], *(found[0] for found in [_LABEL.match(part)] if found)]
        kept += [] if _ANSWER.fullmatch(f"\n{part}\n") else lines[first:]
    brought = "\n".join(marked if len(words.content_words("\n".join(marked))) >= 3 else [*marked, *kept])
    if not question.strip() or len(words.content_words(brought)) < 3:
        return None
    instructions = "\n".join(told)
    divided = bool(marked)
    grounded = bool(_ABOUT_FACTS.search(instructions)) or divided
    return Facts(brought, question.strip(), grounded or bool(asked), divided or bool(asked))


def _apart(text: str) -> tuple[str, str]:
    """The one question of a text and the statements around it; all of it as the question where it is not so."""
    sentences = words.sentences(text)
    asking = [sentence for sentence in sentences if sentence.endswith(("?", "؟"))]
    if len(asking) != 1 or len(sentences) < 2:
        return text, ""
    return asking[0], text.replace(asking[0], "", 1)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text; a line of signs or a tag of its own divides as a blank line does."""
    return [part.strip() for part in re.split(r"\n[ \t]*\n", _RULE.sub("\n", text)) if part.strip()]


def unknown(instructions: str) -> str:
    """What the instructions want to be said when the facts lack the answer; in their own words where they quote them."""
    for sentence in words.sentences(instructions):
        if _LACKS.search(sentence) and (verb := _UNKNOWN.search(sentence)):
            for one in quoting.quoted(sentence):
                if one.start >= verb.end():
                    return one.value
            for sign, said in _I_DO_NOT_KNOW:
                if sign in sentence[verb.end() :]:
                    return said
    return "The context given does not answer this question."


def unfolded(system: str, user: str) -> tuple[str, str]:
    """Instructions and question apart, where they came in one message."""
    parts = re.split(r"\n[ \t]*\n", user.strip())
    if system or len(parts) < 2 or not telling.is_instruction(parts[0]) or len(parts[-1]) > 400:
        return system, user
    last = parts[-1].strip()
    asks = last.endswith(("?", "؟")) or len(words.sentences(last)) == 1
    return (
        ("\n\n".join(parts[:-1]), last)
        if asks and not _QUESTION.search(user) and not _LABEL.search(last)
        else (system, user)
    )
