"""Takes secrets out of texts, in every form in which a provider may write them back: plain, percent-encoded, JSON- or HTML-escaped, base64.

Nothing here is done for a call that succeeds. Where the text of an error is made, the secrets of its request are taken out first and the
text is cut then: see `printable` in `multiapi.errors`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any

MASK = "**********"
SECRET_NAMES = re.compile(
    r"auth|key|token|secret|passw|cookie|credential|signature|session|^sig$|^pwd$|^sid$", re.IGNORECASE
)
"""Names of headers and query parameters whose values are nobody's business."""
SHORTEST_SCRUBBED = 8
"""A shorter secret is none but a placeholder, and would take syllables out of sentences. As much may remain of a longer one."""
_BEARER = re.compile(r"([Bb]earer\s+)(?!\*)[A-Za-z0-9._~+/=-]{8,}")
_ESCAPES = "%\\&"
_LONGEST_ESCAPE = 12
_GAP = r"(?:\\?[\s]|\\[rn])*"
"""Base64 is broken into lines, and a line end may be escaped."""


class Secret:
    """One value, and how to find it."""

    def __init__(self, value: str) -> None:
        self.value = value
        self._folded = value.lower()

    @cached_property
    def _characters(self) -> list[re.Pattern[str]]:
        return [re.compile(_forms_of(character)) for character in self.value]

    @cached_property
    def _escaped(self) -> re.Pattern[str]:
        return re.compile("".join(pattern.pattern for pattern in self._characters))

    @cached_property
    def _plain(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.value), re.IGNORECASE)

    @cached_property
    def _encoded(self) -> list[str]:
        """Its base64, as it stands behind nothing, one or two other bytes; without the letters that the neighbours take part in."""
        raw = self.value.encode("utf-8", "surrogatepass")
        found = []
        for before in range(3):
            text = base64.b64encode(bytes(before) + raw).decode("ascii").rstrip("=")
            whole = text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
            found += [whole, whole.replace("+", "-").replace("/", "_")]
        return list(dict.fromkeys(found))

    @cached_property
    def _encoded_pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(_GAP.join(map(_base64_form, text)) for text in self._encoded))

    @property
    def longest(self) -> int:
        """The most characters of one form of it."""
        return len(self.value) * _LONGEST_ESCAPE

    def mask(self, text: str) -> str:
        """The text without any form of it."""
        if any(mark in text for mark in _ESCAPES):
            text = self._escaped.sub(MASK, text)
        elif self._folded in text.lower():
            text = self._plain.sub(MASK, text)
        if any(_stands_in(each[:SHORTEST_SCRUBBED], text) for each in self._encoded):
            text = self._encoded_pattern.sub(MASK, text)
        return text

    def mask_tail(self, text: str) -> str:
        """The text without a beginning of the secret at its end, where the text was cut."""
        for start in range(max(0, len(text) - self.longest), len(text) - SHORTEST_SCRUBBED + 1):
            if self._begins(text, start):
                return text[:start] + MASK
        ending = text[-2 * self.longest :]
        for each in self._encoded:
            for length in range(min(len(each), len(ending)), SHORTEST_SCRUBBED, -1):
                if ending.endswith(each[:length]):
                    return text[:-length] + MASK
        return text

    def _begins(self, text: str, start: int) -> bool:
        """Whether from here to the end there is nothing but a beginning of the secret."""
        at, end = start, len(text)
        for number, pattern in enumerate(self._characters):
            if at == end:
                return number >= SHORTEST_SCRUBBED
            found = pattern.match(text, at)
            if found is None:
                rest = text[at:]
                return number >= SHORTEST_SCRUBBED - 1 and len(rest) < _LONGEST_ESCAPE and rest[0] in _ESCAPES
            at = found.end()
        return at == end


