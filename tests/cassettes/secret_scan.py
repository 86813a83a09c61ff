"""Looks for keys, cookies and account data in cassettes: in the text as it stands, in every value, and behind base64.

`python -m tests.cassettes.secret_scan` prints what it finds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from multiapi import cassettes
from tests.cassettes.scenario import FOLDER
from tests.cassettes.scrubbing import ACCOUNT_FIELDS, BALANCE, BALANCE_FIELDS, E_MAIL, REMOVED

PATTERNS = {
    "a key of Binobox": re.compile(r"binox_sk_\w+"),
    "a key of Binom.Router": re.compile(r"binom_sk_\w+"),
    "a key of AICredits, or of an OpenAI-like vendor": re.compile(r"(?<![\w-])sk-[A-Za-z0-9_-]{16,}"),
    "a key of AI/ML API": re.compile(r"(?<![\w/+=.-])[0-9a-f]{32}(?![\w/+=.-])"),
    "a key of Bineric": re.compile(r"""(?i)(?<![\w-])(?:x-)?api-?key['"]?\s*[:=]\s*['"]?(?!removed)[\w.-]{8,}"""),
    "a bearer token": re.compile(r"(?i)\bbearer\s+(?!KEY\b|token\b|auth)[\w.~+/-]{8,}"),
    "an authorization header": re.compile(
        r"""(?i)(?<![\w-])(?:proxy-)?authorization\\?['"]?\s*[:=]\s*\\?['"]?(?!removed)\w{5,}"""
    ),
    "a cookie": re.compile(r"""(?i)(?<![\w-])(?:set-)?cookie\\?['"]?\s*:\s*\\?['"]?\w+="""),
    "a JSON web token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+"),
    "a signed address": re.compile(r"(?i)[?&](?:x-amz-signature|x-goog-signature|sig|signature)=(?!removed)[\w%]{16,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}\b|\bgh[pousr]_\w{30,}\b"),
    "an e-mail address": E_MAIL,
}
"""Each vendor's keys by their documented form; Bineric documents none, so its keys are known by what stands before them.

AI/ML API's are 32 hexadecimal digits; ids of the same form, as in UUIDs without hyphens, must not be in a cassette either.
"""

_ENCODED = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_DEPTH = 3


def secrets(folder: Path = FOLDER) -> list[str]:
    """Everything that should not be in the files of a folder, whatever their kind."""
    return [
        f"{path.relative_to(folder)}: {found}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for found in dict.fromkeys(secrets_in(path.read_text(encoding="utf-8", errors="replace")))
    ]


def secrets_in(text: str) -> Iterator[str]:
    """What should not be in a text; in a cassette also in the values behind YAML's quoting."""
    yield from _in_text(text, _DEPTH)
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return
    live = isinstance(document, dict) and document.get("recorded_from") != "simulator"
    yield from _in_value(document, live=live)


def _in_text(text: str, depth: int) -> Iterator[str]:
    for name, pattern in PATTERNS.items():
        for found in pattern.finditer(text):
            yield f"{name} ({_masked(found[0])})"
    if depth:
        # Base64 that was broken into lines is one text again before it is decoded.
        joined = re.sub(r"(?<=[A-Za-z0-9+/])\n[ \t]*(?=[A-Za-z0-9+/=])", "", text)
        for found in _ENCODED.finditer(joined):
            decoded = cassettes.looks_like_base64(found[0])
            if decoded is not None and (inner := _readable(decoded)):
                for secret in _in_text(inner, depth - 1):
                    yield f"{secret} behind base64"


def _readable(data: bytes) -> str:
    """The stretches of text in some bytes."""
    return "\n".join(piece.decode() for piece in re.findall(rb"[\x20-\x7e\n]{8,}", data))


def _in_value(value: Any, name: str = "", *, live: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _in_value(inner, str(key), live=live)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_value(inner, name, live=live)
    elif isinstance(value, str):
        # What is base64 on one line was looked into with the text of the file.
        yield from _in_text(value, _DEPTH if "\n" in value else 0)
        if live and name.lower() in ACCOUNT_FIELDS and value not in {"", REMOVED}:
            yield f"account data in {name} ({_masked(value)})"
    elif live and isinstance(value, (int, float)) and not isinstance(value, bool):
        if BALANCE_FIELDS.search(name) and value not in {0, BALANCE}:
            yield f"the balance of an account in {name}"
        elif name.lower() in ACCOUNT_FIELDS and value != 0:
            yield f"account data in {name}"


def _masked(text: str) -> str:
    """Enough to find it again and too little to use it."""
    text = " ".join(text.split())
    return f"{text[:10]}… ({len(text)} characters)"


if __name__ == "__main__":
    found = secrets()
    print("\n".join(found) or "nothing found")
    sys.exit(1 if found else 0)
