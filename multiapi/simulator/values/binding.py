"""Which value belongs to which argument: what stands beside a name first, then what is of the kind that a name wants."""

import re
from typing import Any

from multiapi.simulator.language import quoting, words
from multiapi.simulator.language.evidence import EMAIL, URL, Evidence

PATH = re.compile(
    r"(?<![\w/:.<])(?:~|\.{1,2})?/[\w.@%+~-]+(?:/[\w.@%+~*-]+)*/?|(?<!\w)[A-Za-z]:\\[\w\\ .-]+"
    r"|(?<![\w@/.-])[\w-]+(?:/[\w.-]+)*\.(?:txt|md|rst|py|ipynb|json|jsonl|csv|ya?ml|toml|html?|css|[jt]sx?|pdf|png|jpe?g|log|xml|sql|sh|docx?|xlsx?)(?![\w@])"
)
_KINDS = (
    (words.listed("path file filename filepath directory dir folder"), PATH),
    (words.listed("to email mail recipient recipients cc bcc sender"), EMAIL),
    (words.listed("url link uri website"), URL),
)
_LONG = words.listed("content body text message code markdown note description prompt")
_SEPARATOR = r"\s*(?P<sign>[=:]|\b(?:is|named|called|being|ist|lautet|heißt|برابر|است)\b)?\s*(?P<weak>\b(?:to|as|of|auf|zu|als|با)\b)?\s*"
_BARE = re.compile(r"[^\s,.;:!?\n\ue000][^,.;\n!?\ue000]*")
_STOP = re.compile(r"\s+(?:and|with|in|at|for|to|und|mit|و|با)\s+")


def labels(name: str) -> list[str]:
    """How a text may call a property: `customer_name`, `customer name`."""
    return list(dict.fromkeys(label for label in (name.lower(), " ".join(words.all_words(name))) if label))


def bind(properties: dict[str, Any], evidence: Evidence) -> dict[str, str]:
    """The values of the text properties that the text gives beside their names or by their kind; the evidence offers them no more."""
    wanted = [name for name, schema in properties.items() if _is_text(schema)]
    binder = _Binder(evidence)
    for name in sorted(wanted, key=len, reverse=True):
        binder.labelled(name, labels(name))
    last = [words.all_words(name)[-1:] for name in properties]
    for name in wanted:
        parts = words.all_words(name)[-1:]
        if parts and last.count(parts) == 1:
            binder.labelled(name, parts)
    for kinds, pattern in _KINDS:
        for name in wanted:
            if kinds & set(words.all_words(name)):
                binder.of_kind(name, pattern)
    for name in wanted:
        if _LONG & set(words.all_words(name)):
            binder.block(name)
    binder.finish()
    return binder.bound


def _is_text(schema: Any) -> bool:
    if not isinstance(schema, dict) or "enum" in schema or "const" in schema:
        return False
    kinds = (
        [schema.get("type")]
        if "type" in schema
        else [b.get("type") for b in schema.get("anyOf", []) if isinstance(b, dict)]
    )
    return "string" in kinds or not kinds


class _Binder:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.text = evidence, evidence.text
        self.marks = quoting.quoted(self.text)
        self.hidden = quoting.masked(self.text)
        self.taken: list[tuple[int, int]] = []
        self.bound: dict[str, str] = {}

    def _take(self, name: str, value: str, start: int, end: int) -> None:
        self.bound[name] = value
        self.taken.append((start, end))
        self.evidence.used.add(value)

    def _free(self, start: int, end: int) -> bool:
        return all(end <= first or last <= start for first, last in self.taken)

    def labelled(self, name: str, called: list[str]) -> None:
        """A value beside a name: `name = "x"`, `name is x`, `name 'x'`."""
        for label in called:
            for found in re.finditer(rf"(?<![\w-]){re.escape(label)}(?![\w-]){_SEPARATOR}", self.hidden, re.IGNORECASE):
                if name in self.bound or not self._free(*found.span()):
                    break
                mark = next((one for one in self.marks if one.start == found.end()), None)
                if mark is not None:
                    self._take(name, mark.value, found.start(), mark.end)
                elif found["sign"] and (path := PATH.match(self.text, found.end())):
                    self._take(name, path[0].rstrip("."), found.start(), path.end())
                elif found["sign"] and not found["weak"] and (bare := _BARE.match(self.hidden, found.end())):
                    value = _STOP.split(bare[0])[0].rstrip()
                    if value and len(value) <= 80 and value.lower() not in words.STOPWORDS:
                        self._take(name, value, found.start(), bare.start() + len(value))

    def of_kind(self, name: str, pattern: re.Pattern[str]) -> None:
        """The first value of a kind that is still free; where it is a whole quotation, that."""
        for found in pattern.finditer(self.text):
            start, end = found.span()
            mark = next((one for one in self.marks if one.start <= start and end <= one.end), None)
            if mark is not None and mark.value.strip() != found[0]:
                continue
            if name not in self.bound and self._free(start, end):
                self._take(
                    name,
                    found[0].rstrip(".") if mark is None else mark.value,
                    *((mark and (mark.start, mark.end)) or (start, end)),
                )

    def block(self, name: str) -> None:
        """The first fenced block that is still free."""
        for mark in self.marks:
            if mark.is_block and name not in self.bound and self._free(mark.start, mark.end):
                self._take(name, mark.value, mark.start, mark.end)

    def finish(self) -> None:
        """Let the evidence offer only what is left."""
        if self.taken:
            left = Evidence(quoting.blanked(self.text, self.taken))
            self.evidence.names, self.evidence.quoted = left.names, left.quoted
            self.evidence.numbers = [one for one in self.evidence.numbers if self._free(one[1], one[1] + 1)]
            self.evidence.rest = left.text