class Scrubber:
    """Takes the secrets of one request, or of the requests of one call, out of what came back.

    It holds them such that no dump or trace of its attributes shows them.
    """

    def __init__(self, values: Iterable[object] = (), *, keys: Iterable[object] = ()) -> None:
        self._hidden: tuple[Callable[[], str], ...] = ()
        self._keys: tuple[Callable[[], str], ...] = ()
        for value in values:
            self.add(value)
        for key in keys:
            self.add_key(key)

    def __repr__(self) -> str:
        return f"Scrubber({len(self._hidden)} secrets)"

    def __reduce__(self) -> tuple[Any, ...]:
        return Scrubber, ()

    def copy(self) -> Scrubber:
        """One with the same secrets, to which others can be added."""
        made = Scrubber()
        made._hidden, made._keys = self._hidden, self._keys
        return made

    def add(self, value: object) -> None:
        """One more secret."""
        if not isinstance(value, str) or any(known() == value for known in self._hidden):
            return
        for each in dict.fromkeys((value, value.rpartition(" ")[2])):  # "Bearer secret" holds a secret
            if len(each) >= SHORTEST_SCRUBBED:
                self._hidden += (_hidden(each),)

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """The values of headers whose names speak of a secret."""
        for name, value in headers.items():
            if SECRET_NAMES.search(name):
                self.add(value)

    def add_key(self, key: object) -> None:
        """One more secret, which is a key."""
        before = len(self._hidden)
        self.add(key)
        self._keys += self._hidden[before:]

    def echo(self, text: str) -> str:
        """A text that stands beside what a model said in a response that is none but good: without a key that it repeats as it is."""
        for key in self._keys:
            if (value := key()) in text:
                text = text.replace(value, MASK)
        return _BEARER.sub(rf"\1{MASK}", text) if "earer" in text else text

    def may_echo(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a response may hold what `echo` takes out, in a form that JSON turns into it; looked for in the bytes, all at once."""
        if b"earer" in body or b"\\u" in body or b"\\/" in body:
            return True
        values = "\n".join(headers.values())
        for key in self._keys:
            if (value := key()) in values or value.encode("utf-8", "surrogatepass") in body:
                return True
        return "earer" in values

    def text(self, text: str) -> str:
        """A whole text without the secrets, and without anything that looks like a bearer's."""
        secrets = [Secret(value()) for value in self._hidden]
        for secret in secrets:
            text = secret.mask(text)
        for secret in secrets:
            text = secret.mask_tail(text)
        return _BEARER.sub(rf"\1{MASK}", text) if "earer" in text else text

    def beginning(self, text: str, limit: int) -> str:
        """So much of the beginning of a text as is needed to cut it to `limit` characters, without the secrets."""
        longest = max((len(value()) * _LONGEST_ESCAPE for value in self._hidden), default=0)
        return self.text(text[: limit + longest + 1])

    def body(self, body: bytes) -> bytes:
        """A body without the secrets."""
        text = body.decode("latin-1")
        clean = self.text(text)
        return body if clean == text else clean.encode("latin-1")

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Headers without the secrets."""
        return {name: self.text(value) for name, value in headers.items()}


def _hidden(value: str) -> Callable[[], str]:
    return lambda: value


def _stands_in(beginning: str, text: str) -> bool:
    return beginning in text or beginning[:4] in text


def _base64_form(character: str) -> str:
    """A letter of base64; its three signs may be escaped."""
    if character in "+/":
        return rf"(?:\\*{re.escape(character)}|%(?:25)*{ord(character):02x}|%(?:25)*{ord(character):02X})"
    return re.escape(character)


@lru_cache(maxsize=512)
def _entities_of(character: str) -> list[str]:
    from html.entities import html5

    return sorted(re.escape(name) for name, value in html5.items() if value == character and name[-1] == ";")


@lru_cache(maxsize=512)
def _forms_of(character: str) -> str:
    """All ways to write a character, in both cases; each begins with a letter that a search can look for quickly."""
    number = ord(character)
    plain = [re.escape(each) for each in dict.fromkeys((character, character.lower(), character.upper()))]
    if character == " ":
        plain.append(r"\+")
    if not character.isalnum():
        plain.append(r"\\\\{0,2}" + re.escape(character))
    percent = "".join(r"%(?:25)*" + _hex(byte, 2) for byte in character.encode("utf-8", "surrogatepass"))
    entity = "|".join([rf"#0{{0,3}}{number};", rf"#[xX]0{{0,3}}{_hex(number, 1)};", *_entities_of(character)])
    escapes = [
        percent,
        rf"\\\\{{0,2}}u{_hex(number, 4)}",
        rf"\\\\{{0,2}}x{_hex(number, 2)}",
        rf"&(?:amp;)?(?:{entity})",
    ]
    return f"(?:{'|'.join([*plain, *escapes])})"


def _hex(number: int, digits: int) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{number:0{digits}x}")
