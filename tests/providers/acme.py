"""Acme's server: refuses what Acme's contract does not allow, and otherwise answers as the simulated vendors do."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import jsonschema_rs
import yaml

from multiapi.simulator.embeddings import embed
from multiapi.simulator.model import replies
from multiapi.simulator.vendors import chat_format

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""One pixel."""


class AcmeServer:
    """Answers one request at a time, for an `httpx.MockTransport`; `asked` is what came in."""

    def __init__(self, contract: str) -> None:
        self.document = yaml.safe_load(contract)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if str(request.url.copy_with(path="/v1")) != self.document["servers"][0]["url"]:
            return refused(404, "no such host or path", "not_found")
        path = request.url.path.removeprefix("/v1")
        if request.method != "POST" or path not in self.document["paths"]:
            return refused(404, f"no such path: {path}", "not_found")
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key == "empty-wallet":
            return refused(403, "your account is empty", "no_credits")
        if not key or key == "invalid-key":
            return refused(401, "the key is wrong", "invalid_api_key")
        body = json.loads(request.content)
        self.asked.append((path, body))
        content = self.document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        if wrong := self.violation(content["schema"], body):
            return refused(400, wrong, "invalid_request_error")
        answers = {"/embeddings": self.embeddings, "/images/generations": self.images}
        return answers.get(path, self.chat)(body)

    def violation(self, schema: dict[str, Any], value: Any) -> str | None:
        validator = jsonschema_rs.validator_for({**schema, "components": self.document["components"]})
        return next((error.message for error in validator.iter_errors(value)), None)

    def chat(self, body: dict[str, Any]) -> httpx.Response:
        made = replies(chat_format.conversation(body))
        ids = [[f"call_{number}_{n}" for n, _ in enumerate(reply.tool_calls)] for number, reply in enumerate(made)]
        head = {"id": f"acme-{len(self.asked)}", "created": 1_700_000_000, "model": body["model"]}
        shape = chat_format.Shape()
        if body.get("stream"):
            events = b"".join(chat_format.chunks(head, made, ids, shape, body))
            return httpx.Response(200, content=events, headers={"content-type": "text/event-stream"})
        whole = chat_format.completion(head, made, ids, shape, body)
        return self.checked("/chat/completions", whole)

    def embeddings(self, body: dict[str, Any]) -> httpx.Response:
        data = [{"index": index, "embedding": list(embed(text, 64))} for index, text in enumerate(body["input"])]
        return self.checked("/embeddings", {"object": "list", "data": data, "model": body["model"]})

    def images(self, body: dict[str, Any]) -> httpx.Response:
        image = base64.b64encode(PNG).decode()
        return self.checked("/images/generations", {"created": 1_700_000_000, "data": [{"b64_json": image}]})

    def checked(self, path: str, answer: dict[str, Any]) -> httpx.Response:
        content = self.document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]
        assert self.violation(content["schema"], answer) is None
        return httpx.Response(200, json=answer)


def refused(status: int, message: str, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, "code": code}})
