"""Cassettes: recorded exchanges with the vendors as YAML that people can read, and their replay in tests.

    from multiapi.cassettes import replay

    with replay("cassettes/aimlapi/chat.yaml"):
        Client("aimlapi", api_key="not-a-key").chat(...)

A replay opens no connection. It fails when a request is not in the cassette and when something of the cassette was not asked
for, and it does not wait where a recorded job was waited for. Requests are compared by method, address and body: JSON as
values, forms part by part. Needs vcrpy (`pip install "multiapi[cassettes]"`); recording is described in `docs/cassettes.md`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

try:
    import yaml
    from vcr import VCR
    from vcr.cassette import Cassette, CassetteContextDecorator
except ImportError as error:  # pragma: no cover - depends on what is installed
    raise ImportError('multiapi.cassettes needs vcrpy: pip install "multiapi[cassettes]"') from error

from multiapi.providers import PROVIDERS
from multiapi.waiting import without_waiting

FORMAT = 1
MOST_BYTES = 32_768
"""Binary answers are cut to this size; the cassette says so where it was done."""

MATCHED = ("method", "host", "path", "query", "headers", "body")

_HEAD = "# Made by `make record`, read by multiapi.cassettes; see docs/cassettes.md.\n"
_SIMULATOR = "x-multiapi-simulator"
_KEPT_OF_REQUESTS = frozenset({"accept", "content-type", "openai-beta"})
_COMPARED_HEADERS = ("openai-beta",)
"""Headers that belong to what is asked, and not to who asks or how it is sent."""
_KEPT_OF_ANSWERS = frozenset(
    {
        "content-type",
        "etag",
        "location",
        "retry-after",
        "x-should-retry",
        "x-request-id",
        "request-id",
        "x-inference-id",
    }
)
_KEPT_STARTS = ("x-ratelimit-", "ratelimit-", "x-aimlapi-")
_BOUNDARY = "multiapi-cassette"


# ------------------------------------------------------------------------------------------------ the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a cassette says of itself, and its exchanges in vcrpy's form.

    Attributes:
        provider: The vendor's name, None if the host is none of theirs.
        recorded_from: "simulator" or "live".
        recorded_on: The day, as YYYY-MM-DD.
        contract: The version of the contract that held on that day.
        interactions: Dictionaries with `request` and `response`.
    """

    provider: str | None
    recorded_from: str
    recorded_on: str
    contract: str | None
    interactions: list[dict[str, Any]]


def read(path: str | Path) -> Recording:
    """A cassette from its file."""
    return loads(Path(path).read_text(encoding="utf-8"))


