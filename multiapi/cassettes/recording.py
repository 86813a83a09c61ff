"""What was recorded, as text and out of it: where it comes from, and the exchanges without what is nobody's business."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from multiapi.cassettes.bodies import body_from_yaml, body_to_yaml
from multiapi.cassettes.forms import BOUNDARY
from multiapi.cassettes.secrets import clean_body, clean_url, plain_body, secrets_of
from multiapi.cassettes.yaml_text import dump, load
from multiapi.providers import PROVIDERS
from multiapi.sending.scrubbing import Scrubber

FORMAT = 1
MOST_BYTES = 32_768
"""Binary answers are cut to this size; the cassette says so where it was done."""

_HEAD = "# Made by `make record`, read by multiapi.cassettes; see docs/cassettes.md.\n"
_KEPT_OF_REQUESTS = frozenset({"accept", "content-type", "openai-beta"})
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a cassette says of itself, and its exchanges in vcrpy's form.

    Attributes:
        provider: The provider's name, None if the host is none of theirs.
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
    document = load(text)
    if not isinstance(document, dict) or document.get("cassette") != FORMAT:
        raise ValueError(f"this is not a cassette of version {FORMAT}")
    return Recording(
        provider=document["provider"],
        recorded_from=document["recorded_from"],
        recorded_on=document["recorded_on"],
        contract=document["contract"],
        interactions=[_interaction_from_yaml(entry) for entry in document["interactions"]],
    )


def dumps(recording: Recording) -> str:
    """A cassette as text, the same for the same recording, without the keys that were used."""
    scrubber = secrets_of(recording.interactions)
    document = {
        "cassette": FORMAT,
        "provider": recording.provider,
        "recorded_from": recording.recorded_from,
        "recorded_on": recording.recorded_on,
        "contract": recording.contract,
        "interactions": [_interaction_to_yaml(entry, scrubber) for entry in recording.interactions],
    }
    return _HEAD + dump(document)


def _interaction_to_yaml(interaction: Mapping[str, Any], scrubber: Scrubber) -> dict[str, Any]:
    request, response = interaction["request"], interaction["response"]
    sent, received = flat(request["headers"]), flat(response["headers"])
    question = clean_body(as_bytes(request["body"]), scrubber)
    answer = clean_body(
        plain_body(as_bytes(response["body"]["string"]), received.get("content-encoding", "")), scrubber
    )
    return {
        "request": _filled(
            method=request["method"],
            url=clean_url(request["uri"], scrubber),
            headers=scrubber.headers(_kept(sent, _KEPT_OF_REQUESTS, ())),
            body=body_to_yaml(question, sent.get("content-type", ""), most=None),
        ),
        "response": _filled(
            status=response["status"]["code"],
            headers=scrubber.headers(_kept(received, _KEPT_OF_ANSWERS, _KEPT_STARTS)),
            body=_with_note(
                body_to_yaml(answer, received.get("content-type", ""), most=MOST_BYTES),
                response.get("note"),
            ),
        ),
    }


def _interaction_from_yaml(entry: Mapping[str, Any]) -> dict[str, Any]:
    request, response = entry["request"], entry["response"]
    sent = {name: [value] for name, value in request.get("headers", {}).items()}
    if "form" in (request.get("body") or {}):
        sent["content-type"] = [f"multipart/form-data; boundary={BOUNDARY}"]
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


def _kept(headers: Mapping[str, str], names: frozenset[str], starts: tuple[str, ...]) -> dict[str, str]:
    """Only what a replay or a reader needs: no key, cookie, account or day can be among it."""
    kept = {name: headers[name] for name in sorted(headers) if name in names or (starts and name.startswith(starts))}
    if kept.get("content-type", "").startswith("multipart/form-data"):
        kept["content-type"] = "multipart/form-data"
    return kept


def _filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != {}}


def flat(headers: Mapping[str, Any]) -> dict[str, str]:
    """Header names in lower case, several values of one name joined."""
    return {
        name.lower(): value if isinstance(value, str) else ", ".join(value) for name, value in sorted(headers.items())
    }


def as_bytes(body: Any) -> bytes:
    """A body as vcrpy has it, which may be text or nothing."""
    return b"" if body is None else body.encode() if isinstance(body, str) else bytes(body)


def vendor_of(url: str) -> str | None:
    """Whose host an address is on; files may lie elsewhere."""
    host = urlsplit(url).hostname
    return next((each.name for each in PROVIDERS.values() if urlsplit(each.base_url).hostname == host), None)


def contract_version(provider: str) -> str:
    """The version of a provider's contract."""
    path = Path(__file__).parent.parent / "simulator" / "contracts" / f"{provider}.yaml"
    found = re.search(r"^info:.*?^  version: *(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{path} names no version")
    return found[1].strip("'\"")
