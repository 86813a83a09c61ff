"""Multipart forms, read and written part by part."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from multiapi.cassettes.yaml_text import as_text

BOUNDARY = "multiapi-cassette"
_Part = tuple[str, str | None, str | None, bytes]


def form_parts(body: bytes, content_type: str) -> list[_Part]:
    """Field, file name, media type and data of each part of a multipart body, whatever its boundary was."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None:
        raise ValueError("a form without a boundary")
    parts: list[_Part] = []
    for piece in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:]:
        head, blank, data = piece.partition(b"\r\n\r\n")
        if not blank:
            continue
        described = BytesParser(policy=HTTP).parsebytes(head.lstrip(b"\r\n") + b"\r\n\r\n", headersonly=True)
        field = described.get_param("name", header="content-disposition")
        kind = described.get_content_type() if "content-type" in described else None
        parts.append((str(field), described.get_filename(), kind, data))
    return parts


def part_to_yaml(field: str, filename: str | None, kind: str | None, data: bytes) -> dict[str, Any]:
    """A part as it stands in a cassette."""
    facts = {"field": field, "filename": filename, "content_type": kind}
    text = as_text(data)
    content = {"base64": base64_text(data)} if text is None else {"text": text}
    return {**{name: value for name, value in facts.items() if value is not None}, **content}


def form_body(parts: list[Mapping[str, Any]]) -> bytes:
    """A form out of a cassette, with our own boundary."""
    pieces: list[bytes] = []
    for part in parts:
        filename = f'; filename="{part["filename"]}"' if "filename" in part else ""
        kind = f"Content-Type: {part['content_type']}\r\n" if "content_type" in part else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{part["field"]}"{filename}\r\n{kind}\r\n'
        data = base64.b64decode(part["base64"]) if "base64" in part else str(part["text"]).encode()
        pieces += [head.encode(), data, b"\r\n"]
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


def base64_text(data: bytes) -> str:
    """Bytes as base64 in lines."""
    return base64.encodebytes(data).decode()