def loads(text: str) -> Recording:
    """A cassette from its text.

    Raises:
        ValueError: It is none, or one of another version.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    if not isinstance(document, dict) or document.get("cassette") != FORMAT:
        raise ValueError(f"this is no cassette of version {FORMAT}")
    return Recording(
        provider=document["provider"],
        recorded_from=document["recorded_from"],
        recorded_on=document["recorded_on"],
        contract=document["contract"],
        interactions=[_interaction_from_yaml(entry) for entry in document["interactions"]],
    )


def dumps(recording: Recording) -> str:
    """A cassette as text, the same for the same recording."""
    document = {
        "cassette": FORMAT,
        "provider": recording.provider,
        "recorded_from": recording.recorded_from,
        "recorded_on": recording.recorded_on,
        "contract": recording.contract,
        "interactions": [_interaction_to_yaml(entry) for entry in recording.interactions],
    }
    return _HEAD + yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1_000_000
    )


def _interaction_to_yaml(interaction: Mapping[str, Any]) -> dict[str, Any]:
    request, response = interaction["request"], interaction["response"]
    sent, received = _flat(request["headers"]), _flat(response["headers"])
    return {
        "request": _filled(
            method=request["method"],
            url=request["uri"],
            headers=_kept(sent, _KEPT_OF_REQUESTS, ()),
            body=body_to_yaml(_bytes(request["body"]), sent.get("content-type", ""), most=None),
        ),
        "response": _filled(
            status=response["status"]["code"],
            headers=_kept(received, _KEPT_OF_ANSWERS, _KEPT_STARTS),
            body=_with_note(
                body_to_yaml(_bytes(response["body"]["string"]), received.get("content-type", ""), most=MOST_BYTES),
                response.get("note"),
            ),
        ),
    }


def _interaction_from_yaml(entry: Mapping[str, Any]) -> dict[str, Any]:
    request, response = entry["request"], entry["response"]
    sent = {name: [value] for name, value in request.get("headers", {}).items()}
    if "form" in (request.get("body") or {}):
        sent["content-type"] = [f"multipart/form-data; boundary={_BOUNDARY}"]
    note = (response.get("body") or {}).get("note")
    return {
        "request": {
            "method": request["method"],
            "uri": request["url"],
            "body": body_from_yaml(request.get("body")) or None,
            "headers": sent,
        },
        "response": {
            "status": {"code": response["status"], "message": ""},
            "headers": {name: [value] for name, value in response.get("headers", {}).items()},
            "body": {"string": body_from_yaml(response.get("body"))},
            **({} if note is None else {"note": note}),
        },
    }


def _with_note(body: dict[str, Any] | None, note: str | None) -> dict[str, Any] | None:
    """What a cassette said of a body when it was recorded, it says on."""
    return {"note": note, **body} if body is not None and note is not None and "note" not in body else body


def _filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != {}}


def _flat(headers: Mapping[str, Any]) -> dict[str, str]:
    """Header names in lower case, several values of one name joined."""
    return {
        name.lower(): value if isinstance(value, str) else ", ".join(value) for name, value in sorted(headers.items())
    }


def _kept(headers: Mapping[str, str], names: frozenset[str], starts: tuple[str, ...]) -> dict[str, str]:
    """Only what a replay or a reader needs: no key, cookie, account or day can be among it."""
    kept = {name: headers[name] for name in sorted(headers) if name in names or (starts and name.startswith(starts))}
    if kept.get("content-type", "").startswith("multipart/form-data"):
        kept["content-type"] = "multipart/form-data"
    return kept


def _bytes(body: Any) -> bytes:
    return b"" if body is None else body.encode() if isinstance(body, str) else bytes(body)


# ------------------------------------------------------------------------------------------------ bodies


def body_to_yaml(body: bytes, content_type: str, *, most: int | None = None) -> dict[str, Any] | None:
    """A body as it stands in a cassette: JSON as a tree, text as text, forms by their parts, the rest as base64.

    Whatever cannot be read back unchanged from the nicer form takes the plainer one. With `most`, binary data is cut to so
    many bytes, alone or inside of JSON, with a note.
    """
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return {"form": [_part_to_yaml(*part) for part in form_parts(body, content_type)]}
    if kind == "application/json" or kind.endswith("+json") or body[:1] in b"{[":
        tree = _json_tree(body)
        if tree is not _NO_TREE:
            notes: list[str] = []
            tree = tree if most is None else _cut(tree, most, "$", notes)
            return {"note": "; ".join(notes), "json": tree} if notes else {"json": tree}
    name = "events" if kind == "text/event-stream" else "text"
    text = _as_text(body)
    if text is not None and "\r" not in text:
        return {name: text}
    if text is not None and text.count("\r\n") == text.count("\r") == text.count("\n"):
        return {"line_ends": "crlf", name: text.replace("\r\n", "\n")}
    if text is not None:
        return {name: text}
    if most is not None and len(body) > most:
        return {"note": f"the first {most} of {len(body)} bytes; the rest was cut off", "base64": _base64(body[:most])}
    return {"base64": _base64(body)}


def body_from_yaml(value: Mapping[str, Any] | None) -> bytes:
    """A body out of a cassette."""
    if value is None:
        return b""
    if "json" in value:
        return json.dumps(value["json"], ensure_ascii=False, separators=(",", ":")).encode()
    if "base64" in value:
        return base64.b64decode(value["base64"])
    if "form" in value:
        return _form_body(value["form"])
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
    return tree if isinstance(tree, (dict, list)) and _survives(tree) else _NO_TREE


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return {name: found[name] for name in sorted(found)}


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _survives(value: Any) -> bool:
    """Whether YAML gives it back unchanged; only odd letters make that a question."""
    if all(_is_plain(text) for text in _texts(value)):
        return True
    text = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, width=1_000_000)
    return bool(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == value)  # noqa: S506


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _is_plain(text: str) -> bool:
    return text.replace("\n", "").replace("\t", "").isprintable()


def _as_text(body: bytes) -> str | None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if _is_plain(text.replace("\r", "")) and _survives(text) else None


def _base64(data: bytes) -> str:
    return base64.encodebytes(data).decode()


def _cut(value: Any, most: int, at: str, notes: list[str]) -> Any:
    """The tree with long base64 texts cut, so that a picture inside of JSON does not fill the file."""
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


# ------------------------------------------------------------------------------------------------ forms

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


def _part_to_yaml(field: str, filename: str | None, kind: str | None, data: bytes) -> dict[str, Any]:
    text = _as_text(data)
    content = {"base64": _base64(data)} if text is None else {"text": text}
    return {**_filled(field=field, filename=filename, content_type=kind), **content}


def _form_body(parts: list[Mapping[str, Any]]) -> bytes:
    pieces: list[bytes] = []
    for part in parts:
        filename = f'; filename="{part["filename"]}"' if "filename" in part else ""
        kind = f"Content-Type: {part['content_type']}\r\n" if "content_type" in part else ""
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{part["field"]}"{filename}\r\n{kind}\r\n'
        data = base64.b64decode(part["base64"]) if "base64" in part else str(part["text"]).encode()
        pieces += [head.encode(), data, b"\r\n"]
    return b"".join([*pieces, f"--{_BOUNDARY}--\r\n".encode()])


# ------------------------------------------------------------------------------------------------ YAML


class _Dumper(yaml.SafeDumper):
    """Text of several lines as a block, lists indented, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, False)


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _list_node(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.SequenceNode:
    """Vectors on one line."""
    numbers = len(values) > 1 and all(type(value) in {int, float} for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=numbers or None)


_Dumper.add_representer(str, _text_node)
_Dumper.add_representer(list, _list_node)


# ------------------------------------------------------------------------------------------------ comparing


def same_json(first: Any, second: Any) -> bool:
    """Whether two parsed values say the same: numbers by value, but true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same_json(first[name], second[name]) for name in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same_json, first, second))
    return bool(first == second)


def _same_host(first: Any, second: Any) -> None:
    one, other = urlsplit(first.uri), urlsplit(second.uri)
    _must(one[:2] == other[:2], f"the host is not {other.netloc}")


def _same_query(first: Any, second: Any) -> None:
    one, other = (sorted(parse_qsl(urlsplit(each.uri).query, keep_blank_values=True)) for each in (first, second))
    _must(one == other, f"the query is {one}, recorded {other}")


def _same_headers(first: Any, second: Any) -> None:
    one, other = _flat(first.headers), _flat(second.headers)
    for name in _COMPARED_HEADERS:
        _must(one.get(name) == other.get(name), f"the header {name} is {one.get(name)}, recorded {other.get(name)}")


def _same_body(first: Any, second: Any) -> None:
    sent, recorded = _comparable(first), _comparable(second)
    if not same_json(sent, recorded):
        raise AssertionError(_difference(recorded, sent))


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _comparable(request: Any) -> Any:
    body, kind = _bytes(request.body), str(_flat(request.headers).get("content-type", ""))
    if kind.startswith("multipart/form-data"):
        return [list(part) for part in form_parts(body, kind)]
    try:
        return json.loads(body) if "json" in kind else body
    except ValueError:
        return body


def _difference(recorded: Any, sent: Any, at: str = "$") -> str:
    """The first place where two bodies differ."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        for name in [*recorded, *(name for name in sent if name not in recorded)]:
            if name not in sent:
                return f"{at}.{name} is recorded and was not sent"
            if name not in recorded:
                return f"{at}.{name} was sent and is not recorded"
            if not same_json(recorded[name], sent[name]):
                return _difference(recorded[name], sent[name], f"{at}.{name}")
    if isinstance(recorded, list) and isinstance(sent, list) and len(recorded) == len(sent):
        for index, (one, other) in enumerate(zip(recorded, sent, strict=True)):
            if not same_json(one, other):
                return _difference(one, other, f"{at}[{index}]")
    return f"{at}: recorded {_short(recorded)}, sent {_short(sent)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"


# ------------------------------------------------------------------------------------------------ vcrpy


class Serializer:
    """Reads and writes cassettes for vcrpy. What was recorded says itself where it came from: the simulator signs its answers."""

    @staticmethod
    def deserialize(text: str) -> dict[str, Any]:
        """From the text of a file to vcrpy's form."""
        return {"version": 1, "interactions": loads(text).interactions}

    @staticmethod
    def serialize(cassette: Mapping[str, Any]) -> str:
        """From vcrpy's form to the text of a file."""
        interactions = cassette["interactions"]
        provider = next((name for entry in interactions if (name := vendor_of(entry["request"]["uri"]))), None)
        simulated = any(_SIMULATOR in _flat(entry["response"]["headers"]) for entry in interactions)
        return dumps(
            Recording(
                provider=provider,
                recorded_from="simulator" if simulated else "live",
                recorded_on=datetime.now(UTC).date().isoformat(),
                contract=contract_version(provider) if provider else None,
                interactions=interactions,
            )
        )


def vendor_of(url: str) -> str | None:
    """Whose host an address is on; files may lie elsewhere."""
    host = urlsplit(url).hostname
    return next((each.name for each in PROVIDERS.values() if urlsplit(each.base_url).hostname == host), None)


def contract_version(provider: str) -> str:
    """The version of a vendor's contract."""
    path = Path(__file__).parent / "simulator" / "contracts" / f"{provider}.yaml"
    found = re.search(r"^info:.*?^  version: *(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{path} names no version")
    return found[1].strip("'\"")


def register(vcr: Any) -> None:
    """Teach an instance of `vcr.VCR` our form of cassettes and our way of comparing.

    For pytest-recording, in `conftest.py`:

        def pytest_recording_configure(config, vcr):
            multiapi.cassettes.register(vcr)
    """
    vcr.register_serializer("yaml", Serializer)
    for name, matcher in {
        "host": _same_host,
        "query": _same_query,
        "headers": _same_headers,
        "body": _same_body,
    }.items():
        vcr.register_matcher(name, _named(matcher, name))
    vcr.match_on = MATCHED


def _named(matcher: Callable[[Any, Any], None], name: str) -> Callable[[Any, Any], None]:
    matcher.__name__ = name
    return matcher


class Tape(Cassette):  # type: ignore[misc]
    """vcrpy's cassette; it notes what was asked for and is not there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unknown: list[str] = []

    def can_play_response_for(self, request: Any) -> bool:
        """Whether the request is recorded and was not played before."""
        found = bool(super().can_play_response_for(request))
        if not found:
            self.unknown.append(self._explained(request))
        return found

    def complaints(self) -> str:
        """What was asked for and is not there, or else what is there and was not asked for; empty if all is well."""
        if self.unknown:
            return f"{self._path}: not in the cassette: " + "; ".join(self.unknown)
        left = [request for index, request in enumerate(self.requests) if not self.play_counts[index]]
        if left:
            return f"{self._path}: not asked for: " + "; ".join(f"{each.method} {each.uri}" for each in left)
        return ""

    def _explained(self, request: Any) -> str:
        text = f"{request.method} {request.uri}"
        nearest = self.find_requests_with_most_matches(request)
        if not nearest:
            return text
        _, _, failures = nearest[0]
        if not failures:
            return f"{text} (once more than recorded)"
        differing = dict(failures)
        if "path" in differing:  # Then it is another call altogether.
            return text
        return f"{text} ({'; '.join(map(str, differing.values()))})"


class _Files:
    """Where vcrpy reads and writes: always UTF-8, and a missing file is an error."""

    @staticmethod
    def load_cassette(path: str, serializer: Any) -> Any:
        from vcr.serialize import deserialize

        return deserialize(Path(path).read_text(encoding="utf-8"), serializer)

    @staticmethod
    def save_cassette(path: str, *_: Any) -> None:
        raise AssertionError(f"{path}: a replay never records")


@contextmanager
def replay(path: str | Path, *, repeats: bool = False) -> Iterator[Tape]:
    """Answer every HTTP request of this process out of a cassette, beginning as the recording began.

    What the process has learned of vendors (refused parameters, failed repetitions) is forgotten, and nothing is waited for.

    Args:
        path: The file.
        repeats: An exchange may be asked for more than once.

    Raises:
        AssertionError: Something was asked for that is not recorded, or recorded that was not asked for. When the code under
            test raises an error of its own, that one is raised, with the complaint as a note.
    """
    from multiapi.client_settings import REFUSALS, RETRY_BUDGETS

    REFUSALS.forget()
    for budget in RETRY_BUDGETS.values():
        budget.refill()
    vcr = VCR(record_mode="none")
    register(vcr)
    vcr.register_persister(_Files)
    config = vcr.get_merged_config(path=str(path), allow_playback_repeats=repeats)
    config.pop("path_transformer")
    config.pop("func_path_generator")
    tape: Tape | None = None
    try:
        with CassetteContextDecorator(Tape, lambda: dict(config)) as tape, without_waiting():
            yield tape
    except Exception as error:
        if tape is not None and tape.unknown:
            error.add_note(tape.complaints())
        raise
    if complaints := tape.complaints():
        raise AssertionError(complaints)


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
