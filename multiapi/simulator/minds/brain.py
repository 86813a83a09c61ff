"""A real model that thinks for the simulated ones: any OpenAI-compatible server, as Ollama, llama.cpp, vLLM and LM Studio run one.

The simulator keeps doing what it is for: contracts, keys, forms, tools, streams, money, faults. Only what is said comes from the server.
"""

import base64
import ipaddress
import json
from typing import Any

import httpx

from multiapi.simulator.minds.attachments import describe
from multiapi.simulator.minds.conversation import Attachment, Conversation, Reply, ToolCall, Turn


class BrainError(Exception):
    """The server gave no answer."""


class Brain:
    """A model behind an address such as `http://127.0.0.1:11434/v1`; only this machine's addresses, unless `remote` is set."""

    def __init__(self, url: str, model: str, *, key: str = "", remote: bool = False, timeout_s: float = 300.0) -> None:
        address = httpx.URL(url)
        if address.scheme not in ("http", "https") or not address.host:
            raise ValueError(f"brain must be an address such as http://127.0.0.1:11434/v1, not {url!r}")
        if not remote and not _is_loopback(address.host):
            raise ValueError(
                f"brain {url!r} is not on this machine: prompts would leave it; set brain_remote (--brain-remote) if that is meant"
            )
        if not model:
            raise ValueError(f"brain {url!r} needs brain_model, the name of a model on that server")
        self.url = f"{url.rstrip('/')}/chat/completions"
        self.model = model
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout_s, trust_env=False, follow_redirects=False)

    def __call__(self, conversation: Conversation) -> Reply:
        """What the model says to a conversation.

        Raises:
            BrainError: The server cannot be reached, or its answer cannot be read.
        """
        try:
            response = self._client.post(self.url, json=body_of(conversation, self.model))
            if response.status_code != 200:
                raise BrainError(f"the brain at {self.url} answered {response.status_code}: {response.text[:300]}")
            return read(response.json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise BrainError(f"the brain at {self.url} gave no answer: {type(error).__name__} {error}") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def body_of(conversation: Conversation, model: str) -> dict[str, Any]:
    """The request to the server; stop words are left to the simulator, which cuts and counts."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(turn) for turn in conversation.turns],
        "stream": False,
    }
    if conversation.tools and conversation.tool_choice != "none":
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in conversation.tools
        ]
        choice = conversation.tool_choice
        if choice.startswith("="):
            body["tool_choice"] = {"type": "function", "function": {"name": choice[1:]}}
        elif choice != "auto":
            body["tool_choice"] = choice
    if conversation.schema is not None:
        named = {"name": "answer", "schema": conversation.schema}
        body["response_format"] = (
            {"type": "json_schema", "json_schema": named} if conversation.schema else {"type": "json_object"}
        )
    if conversation.max_tokens is not None:
        body["max_tokens"] = conversation.max_tokens
    return body


def _message(turn: Turn) -> dict[str, Any]:
    if turn.role == "tool":
        return {"role": "tool", "content": turn.text, "tool_call_id": turn.tool_call_id or turn.tool_name or "call"}
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.attachments:
        message["content"] = [{"type": "text", "text": turn.text}, *map(_part, turn.attachments)]
    if turn.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id or call.name,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.tool_calls
        ]
    return message


def _part(file: Attachment) -> dict[str, Any]:
    """A picture as the server takes it; of other files what the simulated model sees in them."""
    if file.mime_type.startswith("image/"):
        data = base64.b64encode(file.data or b"").decode()
        return {"type": "image_url", "image_url": {"url": file.url or f"data:{file.mime_type};base64,{data}"}}
    return {"type": "text", "text": "\n".join(describe((file,)))}


def read(answer: Any) -> Reply:
    """The first choice of a completion."""
    choice = answer["choices"][0]
    message = choice["message"]
    calls = tuple(
        ToolCall(call["function"]["name"], _arguments(call["function"].get("arguments")))
        for call in message.get("tool_calls") or ()
    )
    thought = message.get("reasoning_content") or message.get("reasoning") or ""
    stopped = "length" if choice.get("finish_reason") == "length" else "stop"
    text = message.get("content")
    return Reply(text or (None if calls else ""), calls, str(thought), finish_reason=stopped)  # type: ignore[arg-type]


def _arguments(given: Any) -> str:
    """JSON text; some servers send the object itself."""
    text = given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False)
    json.loads(text or "{}")
    return text or "{}"
