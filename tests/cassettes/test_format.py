"""A cassette reads back as it was written, and people can read it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from multiapi import cassettes
from multiapi.cassettes import body_from_yaml, body_to_yaml, form_parts, same_json
from multiapi.cassettes.yaml_text import Dumper
from tests.cassettes.scenario import FOLDER

JSON = "application/json"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_file_is_written_the_way_it_is_read(path: Any) -> None:
    """Nobody has changed it by hand, and what is read is what was recorded."""
    text = path.read_text(encoding="utf-8")
    recording = cassettes.loads(text)
    assert cassettes.dumps(recording) == text
    assert recording.provider == path.parent.name
    assert recording.recorded_from in {"simulator", "live"}
    assert recording.contract == cassettes.contract_version(path.parent.name)


def test_json_is_a_tree_with_sorted_keys() -> None:
    body = b'{"b": [1, 2.5, true, null], "a": {"d": "x\\ny", "c": "no"}}'
    held = body_to_yaml(body, JSON)
    assert held == {"json": {"a": {"c": "no", "d": "x\ny"}, "b": [1, 2.5, True, None]}}
    assert list(held["json"]) == ["a", "b"]
    assert json.loads(body_from_yaml(held)) == json.loads(body)


def test_an_event_stream_keeps_its_lines() -> None:
    body = 'data: {"a": 1}\n\ndata: سلام 🫐\n\ndata: [DONE]\n\n'.encode()
    held = body_to_yaml(body, "text/event-stream; charset=utf-8")
    assert held == {"events": body.decode()}
    text = yaml.dump(held, Dumper=Dumper, allow_unicode=True)
    assert text.startswith("events: |") and "\n  data: [DONE]\n" in text and "سلام 🫐" in text


@pytest.mark.parametrize(
    ("body", "kind", "form"),
    [
        pytest.param(b"", JSON, None, id="nothing"),
        pytest.param(b'{"a": 1, "a": 2}', JSON, "text", id="a-key-twice"),
        pytest.param(b'{"a": NaN}', JSON, "text", id="no-json"),
        pytest.param(b'{"a": "\\ud83d"}', JSON, "text", id="half-a-letter"),
        pytest.param(b'{"choices": [{', JSON, "text", id="cut-off"),
        pytest.param(b"<html>\r\n<body>\r\n</html>\r\n", "text/html", "text", id="crlf"),
        pytest.param(b"a\r\nb\nc\r", "text/plain", "text", id="mixed-line-ends"),
        pytest.param(b"a \n b\t\n\n", "text/plain", "text", id="blanks-at-ends"),
        pytest.param("\ufeffa\u2028b\u0085".encode(), "text/plain", "base64", id="odd-line-breaks"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00", "image/png", "base64", id="binary"),
        pytest.param(b'[{"a": 1}]', "text/plain", "json", id="json-by-another-name"),
        pytest.param(b'"text"', JSON, "text", id="json-that-is-no-tree"),
        pytest.param(b'{"n": 123456789012345678901234567890, "f": 1e-7}', JSON, "json", id="numbers"),
    ],
)
def test_every_body_reads_back(body: bytes, kind: str, form: str | None) -> None:
    held = body_to_yaml(body, kind)
    assert (form is None) == (held is None)
    through = yaml.safe_load(yaml.dump(held, Dumper=Dumper, allow_unicode=True))
    if form == "json":
        assert same_json(json.loads(body_from_yaml(through)), json.loads(body))
    else:
        assert held is None or form in held
        assert body_from_yaml(through) == body


@given(st.binary(max_size=200), st.sampled_from([JSON, "text/event-stream", "image/png"]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_read_back(body: bytes, kind: str) -> None:
    held = body_to_yaml(body, kind)
    if held is not None and "json" in held:
        assert same_json(json.loads(body_from_yaml(held)), json.loads(body))
    else:
        assert body_from_yaml(held) == body


@given(st.text(max_size=100))
@settings(max_examples=200, deadline=None)
def test_any_text_reads_back_from_the_file(text: str) -> None:
    body = text.encode("utf-8", "replace")
    held = body_to_yaml(body, "text/plain")
    through = yaml.load(yaml.dump(held, Dumper=Dumper, allow_unicode=True, width=1_000_000), Loader=yaml.CSafeLoader)
    if held is not None and "json" in held:
        assert same_json(json.loads(body_from_yaml(through)), json.loads(body))
    else:
        assert body_from_yaml(through) == body


def test_large_binary_answers_are_cut_and_say_so() -> None:
    held = body_to_yaml(bytes(range(256)) * 10, "video/mp4", most=300)
    assert held is not None
    assert held["note"] == "the first 300 of 2560 bytes; the rest was cut off"
    assert body_from_yaml(held) == (bytes(range(256)) * 10)[:300]


def test_large_files_inside_of_json_are_cut_and_say_so() -> None:
    picture = base64.b64encode(bytes(range(256)) * 10).decode()
    body = json.dumps(
        {"data": [{"b64_json": picture, "url": f"data:image/png;base64,{picture}"}], "text": "a b " * 900}
    )
    held = body_to_yaml(body.encode(), JSON, most=300)
    assert held is not None
    assert held["note"] == (
        "$.data[0].b64_json is cut to the first 300 of 2560 bytes; $.data[0].url is cut to the first 300 of 2560 bytes"
    )
    entry = held["json"]["data"][0]
    assert base64.b64decode(entry["b64_json"]) == (bytes(range(256)) * 10)[:300]
    assert entry["url"] == "data:image/png;base64," + entry["b64_json"]
    assert held["json"]["text"] == "a b " * 900


def test_a_form_is_its_parts_whatever_its_boundary() -> None:
    def form(boundary: str) -> bytes:
        return (
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
                f"Content-Type: application/octet-stream\r\n\r\n"
            ).encode()
            + b"\x00\x01\r\n\xff"
            + f"\r\n--{boundary}--\r\n".encode()
        )

    one = body_to_yaml(form("aaa"), "multipart/form-data; boundary=aaa")
    assert one == body_to_yaml(form("0123-b"), 'multipart/form-data; boundary="0123-b"')
    assert one == {
        "form": [
            {"field": "model", "text": "whisper"},
            {
                "field": "file",
                "filename": "a.bin",
                "content_type": "application/octet-stream",
                "base64": base64.encodebytes(b"\x00\x01\r\n\xff").decode(),
            },
        ]
    }
    rebuilt = body_from_yaml(one)
    assert form_parts(rebuilt, "multipart/form-data; boundary=multiapi-cassette") == form_parts(
        form("aaa"), "multipart/form-data; boundary=aaa"
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, 0, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ("1", 1, False),
    ],
)
def test_json_is_compared_by_its_values(one: Any, other: Any, same: bool) -> None:
    assert same_json(one, other) is same
    assert same_json([one], [other]) is same


def test_what_is_no_cassette_is_refused() -> None:
    for text in ("", "interactions: []", "version: 1\ninteractions: []", "- a", "cassette: 2"):
        with pytest.raises(ValueError, match="not a cassette of version 1"):
            cassettes.loads(text)
