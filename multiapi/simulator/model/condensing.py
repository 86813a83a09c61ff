"""Short texts made of long ones: summaries, titles, key words, questions about them. They have words of the material only."""

import re
from collections import Counter

from multiapi.simulator.language import quoting, words
from multiapi.simulator.prompts import material, telling

_SUMMARY = re.compile(
    r"\bsummar(?:y|ies|i[sz]e\w*|i[sz]ing)\b|\btl;?dr\b|\bkey points\b|\bcondens\w+|\bdistill?\w*\b|\bgist\b|\bextract\w*\b[^.\n]{0,60}\bcontext\b"
    r"|\bzusammenfass\w*|\bfass\w*\b[^.\n]{0,60}\bzusammen\b|\bkurzfassung\b|خلاصه",
    re.IGNORECASE,
)
_REQUEST = re.compile(r"^\W*(?:can|could|would|will|kannst|könntest) (?:you|du)\b|آیا می", re.IGNORECASE)
_SPEAKER = re.compile(r"^\W*(?:human|user|ai|assistant|system|tool|mensch|nutzer)[ \t]*:[ \t]*", re.IGNORECASE)
_EARLIER = re.compile(r"\b(?:existing|previous|earlier|so far|up to|bisherige\w*)\b|قبلی", re.IGNORECASE)
_LABEL_ALONE = re.compile(r"^[^\n.?!]{1,60}:[ \t]*$")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_MOST_PARTS = 30


def answered(text: str, spoken: str | None = None) -> str | None:
    """The answer to a prompt that wants a short text, or None; `spoken` is what of it can ask for one."""
    spoken = text if spoken is None else spoken
    return _questions(text, spoken) or _keywords(text, spoken) or _titled(text, spoken) or _summarised(text, spoken)


def _about(text: str, spoken: str, labels: str) -> str:
    return material.behind(text, labels) or "\n".join(_parts(text, spoken)) or _rest(text)


def _rest(text: str) -> str:
    """The text after its first line, or behind the colon in it."""
    first, _, rest = text.partition("\n")
    return rest.strip() or first.partition(":")[2].strip()


def _keywords(text: str, spoken: str) -> str | None:
    if not re.search(r"\bkeywords?\b", spoken, re.IGNORECASE) or not re.search(
        r"\bextract|provide|give|list|generate|return", spoken, re.IGNORECASE
    ):
        return None
    about = _about(text, spoken, "text|context|question|query")
    if not about:
        return None
    shown = ", ".join(word for word, _ in Counter(words.content_words(about)).most_common(10))
    return f"KEYWORDS: {shown}" if "KEYWORDS:" in text else shown


def _questions(text: str, spoken: str) -> str | None:
    found = re.search(
        r"\b(?:generate|write|create|produce)\b[^.\n]{0,60}?\b(\d+)\b[^.\n]{0,60}\b(?:questions|queries)\b",
        spoken,
        re.IGNORECASE,
    )
    if found is None:
        return None
    about = _about(text, spoken, "query|question|original question") or text
    terms = list(dict.fromkeys(words.content_words(about)))[: int(found[1])] or ["it"]
    return "\n".join(f"What is known about {term}?" for term in (terms * int(found[1]))[: int(found[1])])


def _titled(text: str, spoken: str) -> str | None:
    if not re.search(
        r"\b(?:give|write|suggest|generate|create|provide|what is)\b[^.\n]{0,60}\btitle\b", spoken, re.IGNORECASE
    ):
        return None
    about = _about(text, spoken, "text|context|context_str|document|content|passage|article|excerpt") or text
    found = [word for word, _ in Counter(words.content_words(about)).most_common(5)]
    return " ".join(word.capitalize() for word in found) or None


# ---------------------------------------------------------------- summaries


def _summarised(text: str, spoken: str) -> str | None:
    """The sentences that have most of each part's words; of a summary it gives the summary again."""
    if not any(
        _SUMMARY.search(one) and not (one.endswith("?") and not _REQUEST.match(one)) for one in words.sentences(spoken)
    ):
        return None
    found = _parts(text, spoken)[:_MOST_PARTS]
    most = 3 if len(found) == 1 else 1
    return "\n".join(_best(part, most) for part in found) or None


def _best(part: str, most: int) -> str:
    sentences = words.sentences(part)
    frequent = Counter(words.content_words(part))

    def weight(place: int) -> float:
        return sum(frequent[word] for word in set(words.content_words(sentences[place]))) / (
            5 + len(sentences[place].split())
        )

    chosen = sorted(range(len(sentences)), key=lambda place: (-weight(place), place))[:most]
    return " ".join(sentences[place] for place in sorted(chosen))


def _parts(text: str, spoken: str) -> list[str]:
    """The parts of what is to be made short: material and quotations where there are any, else what stands behind the request.

    What was made short before comes first.
    """
    marked = list(material.spans(text))
    quotes = [(one.start, one.end, one.value) for one in quoting.quoted(spoken) if len(one.value.split()) > 3]
    found = [(_EARLIER.search(_line_before(text, start)) is None, start, text[start:end]) for start, end in marked]
    found += [(_EARLIER.search(_line_before(text, start)) is None, start, value) for start, _, value in quotes]
    hidden = quoting.blanked(spoken, [(start, end) for start, end, _ in quotes])
    found += _behind_requests(hidden, bool(found))
    return [part for _, _, told in sorted(found) for part in _lines(told)]


def _behind_requests(spoken: str, marked: bool) -> list[tuple[bool, int, str]]:
    """The statements of a text that nothing marks; with marked material only those behind a colon."""
    found: list[tuple[bool, int, str]] = []
    place = 0
    open_at = not marked
    for line in spoken.split("\n"):
        start, place = place, place + len(line) + 1
        line = _TAG.sub(" ", line)
        kept: list[str] = []
        new = True
        for sentence in words.sentences(line):
            head, colon, behind = sentence.rpartition(": ") if _SUMMARY.search(sentence) else ("", "", sentence)
            if colon and behind.strip():
                kept.append(behind)
                new = _EARLIER.search(head) is None
            elif _SUMMARY.search(sentence) or _LABEL_ALONE.match(sentence):
                open_at = sentence.endswith(":") or not marked
            elif (kept or open_at) and not telling.is_instruction(sentence):
                kept.append(sentence)
        if kept:
            found.append((new, start, " ".join(kept)))
    return found


def _line_before(text: str, place: int) -> str:
    return _TAG.sub("", text[max(0, place - 300) : place]).rstrip(" \n'\"").rpartition("\n")[2]


def _lines(told: str) -> list[str]:
    """The paragraphs of a piece of material, or its lines where it has no others; without tags, labels and speakers."""
    bare = _TAG.sub(" ", told)
    paragraphs = [part for part in re.split(r"\n[ \t]*\n", bare) if part.strip()]
    if len(paragraphs) == 1:
        paragraphs = bare.split("\n")
    kept = []
    for paragraph in paragraphs:
        lines = [
            _SPEAKER.sub("", line).strip() for line in paragraph.split("\n") if not _LABEL_ALONE.match(line.strip())
        ]
        if any(lines):
            kept.append(" ".join(line for line in lines if line).strip(" '\""))
    return [part for part in kept if words.content_words(part)]
