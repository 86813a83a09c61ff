"""What a prompt brings along to be read: between tags, rules and fences, and behind labels. Nothing that stands there asks for anything."""

import re

from multiapi.simulator.language import quoting
from multiapi.simulator.prompts import telling

_RULE = re.compile(r"^[ \t]*(?P<sign>([-=#*_~+])\2{2,}|<{3,}|>{3,}|`{3,}\w*)[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][\w.-]{0,60})(?:[ \t][^<>\n]{0,200})?>")
_ASKING_TAG = re.compile(
    r"role|instruct|task|objective|rule|system|format|schema|output|answer|question|query|request|user|human|goal|guid|step|constrain|require|style|tone|persona|example",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^[ \t>*#]*(?:[^\W\d_]+[ ]){0,3}(?:contexts?|documents?|passages?|excerpts?|sources?|notes?|articles?|information|facts|search results|knowledge"
    r"|kontext|auszug|dokumente?|notizen|quellen?|angaben|زمینه|متن|سند|یادداشت)\b[^:\n.]{0,30}:",
    re.MULTILINE | re.IGNORECASE,
)
_NEXT_LABEL = re.compile(
    r"^[ \t>*#]*(?:[^\W\d_]+[ ]){0,2}(?:question|query|frage|answer|antwort|response|task|instructions?|پرسش|سوال|سؤال|پاسخ|جواب)[^:\n]{0,30}:",
    re.MULTILINE | re.IGNORECASE,
)
_ASKING_LABEL = re.compile(r"question|query|frage|پرسش|سوال|سؤال", re.IGNORECASE)
_FEW = 6  # a label with fewer words behind it is a field, as in "Document: /notes.txt"


def spans(text: str, fences: bool = True) -> tuple[tuple[int, int], ...]:
    """The places of the material in a text, in order and apart from each other; with `fences` also what stands in fences of backticks."""
    found = sorted([*_tagged(text), *_ruled(text, fences), *_labelled(text)])
    apart: list[tuple[int, int]] = []
    for start, end in found:
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        elif text[start:end].strip():
            apart.append((start, end))
    return tuple(apart)


def directions(text: str, *, fences: bool = True) -> str:
    """A text without its material: what asks for something can stand here alone. Places stay as they are."""
    hidden = list(spans(text, fences))
    return re.sub(r"[^\n]", " ", text) if hidden == [(0, len(text))] else _blanked(text, hidden)


def _blanked(text: str, hidden: list[tuple[int, int]]) -> str:
    made, place = [], 0
    for start, end in hidden:
        made += [text[place:start], re.sub(r"[^\n]", " ", text[start:end])]
        place = end
    return "".join([*made, text[place:]])


def parts(text: str) -> list[str]:
    """What stands in each piece of material."""
    return [text[start:end].strip() for start, end in spans(text)]


def _tagged(text: str) -> list[tuple[int, int]]:
    """Between a tag and its end, where the name of the tag does not say that something is asked for there."""
    opened: dict[str, int] = {}
    found = []
    for tag in _TAG.finditer(text):
        name = tag["name"].lower()
        if not tag["close"]:
            opened.setdefault(name, tag.end())
        elif (start := opened.pop(name, None)) is not None and not _ASKING_TAG.search(name):
            found.append((start, tag.start()))
    return found


def _ruled(text: str, fences: bool) -> list[tuple[int, int]]:
    """Between two rules of the same sign, or behind a single one up to the last paragraph; a fence with JSON alone is none."""
    rules: dict[str, list[re.Match[str]]] = {}
    for rule in _RULE.finditer(text):
        rules.setdefault(rule["sign"][:3], []).append(rule)
    found = []
    for sign, lines in rules.items():
        if sign == "```" and not fences:
            continue
        step = 1 if len(lines) % 2 and len(lines) > 1 else 2
        for first, second in zip(lines[::step], lines[1::step], strict=False):
            inside = text[first.end() : second.start()].strip()
            if not (inside[:1] in ("{", "[") and inside[-1:] in ("}", "]")):
                found.append((first.end(), second.start()))
        if len(lines) % 2 and sign != "```" and text[: lines[-1].start()].strip():
            found.append((lines[-1].end(), _end(text, lines[-1].end())))
    return found


def _labelled(text: str) -> list[tuple[int, int]]:
    """Behind a label such as `Context:`, up to the label of a question or the last paragraph."""
    found: list[tuple[int, int]] = []
    hidden = quoting.masked(text)
    for label in _LABEL.finditer(hidden):
        if found and label.start() < found[-1][1]:
            continue
        end = _end(text, label.end())
        if len(text[label.end() : end].split(None, _FEW)) >= _FEW:
            found.append((label.end(), end))
    return found


def _end(text: str, start: int) -> int:
    """Where material ends that nothing closes: at the next label of a question, else at the next one of another kind, else in front of the last paragraph."""
    labels = list(_NEXT_LABEL.finditer(text, start))
    asking = [label for label in labels if _ASKING_LABEL.search(label[0])]
    if labels:
        return asking[0].start() if asking else labels[0].start()
    end = len(text)
    while end > start:
        at = max(start, text.rstrip().rfind("\n\n", start, end - 1 if end < len(text) else end))
        if not _asks(text[at:end]):
            break
        end = at
    return end


def _asks(paragraph: str) -> bool:
    return paragraph.rstrip().endswith(("?", "؟")) or telling.is_instruction(paragraph)


def behind(text: str, label: str) -> str:
    """What follows the last line that starts with a label, up to the next label."""
    marks = list(re.finditer(rf"^[ \t]*(?:{label})[ \t]*:[ \t]*", text, re.MULTILINE | re.IGNORECASE))
    if not marks:
        return ""
    rest = text[marks[-1].end() :]
    end = re.search(
        r"^[ \t]*(?:answer|context|information|query and response|feedback|existing answer|instruction)\s*:",
        rest,
        re.MULTILINE | re.IGNORECASE,
    )
    return (rest[: end.start()] if end else rest).strip()


def between_lines(text: str) -> str:
    """What stands between the last two lines of dashes."""
    fences = re.findall(r"-{6,}\n(.*?)\n-{6,}", text, re.DOTALL)
    return fences[-1] if fences else ""
