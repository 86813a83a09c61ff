"""Talking to the simulator in the tests: one client for all vendors, which validates every answer by the contract."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from multiapi.simulator import Clock, Simulator
from multiapi.simulator.contract import Contract, Operation, contract

KEY = "sk-test-0123456789"


@dataclass
class Talk:
    """A client of one vendor on one simulator. Every answer is checked against the contract."""

    vendor: str
    simulator: Simulator = field(default_factory=lambda: Simulator(clock=Clock(1_780_000_000.0)))
    key: str | None = KEY
    check: bool = True

    def __post_init__(self) -> None:
        self.client = httpx.Client(transport=self.simulator.transport)

    @property
    def contract(self) -> Contract:
        return contract(self.vendor)

    def headers(self) -> dict[str, str]:
        if self.key is None:
            return {}
        return {"api-key": self.key} if self.vendor == "bineric" else {"authorization": f"Bearer {self.key}"}

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        url = self.simulator.base_url(self.vendor) + path
        response = self.client.request(method, url, headers={**self.headers(), **(headers or {})}, **options)
        assert response.headers["x-multiapi-simulator"]
        matched = self.contract.match(method, path.split("?")[0])
        if matched is not None and self.check and matched[0].status != "removed":
            self.validate(matched[0], response)
        return response

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.send("POST", path, json=json, **options)

    def validate(self, operation: Operation, response: httpx.Response) -> None:
        """The answer is one that the contract documents, with its headers."""
        spec = operation.response(response.status_code)
        assert spec is not None, f"{response.status_code} is not documented for {operation.id}: {response.text[:300]}"
        media_type = response.headers.get("content-type", "").split(";")[0]
        for body in bodies(response, media_type):
            violation = operation.check_response(response.status_code, media_type, body)
            assert violation is None, f"{operation.id} {response.status_code}: {violation}\n{str(body)[:1500]}"
        for name, header in (spec.get("headers") or {}).items():
            described = operation.contract.resolve(header)
            if name.lower() in response.headers:
                schema = described.get("schema", {})
                text = response.headers[name]
                value = int(text) if schema.get("type") == "integer" else text
                assert operation.contract.compile(schema).is_valid(value), f"{name}: {text}"


def bodies(response: httpx.Response, media_type: str) -> Iterator[Any]:
    """The parsed body, or each event or line of it."""
    if media_type == "application/json":
        yield response.json()
    elif media_type == "application/x-ndjson":
        yield from (json.loads(line) for line in response.text.splitlines())
    elif media_type == "text/event-stream":
        yield from events(response.text)


def events(text: str) -> Iterator[Any]:
    """The values of server-sent events; named events of the assistants keep their names."""
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        data = lines.get("data")
        if data is None or data == "[DONE]":
            continue
        value = json.loads(data)
        name = lines.get("event")
        yield {"event": name, "data": value} if name and name.startswith("thread.") else value
