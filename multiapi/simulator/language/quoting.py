"""What stands in quotation marks and fences: it is data, so it is never cut and never read for what it asks."""

import re
from dataclasses import dataclass

_QUOTE = re.compile(
    r"^[ \t]*(?P<fence>```+|~~~+)[^\n]*\n(?P<block>.*?)\n?[ \t]*(?P=fence)[ \t]*$"
    r'|"(?P<a>[^"\n]{1,2000})"|“(?P<b>[^”\n]{1,2000})”|„(?P<c>[^“”\n]{1,2000})[“”]|«(?P<d>[^»\n]{1,2000})»|「(?P<e>[^」\n]{1,2000})」'
    r"|『(?P<f>[^』\n]{1,2000})』|`(?P<g>[^`\n]{1,2000})`|(?<!\w)'(?P<h>(?:[^'\n]|(?<=\w)'(?=\w)){1,2000})'(?!\w)"
    r"|(?<!\w)‘(?P<i>(?:[^’\n]|(?<=\w)’(?=\w)){1,2000})’(?!\w)",
    re.MULTILINE | re.DOTALL,
)
MASK = "\ue000"


@dataclass(frozen=True)
class Quoted:
    """A quotation or a fenced block, with its place in the text, marks included."""

    value: str
    start: int
    end: int
    is_block: bool


def quoted(text: str) -> list[Quoted]:
    """The quotations and fenced blocks of a text. An apostrophe inside of a word is not a mark."""
    found = []
    for match in _QUOTE.finditer(text):
        name = "block" if match["fence"] else str(match.lastgroup)
        found.append(Quoted(match[name], match.start(), match.end(), name == "block"))
    return found


def blanked(text: str, spans: list[tuple[int, int]], sign: str = " ") -> str:
    """The text with a sign in place of each that stands in the spans."""
    made, place = [], 0
    for start, end in sorted(spans):
        made += [text[place:start], sign * (end - max(start, place))]
        place = max(place, end)
    return "".join([*made, text[place:]])


def masked(text: str) -> str:
    """The text with signs that mean nothing in place of its quotations."""
    return blanked(text, [(one.start, one.end) for one in quoted(text)], MASK)
