"""Words that carry meaning, brought to a common form so that texts can be compared."""

import re
from functools import lru_cache

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def listed(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


STOPWORDS = listed(
    """
    der die das den dem ein eine ist sind war was wie wo wer wann und oder in im von zu mit für auf است در از به که را و با چه
    a about above after again all also am an and any are as ask at be because been before being below between both
    but by can cannot could did do does doing done down during each either few for from further give given had has
    have having he her here hers him his how i if in into is it its itself just let like make many may me might more
    most much must my no nor not now of off on once one only or other our out over own per please same shall she
    should so some such than that the their them then there these they this those through to too under until up us
    use used uses using very via want was we were what when where whether which while who whom whose why will with
    would yes you your yours tool tools function functions call calls returns return returned value values string
    integer number object get gets tell show current currently new based following thing things
    """
)

_GROUPS = (
    "transfer hand handoff handover delegate route forward escalate übergib übergebe überweise weiterleite leite بسپار منتقل ارجاع",
    "write save store schreibe schreib speichere speicher بنویس ذخیره",
    "read open lies lese öffne بخوان",
    "replace edit change ersetze ändere عوض جایگزین",
    "send schicke schick sende بفرست",
    "file datei فایل",
    "weather wetter هوا temperature forecast rain raining rainy snow sunny climate hot cold warm degrees umbrella",
    "add sum plus addition total",
    "multiply times product multiplication",
    "subtract minus difference subtraction",
    "divide quotient division divided",
    "power exponent exponentiate squared cubed",
    "calculate compute calculator arithmetic evaluate math mathematics",
    "search lookup find query retrieve suche such finde جستجو",
    "time clock hour hours",
    "date today day",
    "price cost costs quote",
    "email mail",
    "picture image photo drawing draw illustration",
    "film video clip movie",
    "speech speak voice aloud",
    "convert conversion exchange",
    "country nation",
    "remove delete",
    "create make build generate",
    "balance credit credits funds",
)
_CANON = {word: group.split()[0] for group in _GROUPS for word in group.split()}


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The common form of one lower-case word."""
    if word in _CANON:
        return _CANON[word]
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + replacement
            break
    word = word[:-1] if len(word) > 4 and word.endswith("e") else word
    return _CANON.get(word, word)


def all_words(text: str) -> list[str]:
    """Every word in lower case; scripts without spaces give pairs of characters; names are taken apart."""
    found: list[str] = []
    for word in _WORD.findall(_CAMEL.sub(" ", text)):
        if _CJK.search(word):
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        else:
            found.append(word.lower())
    return found


def content_words(text: str) -> list[str]:
    """The stems of the words that say what the text is about."""
    return [stem(word) for word in all_words(text) if word not in STOPWORDS]


_OPERATORS = (("+", "add"), ("*", "multiply"), ("×", "multiply"), ("/", "divide"), ("^", "power"), ("**", "power"))


def intent_words(text: str) -> set[str]:
    """The content words of a request, with arithmetic signs read as words."""
    found = set(content_words(text))
    for sign in re.findall(r"[\d)]\s*(\*\*|[-+*×/^])\s*[\d(]", text):
        found.add("calculate")
        found.add({"-": "subtract"}.get(sign) or dict(_OPERATORS)[sign])
    return found


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without markup in front."""
    parts = re.split(r"(?<=[.!?。！？؟])\s+|\n+", text)
    return [stripped for part in parts if (stripped := part.strip(" \t#*>-|"))]
