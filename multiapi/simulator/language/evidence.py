"""What a text offers as values: quotations, numbers, names, dates, and what it is about."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from multiapi.simulator.language import quoting, words

NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w])|(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\d]|\.\d)")
NAME = re.compile(
    r"[A-ZÆØÅÄÖÜÉÀ-Ý][\w&'’-]*(?:,? (?:(?:of|de|van|von|da|del|la|the|and(?= [A-Z][a-z]+ (?:Inc|Ltd|Co)\b)) )?[A-ZÆØÅÄÖÜÉÀ-Ý][\w&'’-]*)*"
)
EXPRESSION = re.compile(r"\(*-?\d+(?:\.\d+)?\)*(?:\s*(?:\*\*|[-+*/×÷^%])\s*\(*-?\d+(?:\.\d+)?\)*)+")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"https?://[^\s\"'<>)\]]+[^\s\"'<>)\].,;:!?]")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\b")
OBJECT_OF = re.compile(
    r"\b(?:in|at|for|about|of|to|on|with|named|called|from|near|by)\s+([^,.;:!?\n]{2,80})", re.IGNORECASE
)
NUMBER_WORDS = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        range(13),
        strict=True,
    )
)
_NOT_NAMES = words.listed(
    """
    i what who whom whose where when why how which is are was were do does did can could will would should shall may
    might please tell give show find search look get fetch call use make create build generate write draw calculate
    compute add multiply subtract divide convert translate summarize summarise explain describe list extract return
    answer respond reply say count name repeat check book send set open read play remember the a an this that these
    those my your his her its our their it he she they we you if then and or but so also yes no not hello hi hey
    thanks thank today tomorrow using with in on at for from to of there here let question context query json schema
    output input first second finally after before plan schedule remove delete update start stop run turn provide
    include classify parse identify determine
    """
)
EMPTY_WORDS = words.STOPWORDS | _NOT_NAMES


@dataclass
class Evidence:
    """What a text offers to fill a schema with; what has been used is not offered again."""

    text: str
    answer: str = ""
    whole: str = ""
    later_numbers: list[float] = field(default_factory=list)
    quoted: list[str] = field(init=False)
    numbers: list[tuple[float, int]] = field(init=False)
    names: list[str] = field(init=False)
    used: set[Any] = field(default_factory=set)
    rest: str = field(init=False)
    """The text without what has its place already."""

    def __post_init__(self) -> None:
        self.whole = self.whole or self.text
        self.rest = self.text
        self.quoted = [one.value for one in quoting.quoted(self.text)]
        bare = DATE.sub(lambda found: " " * len(found[0]), self.text)
        self.numbers = [(number_of(found[0]), found.start()) for found in NUMBER.finditer(bare)]
        self.numbers += [
            (float(NUMBER_WORDS[found[0].lower()]), found.start())
            for found in re.finditer(
                r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b", self.text, re.IGNORECASE
            )
        ]
        self.numbers.sort(key=lambda entry: entry[1])
        self.names = _names(self.text)

    def take(self, candidates: Iterable[str]) -> str | None:
        """The first candidate not used yet."""
        for candidate in candidates:
            if candidate not in self.used:
                self.used.add(candidate)
                return candidate
        return None

    def part(self, text: str) -> "Evidence":
        """What a part of the text offers."""
        return Evidence(text, self.answer, self.whole)


def topic(text: str) -> str:
    """What a text is about, in a few words."""
    about = re.search(r"\b(?:about|regarding|on|concerning)\s+([^,.;:!?\n]{2,60})", text, re.IGNORECASE)
    if about:
        return trimmed(about[1])
    kept = [word for word in re.findall(r"[^\W_]+", text) if word.lower() not in EMPTY_WORDS]
    return " ".join(kept[:6])


def trimmed(text: str) -> str:
    """A thing as it is named, without what follows and without its article."""
    text = re.split(r"\s+(?:and|or|then|using|with the|by|in order|that|which|please)\s+", text.strip())[0]
    return re.sub(r"^(?:the|a|an|my|your|this|that)\s+", "", text, flags=re.IGNORECASE).strip(" '\"")


def _names(text: str) -> list[str]:
    found = []
    for match in NAME.finditer(URL.sub(" ", EMAIL.sub(" ", text))):
        name = match[0]
        while (first := re.match(r"([\w'’-]+),?\s*", name)) and first[1].lower() in _NOT_NAMES:
            name = name[first.end() :]
        name = name.removesuffix("'s").removesuffix("’s")
        if name and name not in found and not (len(name) == 1 and name.isalpha()):
            found.append(name)
    return found


def number_of(text: str) -> float:
    """A number as it is written, also with commas between thousands."""
    return float(text.replace(",", ""))
