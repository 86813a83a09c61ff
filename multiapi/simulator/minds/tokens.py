"""Tokens of the simulated models: short pieces of text that join to the text again."""

import re

_TOKEN = re.compile(r"\s*(?:[^\W_a-zA-Z0-9]{1,2}|[a-zA-Z0-9_]{1,8}|[^\w\s])|\s+\Z")


def split(text: str) -> list[str]:
    """The tokens of a text; joined they are the text."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """How many tokens a text has."""
    return len(_TOKEN.findall(text))
