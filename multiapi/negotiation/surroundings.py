"""Tells from the words before an object whether they quote it: as a citation, a list, a table, code, markup or between quotation marks.

What is not closed counts as open: a model that shows a call does not always close what it stands in.
"""

from __future__ import annotations

import re

_BEFORE = frozenset("\"'`“”„‟‘’‚‛«»‹›「」『』=([<{|>\\+-*_#$@&~/%")
"""What stands right before an object that is quoted, assigned, listed or part of something else."""
_SHOWING_LINE = re.compile(
    r"""
    \s*(?: > | \| | // | \#{1,6}(?=\s|$) | ~~~         # citation, table, comment, heading, fence
        | [-*+•◦▪·–—‣$%] (?=\s|$)                      # list, dialogue, prompt of a shell
        | (?: \d{1,4} | [A-Za-z] | \(\w{1,4}\) ) [.)] (?=\s|$) | \(\w{1,4}\) (?=\s|$)
        | \[\^?\w{1,8}\]:? (?=\s|$)                    # footnote
    )
    """,
    re.VERBOSE,
)
_INDENTED = re.compile(r"\ {0,1}\t|\ {2}")
_LINE_CHARS = 24
_TAG_CHARS = 200
_SIGNS = re.compile(r'["“”„«»‹›「」『』<\[\n]|`+')
_CLOSES = {"”": "“„", "“": "„", "»": "«", "«": "»", "›": "‹", "‹": "›", "」": "「", "』": "『"}
_OPENS = frozenset("“„«»‹›「『")
_TAG_END = re.compile(r"[<>\n\[]")
_BRACKET_END = re.compile(r"[^\w/]")
_TAG_BEGINNING = re.compile(r"/?(?:[A-Za-z]|$)")
_TAG = re.compile(r"(/?)([A-Za-z][\w.:-]*)(?:\s[^<>]*)?")
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})
_BRACKETED = frozenset({"think", "thinking", "thought", "reasoning", "quote", "code"})


class Surroundings:
    """Takes the words of a text in order, however they are cut, and looks at each character once."""

    def __init__(self) -> None:
        self._line = ""
        self._last = ""
        self._before = ""
        self._has_words = False
        self._is_cited = False
        self._ticks = 0
        self._is_tilde_fence = False
        self._has_quote = False
        self._quotes: list[str] = []
        self._tags: set[str] = set()
        self._tag: list[str] | None = None
        self._tag_end = ">"

    def take(self, text: str, *, is_code: bool) -> None:
        """The next words; of code and objects only the lines count."""
        at = 0
        while at < len(text):
            if self._tag is not None and not is_code:
                at = self._in_tag(text, at)
                continue
            self._drop_tag()
            found = _SIGNS.search(text, at) if not is_code else None
            line_end = text.find("\n", at) if is_code else -1
            start = found.start() if found is not None else line_end if line_end >= 0 else len(text)
            self._pass(text[at:start])
            if found is None and line_end < 0:
                return
            at = start
            sign = found[0] if found is not None else "\n"
            if sign == "\n":
                self._end_line()
            else:
                self._sign(sign)
                self._pass(sign)
            at += len(sign)

    def quote(self, blanks: str) -> bool:
        """Whether an object is quoted that stands here, behind this many blanks."""
        line, is_cited, is_fenced = self._line, self._is_cited, self._is_tilde_fence
        if "\n" in blanks:
            is_fenced ^= line.lstrip().startswith("~~~")
            is_cited = (is_cited or line.lstrip()[:1] == ">") and blanks.count("\n") < 2
            line = blanks.rpartition("\n")[2][:_LINE_CHARS]
        else:
            line = (line + blanks)[:_LINE_CHARS]
        is_open = self._has_quote or self._quotes or self._tags or self._ticks or is_fenced
        if is_open or is_cited or self._tag is not None or _SHOWING_LINE.match(line) is not None:
            return True
        if line.strip():
            return self._last in _BEFORE
        return self._has_words and _INDENTED.match(line) is not None

    def _drop_tag(self) -> None:
        """What began like a tag and is none, as words."""
        if self._tag is not None:
            inside, self._tag = "".join(self._tag), None
            self.take(inside, is_code=False)

    def _pass(self, text: str) -> None:
        if not text:
            return
        if len(self._line) < _LINE_CHARS:
            self._line += text[: _LINE_CHARS - len(self._line)]
        self._before = text[-1]
        body = text.rstrip()
        if body:
            self._last = body[-1]
            self._has_words = True

    def _end_line(self) -> None:
        begun = self._line.lstrip()
        if not begun:
            self._is_cited, self._ticks = False, 0
        elif begun[0] == ">":
            self._is_cited = True
        elif begun.startswith("~~~"):
            self._is_tilde_fence = not self._is_tilde_fence
        self._line, self._before = "", "\n"

    def _sign(self, sign: str) -> None:
        if sign[0] == "`":
            if len(sign) < 3:
                self._ticks = 0 if self._ticks == len(sign) else self._ticks or len(sign)
        elif self._ticks or self._is_tilde_fence:
            return
        elif sign in "<[":
            if sign == "[" or not self._before.isalnum():
                self._tag, self._tag_end = [], ">" if sign == "<" else "]"
        elif sign == '"':
            if self._has_quote or not self._before.isdigit():
                self._has_quote = not self._has_quote
        elif self._quotes and self._quotes[-1] in _CLOSES.get(sign, ""):
            self._quotes.pop()
        elif sign in _OPENS:
            self._quotes.append(sign)

    def _in_tag(self, text: str, at: int) -> int:
        """The inside of what may be a tag, up to its end or to what cannot stand in one."""
        assert self._tag is not None
        chars = sum(map(len, self._tag))
        found = (_TAG_END if self._tag_end == ">" else _BRACKET_END).search(text, at, at + _TAG_CHARS - chars)
        end = found.start() if found is not None else min(len(text), at + _TAG_CHARS - chars)
        self._tag.append(text[at:end])
        inside = "".join(self._tag)
        if found is None and len(inside) < _TAG_CHARS and _TAG_BEGINNING.match(inside) is not None:
            return end
        self._tag = None
        if found is not None and found[0] == self._tag_end:
            if not self._note_tag(inside):
                self.take(inside, is_code=False)
                inside = ""
            self._pass(inside + self._tag_end)
            return end + 1
        self.take(inside, is_code=False)
        return end

    def _note_tag(self, inside: str) -> bool:
        found = _TAG.fullmatch(inside)
        if found is None:
            return False
        name = found[2].lower()
        if self._tag_end == "]" and name not in _BRACKETED:
            return True
        if found[1]:
            self._tags.discard(name)
        elif not inside.endswith("/") and (not self._line[:-1].strip() or name in _BRACKETED) and name not in _VOID:
            self._tags.add(name)
        return True
