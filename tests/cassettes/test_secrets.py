"""No cassette holds a key, a cookie, or anything of an account; the scan is shown to find each of them."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multiapi import cassettes
from tests.cassettes.scenario import FOLDER
from tests.cassettes.scrubbing import REMOVED, SOMEONE, Scrubber, without_signature
from tests.cassettes.secret_scan import secrets, secrets_in

SECRETS = {
    "bineric": "api-key: bnrc-1234567890abcdef",
    "binom_router": "binom_sk_abcdefghijklmnopqrstuvwxyz012345",
    "aimlapi": "0123456789abcdef0123456789abcdef",
    "aicredits": "sk-" + "0123456789abcdef" * 4,
    "binobox": "binox_sk_live_Zm9vYmFy",
    "bearer": "Authorization: Bearer abcdef1234567890",
    "cookie": "set-cookie: session=abcdef",
    "web_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "e_mail": "ada.lovelace@gmail.com",
    "signature": "https://files.example.com/a.png?X-Amz-Signature=0123456789abcdef0123",
}
FORMS: dict[str, Callable[[str], str]] = {
    "as_it_is": lambda secret: secret,
    "in_base64": lambda secret: base64.b64encode(f"the key is {secret}, keep it".encode()).decode(),
    "in_base64_of_base64": lambda secret: base64.b64encode(base64.b64encode(f"  {secret}  ".encode())).decode(),
    "in_a_data_url": lambda secret: "data:text/plain;base64," + base64.b64encode(secret.encode()).decode(),
}


def test_no_secret_is_in_any_file() -> None:
    assert secrets() == []


@pytest.mark.parametrize(
    ("kind", "form", "place"),
    [
        pytest.param(kind, form, place, id=f"{kind}-{form}-{place}")
        for kind in SECRETS
        for form in FORMS
        for place in ("answer", "answer_in_lines", "request", "header", "events", "comment")
        if place != "answer_in_lines" or form.startswith("in_base64")
    ],
)
def test_a_secret_in_any_file_and_place_is_found(kind: str, form: str, place: str, tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "aimlapi", tmp_path / "aimlapi", ignore=lambda _, names: [n for n in names if n != NAME])
    path = tmp_path / "aimlapi" / NAME
    assert secrets(tmp_path) == []
    planted = FORMS[form](SECRETS[kind])
    path.write_text(_with(path.read_text(), place, planted))
    assert secrets(tmp_path), planted


NAME = "chat_stream.yaml"


def _with(text: str, place: str, secret: str) -> str:
    """The cassette with a secret in one of its places."""
    if place == "comment":
        return f"{text}\n# {secret}\n"
    recording = cassettes.loads(text)
    interaction: dict[str, Any] = recording.interactions[0]
    if place == "header":
        # Such a header is never written; a file that was changed by hand can hold it.
        return text.replace(
            "content-type: text/event-stream", f"content-type: text/event-stream; x={json.dumps(secret)}"
        )
    if place == "request":
        interaction["request"]["body"] = json.dumps({"model": "m", "user": secret})
    elif place == "events":
        interaction["response"]["body"]["string"] = f"data: {json.dumps({'note': secret})}\n\n".encode()
    else:
        lines = "\n".join(secret[at : at + 20] for at in range(0, len(secret), 20))
        interaction["response"]["headers"]["content-type"] = ["application/json"]
        interaction["response"]["body"]["string"] = json.dumps(
            {"note": lines if place == "answer_in_lines" else secret}
        ).encode()
    return cassettes.dumps(recording)


@pytest.mark.parametrize("name", sorted(path.name for path in (FOLDER / "binobox").glob("*.yaml")))
def test_a_key_in_any_cassette_is_found(name: str) -> None:
    """Every file is read whole: a key at its end is found as well as one at its beginning."""
    text = (FOLDER / "binobox" / name).read_text()
    assert [*secrets_in(text)] == []
    for spoilt in (f"# {SECRETS['binobox']}\n{text}", f"{text}\n# {SECRETS['binobox']}\n"):
        assert [*secrets_in(spoilt)] == ["a key of Binobox (binox_sk_l… (22 characters))"]


# ------------------------------------------------------------------------------------------------ what is written


def exchange(body: Any, **headers: str) -> dict[str, Any]:
    """An answer in vcrpy's form."""
    return {
        "status": {"code": 200, "message": "OK"},
        "headers": {name.replace("_", "-"): [value] for name, value in headers.items()},
        "body": {"string": body if isinstance(body, bytes) else json.dumps(body).encode()},
    }


ACCOUNT = {
    "balance": 1234.56,
    "balance_inr": "7890.10",
    "email": "ada@lovelace.name",
    "user_id": "u-77",
    "data": {"key": "sk-0123456789abcdef0123", "url": "https://cdn.example.com/a.png?sig=abcdef&w=1", "text": "hello"},
    "said": "write to ada@lovelace.name with my-secret-key",
}


def test_a_live_answer_tells_nothing_of_the_account() -> None:
    scrubbed = Scrubber("my-secret-key", live=True).response(exchange(ACCOUNT))
    assert json.loads(scrubbed["body"]["string"]) == {
        "balance": 100.0,
        "balance_inr": "100.00",
        "email": REMOVED,
        "user_id": REMOVED,
        "data": {"key": REMOVED, "url": "https://cdn.example.com/a.png?sig=removed&w=1", "text": "hello"},
        "said": f"write to {SOMEONE} with {REMOVED}",
    }


def test_a_live_stream_is_scrubbed_line_by_line_and_else_unchanged() -> None:
    kept = b'data: {"choices": [ {"delta":{"content":"hi"}} ], "cost":7e-05}\n\n'
    said = b'data: {"usage":{"account_info":{"balance":55.5}}}\n\n: my-secret-key\n\ndata: [DONE]\n\n'
    scrubbed = Scrubber("my-secret-key", live=True).body(kept + said)
    assert scrubbed == kept + b'data: {"usage":{"account_info":{"balance":100.0}}}\n\n: removed\n\ndata: [DONE]\n\n'


def test_only_harmless_headers_are_kept() -> None:
    request = {
        "method": "POST",
        "uri": "https://api.aimlapi.com/v1/chat/completions",
        "body": b"{}",
        "headers": {
            "authorization": ["Bearer my-secret-key"],
            "api-key": ["my-secret-key"],
            "x-client-request-id": ["0123"],
            "user-agent": ["multiapi/1"],
            "cookie": ["a=b"],
            "content-type": ["application/json"],
        },
    }
    response = exchange({}, set_cookie="a=b", date="today", server="nginx", retry_after="7", x_account_id="77")
    text = cassettes.Serializer.serialize({"interactions": [{"request": request, "response": response}]})
    recording = cassettes.loads(text)
    assert recording.interactions[0]["request"]["headers"] == {"content-type": ["application/json"]}
    assert recording.interactions[0]["response"]["headers"] == {"retry-after": ["7"]}
    assert recording.recorded_from == "live"


def test_a_signed_address_is_asked_for_as_it_is_recorded() -> None:
    signed = "https://cdn.example.com/a.png?X-Amz-Signature=abc&Expires=1780000000&w=1"
    plain = "https://cdn.example.com/a.png?X-Amz-Signature=removed&Expires=removed&w=1"
    assert without_signature(signed) == plain == without_signature(plain)
