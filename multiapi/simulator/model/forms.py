"""Forms that a prompt asks for in prose: lists, objects, tags, lines. An example of a value is a form to be filled, never material."""

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

from multiapi.simulator.language import evidence, quoting, words
from multiapi.simulator.minds import prompted

_COUNT = re.compile(
    r"(?<![\w.,\[\"'-])(\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|ein(?:e|en)?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|[۰-۹]{1,2}|یک|دو|سه|چهار|پنج|شش|هفت|هشت|نه|ده)\s+(?!of\b)[^\W\d]",
    re.IGNORECASE,
)
_NUMBERS = {
    word: n
    for line in (
        "one two three four five six seven eight nine ten",
        "eine zwei drei vier fünf sechs sieben acht neun zehn",
        "یک دو سه چهار پنج شش هفت هشت نه ده",
    )
    for n, word in enumerate(line.split(), 1)
}
_ASKS = re.compile(
    r"\b(?:write|give|list|name|make|create|generate|return|respond|answer|reply|output|provide|suggest|produce|send|show|find|think|print|format|schreibe?|gib|nenne|liste|antworte|erstelle|mache?)\b|بنویس|بده|فهرست|نام ببر|پاسخ|بساز",
    re.IGNORECASE,
)
_KINDS = (
    (
        "json",
        r"\bjson\b[^.\n]{0,30}\b(?:array|list|liste)|\b(?:array|list|liste)\b[^.\n]{0,30}\b(?:json|strings?|python)|آرایه|لیست json",
    ),
    (
        "numbered",
        r"\bnumbered (?:list|lines|points|items|steps|form)|^\s*1[.)] ?(?:item|first|\.\.\.|…|<|\[)|nummeriert|شماره[‌ ]?دار",
    ),
    (
        "bullets",
        r"\bbullet(?:ed)?\b|\bbullets\b|^[-*] ?(?:item|\.\.\.|<)|starting with ['\"`]?-|stichpunkt|aufzählung|spiegelstrich|گلوله|نقطه[‌ ]?ای",
    ),
    ("yaml", r"\byaml\b"),
    ("csv", r"\bcsv\b|comma[- ]separated|separated by commas|durch kommas? getrennt|kommagetrennt|با ویرگول|با کاما"),
    (
        "lines",
        r"one (?:per|on each) line|each on (?:a|its own) (?:new )?line|eine? pro zeile|هر (?:کدام|یک) در یک (?:خط|سطر)",
    ),
)
_TAG = re.compile(r"<(?P<tag>[a-zA-Z][\w-]*)>(?:\s*(?:\.\.\.|…)\s*|[^<>\n]{0,40})</(?P=tag)>")
_OPTIONS = (
    re.compile(
        r"\b(?:one of|either|choose (?:from|between)|classify (?:it )?as|entweder|eines? von|aus)\b:?\s*(?:these |the following )?(?:words|labels|categories|classes|options|wörtern)?:?\s*(?P<list>[`'\"„“«\[]?[\w-]+[`'\"”“»]?(?:\s*[,،/|]\s*(?:or |oder )?[`'\"„“«]?[\w-]+[`'\"”“»]?|\s+(?:or|oder|یا)\s+[`'\"„“«]?[\w-]+[`'\"”“»]?)+)",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?P<list>[`'\"„“«][\w-]+[`'\"”“»](?:\s*[,،/|]\s*(?:or |oder )?[`'\"„“«][\w-]+[`'\"”“»])*,?\s*(?:or|oder|یا|/)\s*[`'\"„“«][\w-]+[`'\"”“»])",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?P<list>\b(?:yes or no|yes/no|true or false|ja oder nein|بله یا خیر|بله یا نه)(?!\w))", re.IGNORECASE
    ),
)


@dataclass(frozen=True)
class Form:
    """How an answer has to look: the kind, how many items, and what an example shows."""

    kind: str
    count: int
    example: Any = None


def wanted(text: str) -> Form | None:
    """The form that a prompt asks for, or None."""
    if not _ASKS.search(text):
        return None
    bare = re.sub(r"\[[^\[\]\n]*\]", " ", quoting.masked(text))
    counted = _COUNT.search(bare)
    example = _example(text)
    number = counted[1].lower() if counted else ""
    if number:
        count = int(number) if number.isdigit() else _NUMBERS.get(number, 1)
    else:
        count = len(example) if isinstance(example, list) else 3
    if isinstance(example, list):
        return Form("json", max(1, count), example)
    if isinstance(example, dict) and example:
        return Form("object", 1, example)
    for kind, pattern in _KINDS:
        if re.search(pattern, bare, re.IGNORECASE | re.MULTILINE):
            return Form(kind, max(1, count))
    if tag := _TAG.search(text):
        return Form("tag", 1 if not number else count, tag["tag"])
    return None


