"""An address means the same with every tail that users write behind it: nothing is doubled, nothing is lost."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from multiapi import ChatRequest, Client, Message
from multiapi.errors import MultiApiError
from multiapi.providers import PROVIDERS
from multiapi.sending.addresses import joined

TAILS = ("", "/", "/v1", "/v1/", "/api", "/api/", "/api/v1", "/api/v1/")
HELLO = ChatRequest(model="a-model", messages=[Message("user", "x")])


def asked(provider: str, base_url: str | None, method: str, *arguments: Any) -> str:
    """The address that a call goes to."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url).partition("?")[0])
        return httpx.Response(400, json={"error": {"message": "no"}})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = Client(provider, api_key="any-key-1234", base_url=base_url, http_client=http)
    with pytest.raises(MultiApiError):
        getattr(client, method)(*arguments)
    return sent[0]


CALLS = [
    (name, method, arguments)
    for name, provider in PROVIDERS.items()
    for method, arguments in (("chat", (HELLO,)), ("models", ()), ("balance", ()))
    if method == "chat" or method in provider.operations
]


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize(
    ("name", "method", "arguments"), CALLS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_at_the_documented_host_each_tail_means_the_documented_address(
    name: str, method: str, arguments: Any, tail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documented = asked(name, None, method, *arguments)
    host = str(httpx.URL(PROVIDERS[name].base_url).copy_with(path="/")).rstrip("/")
    keeps_api = name in {"aicredits", "aimlapi"} and "/api" in tail
    wanted = documented.replace(host, f"{host}/api") if keeps_api and "/api/" not in documented else documented
    assert asked(name, host + tail, method, *arguments) == wanted
    monkeypatch.setenv(PROVIDERS[name].base_url_env, host + tail)
    assert asked(name, None, method, *arguments) == wanted


@pytest.mark.parametrize(
    ("name", "method", "arguments"), CALLS, ids=lambda value: value if isinstance(value, str) else ""
)
@pytest.mark.parametrize("root", ["documented", "https://proxy.example/one"])
def test_the_address_of_a_whole_operation_is_its_root(name: str, method: str, arguments: Any, root: str) -> None:
    path = httpx.URL(PROVIDERS[name].base_url).path.rstrip("/")
    base = PROVIDERS[name].base_url if root == "documented" else f"{root}{path}"
    wanted = asked(name, base, method, *arguments)
    whole = asked(name, base, "chat", HELLO)
    for end in ("", "/"):
        assert asked(name, whole + end, method, *arguments) == wanted
        assert asked(name, wanted + end, "chat", HELLO) == whole


@pytest.mark.parametrize("name", list(PROVIDERS))
def test_a_proxys_own_path_stays(name: str) -> None:
    path = httpx.URL(PROVIDERS[name].base_url).path.rstrip("/")
    there = asked(name, f"http://127.0.0.1:8000/{name}{path}", "chat", HELLO)
    documented = httpx.URL(asked(name, None, "chat", HELLO)).path
    assert there == f"http://127.0.0.1:8000/{name}{documented}"


@pytest.mark.parametrize(
    ("base", "models", "chat"),
    [
        ("https://aicredits.in/v1", "/api/models", "/v1/chat/completions"),
        ("https://aicredits.in/api/v1", "/api/models", "/api/v1/chat/completions"),
        ("https://aicredits.in/api", "/api/models", "/api/v1/chat/completions"),
        ("https://aicredits.in", "/api/models", "/v1/chat/completions"),
        ("https://aicredits.in/api/models", "/api/models", "/v1/chat/completions"),
        ("https://proxy.example/x/api/v1", "/x/api/models", "/x/api/v1/chat/completions"),
    ],
)
def test_the_other_addresses_of_aicredits(base: str, models: str, chat: str) -> None:
    host = str(httpx.URL(base).copy_with(path="/")).rstrip("/")
    assert asked("aicredits", base, "models") == host + models
    assert asked("aicredits", base, "chat", HELLO) == host + chat


def test_only_whole_segments_are_the_same() -> None:
    assert joined("https://a.example/api", "/api/models") == "https://a.example/api/models"
    assert joined("https://a.example/myapi", "/api/models") == "https://a.example/myapi/api/models"
    assert joined("https://a.example/v1", "/v1x/models") == "https://a.example/v1/v1x/models"
    assert joined("https://a.example", "/health") == "https://a.example/health"
