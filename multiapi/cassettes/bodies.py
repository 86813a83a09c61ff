"""Bodies as they stand in a cassette: JSON as a tree, text as text, forms by their parts, the rest as base64."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from multiapi.cassettes.forms import base64_text, form_body, form_parts, part_to_yaml
from multiapi.cassettes.yaml_text import as_text, survives


def body_to_yaml(body: bytes, content_type: str, *, most: int | None = None) -> dict[str, Any] | None:
    """A body as it stands in a cassette: JSON as a tree, text as text, forms by their parts, the rest as base64.

    Whatever cannot be read back unchanged from the nicer form takes the plainer one. With `most`, binary data is cut to so
    many bytes, alone or inside of JSON, with a note.
    """
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return {"form": [part_to_yaml(*part) for part in form_parts(body, content_type)]}
    if kind == "application/json" or kind.endswith("+json") or body[:1] in b"{[":
        tree = _json_tree(body)
        if tree is not _NO_TREE:
            notes: list[str] = []
            tree = tree if most is None else _cut(tree, most, "$", notes)
            return {"note": "; ".join(notes), "json": tree} if notes else {"json": tree}
    name = "events" if kind == "text/event-stream" else "text"
    text = as_text(body)
    if text is not None and "\r" not in text:
        return {name: text}
    if text is not None and text.count("\r\n") == text.count("\r") == text.count("\n"):
        return {"line_ends": "crlf", name: text.replace("\r\n", "\n")}
    if text is not None:
        return {name: text}
    if most is not None and len(body) > most:
        return {
            "note": f"the first {most} of {len(body)} bytes; the rest was cut off",
            "base64": base64_text(body[:most]),
        }
    return {"base64": base64_text(body)}


def body_from_yaml(value: Mapping[str, Any] | None) -> bytes:
    """A body out of a cassette."""
    if value is None:
        return b""
    if "json" in value:
        return json.dumps(value["json"], ensure_ascii=False, separators=(",", ":")).encode()
    if "base64" in value:
        return base64.b64decode(value["base64"])
    if "form" in value:
        return form_body(value["form"])
    text = str(value["events"] if "events" in value else value["text"])
    return (text.replace("\n", "\r\n") if value.get("line_ends") == "crlf" else text).encode()


_NO_TREE = object()


def _json_tree(body: bytes) -> Any:
    """JSON with sorted keys, or `_NO_TREE` if something would be lost that way."""
    try:
        tree = json.loads(body, object_pairs_hook=_unrepeated, parse_constant=_refuse)
        json.dumps(tree, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return _NO_TREE
    return tree if isinstance(tree, (dict, list)) and survives(tree) else _NO_TREE


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return {name: found[name] for name in sorted(found)}


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _cut(value: Any, most: int, at: str, notes: list[str]) -> Any:
    """The tree with long base64 texts cut, so that an image inside of JSON does not fill the file."""
    if isinstance(value, dict):
        return {name: _cut(inner, most, f"{at}.{name}", notes) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, most, f"{at}[{index}]", notes) for index, inner in enumerate(value)]
    if not isinstance(value, str) or len(value) <= most * 4 // 3 + 200:
        return value
    head, data = _split_data_url(value)
    if not _BASE64.fullmatch(data):
        return value
    kept = most // 3 * 4
    notes.append(f"{at} is cut to the first {kept // 4 * 3} of {len(data) * 3 // 4 - data.count('=')} bytes")
    return head + data[:kept]


_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def _split_data_url(text: str) -> tuple[str, str]:
    if text.startswith("data:"):
        head, comma, data = text.partition(",")
        return head + comma, data
    return "", text


def looks_like_base64(text: str) -> bytes | None:
    """The bytes behind a text that may be base64, also as a data URL; None if it is something else."""
    _, data = _split_data_url(text)
    data = "".join(data.split())
    if len(data) < 16 or not _BASE64.fullmatch(data):
        return None
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        return None