def is_list(text: str) -> bool:
    """Whether the form is a list of JSON, which is not an object with keys."""
    form = wanted(text)
    return form is not None and form.kind == "json"


def _example(text: str) -> Any:
    """A value that is shown as an example: a list of texts or an object of them, of JSON or of Python."""
    for value, _, _ in prompted.json_values(text):
        if (isinstance(value, list) and value and all(isinstance(one, str) for one in value)) or (
            isinstance(value, dict) and value and not {"properties", "type"} & value.keys()
        ):
            return value
    for found in re.finditer(r"\[\s*'[^\]\n]*'\s*(?:,\s*\.\.\.\s*)?\]", text):
        try:
            return [one for one in ast.literal_eval(found[0]) if isinstance(one, str)]
        except (ValueError, SyntaxError):
            continue
    return [] if re.search(r"\[\s*\"[^\]\n]*\.\.\.\s*\]", text) else None


def filled(form: Form, text: str) -> str:
    """A text of that form, about the subject of the prompt."""
    found = items(form, text)
    if form.kind == "json":
        return json.dumps(found, ensure_ascii=False)
    if form.kind == "object":
        subject = found[0]
        return json.dumps({key: _like(value, subject) for key, value in form.example.items()}, ensure_ascii=False)
    if form.kind == "tag":
        return "\n".join(f"<{form.example}>{one}</{form.example}>" for one in found)
    if form.kind == "csv":
        return ", ".join(found)
    if form.kind == "yaml":
        return "\n".join(f"- {json.dumps(one, ensure_ascii=False)}" for one in found)
    if form.kind == "numbered":
        return "\n".join(f"{place}. {one}" for place, one in enumerate(found, 1))
    return "\n".join(f"- {one}" if form.kind == "bullets" else one for one in found)


def _like(value: Any, subject: str) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return 1
    if isinstance(value, list):
        return [_like(value[0] if value else "", subject)]
    return {key: _like(inner, subject) for key, inner in value.items()} if isinstance(value, dict) else subject


def items(form: Form, text: str) -> list[str]:
    """What the list holds: what the material lists, else the subject, told apart by numbers."""
    shown = set(form.example) if isinstance(form.example, list) else set()
    marks = [
        one.value
        for one in quoting.quoted(text)
        if one.value not in shown and not re.fullmatch(r"\W*|[\w-]+", one.value)
    ]
    names = [name for mark in marks for name in evidence.Evidence(mark).names if " " in mark and name != mark]
    names = list(dict.fromkeys(names))
    if len(names) >= 2 and not _COUNT.search(quoting.masked(text)):
        return names
    subject = marks[0] if marks else subject_of(text)
    return [subject] if form.count == 1 else [f"{subject} {number}" for number in range(1, form.count + 1)]


def subject_of(text: str) -> str:
    """What a prompt is about, without a word about its form."""
    hidden = re.sub(r"\[[^\[\]]*\]|<[^<>]*>", " ", text)
    found = re.search(
        r"\b(?:about|on|regarding|concerning|for|of|über|zum thema|zu|für)\s+(?!(?:an? |the )?(?:each|strings?|list|array|json|following|form|format|objects?)\b)([^,.;:!?\n]{2,60})|(?:درباره[ٔی]?|در مورد|برای)\s+([^,.;:!?\n،؛]{2,60})",
        hidden,
        re.IGNORECASE,
    )
    if found:
        return re.split(
            r"\s+(?:as|in|with|using|between|inside|within|one per|each|als|im|mit|به صورت|در قالب|که|بنویس|بده)(?!\w)",
            evidence.trimmed(found[1] or found[2]),
        )[0].strip()
    return evidence.topic(hidden.splitlines()[0] if hidden.strip() else "") or "simulated"


def option(text: str, system: str = "") -> str | None:
    """One of the words that a prompt allows as an answer: the one that shares most with the rest, else the first."""
    for source in (text, system):
        for pattern in _OPTIONS:
            if (listed := pattern.search(source)) and (
                pattern is not _OPTIONS[1] or _ASKS.search(source[: listed.start()][-160:])
            ):
                parts = re.split(r"\s*[,،/|]\s*(?:or |oder )?|\s+(?:or|oder|یا)\s+", listed["list"])
                found = [part.strip(" `'\"„“”«»[]") for part in parts]
                rest = set(words.content_words(f"{text} {system}".replace(listed["list"], " ")))
                return max(found, key=lambda one: (bool(rest & set(words.content_words(one))), -found.index(one)))
    return None
