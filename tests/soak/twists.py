"""Odd but right answers: what servers do to a chat that carries all of its words and calls, and what models write that is no call.

Each changes an answer of the simulator such that its meaning is known; `tests.soak.calls` checks it. Answers that are broken, and errors
that repeat the key, are made here too.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from multiapi.simulator.exchange import Answer

TWISTS = ("filler", "not a number", "long integer", "same ids", "quoted")
BROKEN = ("plain as gzip", "an array", "null", "half a number")
ECHOES = ("plain", "percent", "base64", "at the cut", "page")
AGAIN = "-again"

Edit = Callable[[dict[str, Any]], None]


def long_integer(mark: str) -> int:
    """More digits than a float or 64 bits hold, of this question alone."""
    return int("9" * 19 + mark[5:] + "1" * 15)


def quotation(mark: str, call: str) -> str:
    """What a model writes that read a call somewhere and does not make it."""
    return f"The page of {mark} says `{call}`, and I do not do that."


def twisted(answer: Answer, twist: str, mark: str) -> Answer:
    """The answer to a chat, changed; the same where the twist does not fit."""
    if answer.status != 200 or ("json" not in answer.headers.get("content-type", "") and answer.pieces is None):
        return answer
    if answer.pieces is not None:
        answer.pieces = _streamed(answer.pieces, twist, mark)
        return answer
    body = json.loads(answer.body)
    if not isinstance(body, dict):
        return answer
    EDITS[twist](body, mark)
    answer.body = json.dumps(body).encode()
    answer.headers.pop("content-length", None)
    return answer


def _filler(body: dict[str, Any], _: str) -> None:
    body.setdefault("error", None)
    for choice in body.get("choices", []):
        choice.setdefault("logprobs", None)
        for part in (choice.get("message"), choice.get("delta")):
            if isinstance(part, dict):
                filler = {"function_call": None, "refusal": None, "audio": None, "annotations": [], "tool_calls": []}
                part.update({name: value for name, value in filler.items() if name not in part})


def _not_a_number(body: dict[str, Any], _: str) -> None:
    body["score"] = float("nan")
    for choice in body.get("choices", []):
        choice["logprobs"] = {"content": [{"token": "x", "logprob": float("-inf"), "top_logprobs": []}]}


def _calls(body: dict[str, Any]) -> list[Any]:
    found = []
    for choice in body.get("choices", []):
        for part in (choice.get("message"), choice.get("delta")):
            if isinstance(part, dict) and part.get("tool_calls"):
                found.append(part["tool_calls"])
    return found


def _long_integer(body: dict[str, Any], mark: str) -> None:
    for calls in _calls(body):
        for call in calls:
            arguments = call["function"].get("arguments", "")
            if arguments.endswith("}"):
                call["function"]["arguments"] = f'{arguments[:-1]}, "stamp": {long_integer(mark)}}}'
    text, put = _text(body)
    if '"tool_calls"' in text and '"arguments"' in text and text.endswith("}]}"):
        head, arguments, rest = text.rpartition('"arguments"')
        put(f"{head}{arguments}{rest.replace('{', f'{{{chr(34)}stamp{chr(34)}: {long_integer(mark)}, ', 1)}")


def _same_ids(body: dict[str, Any], _: str) -> None:
    for calls in _calls(body):
        call = calls[0]
        if call.get("id") and call["function"].get("arguments", "").endswith('"}'):
            again = json.loads(call["function"]["arguments"])
            again["city"] += AGAIN
            calls.append({**call, "function": {**call["function"], "arguments": json.dumps(again)}})


def _quoted(body: dict[str, Any], mark: str) -> None:
    text, put = _text(body)
    if text.startswith(('{"tool_calls"', '{"name"')):
        put(quotation(mark, text))


EDITS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "filler": _filler,
    "not a number": _not_a_number,
    "long integer": _long_integer,
    "same ids": _same_ids,
    "quoted": _quoted,
}


def _text(body: dict[str, Any]) -> tuple[str, Callable[[str], None]]:
    """What the model said in an answer that came whole, and how to say something else."""
    if isinstance(body.get("response"), str):
        return body["response"], lambda text: body.update(response=text)
    for choice in body.get("choices", []):
        message = choice.get("message")
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            return message["content"], lambda text, message=message: message.update(content=text)
    return "", lambda _: None


def _streamed(pieces: Any, twist: str, mark: str) -> Iterator[Any]:
    """Each event changed; in events there is no call as a whole, so only what fits into any event."""
    for piece in pieces:
        if (
            isinstance(piece, bytes)
            and piece.startswith(b"data: {")
            and twist in {"filler", "not a number", "long integer"}
        ):
            body = json.loads(piece[6:])
            if twist == "filler":
                _filler(body, mark)
            elif twist == "not a number":
                body["score"] = float("nan")
            else:
                _long_integer(body, mark)
            piece = b"data: " + json.dumps(body).encode() + b"\n\n"
        yield piece


def broken(answer: Answer, how: str) -> Answer:
    """An answer that was paid for and cannot be read."""
    if how == "plain as gzip":
        answer.headers["content-encoding"] = "gzip"
        return answer
    body = {"an array": b"[]", "null": b"null", "half a number": b'{"choices": [1.'}[how]
    return Answer(200, {"content-type": "application/json"}, body)


def echo(key: str, how: str, chance: random.Random) -> Answer:
    """A refusal that repeats the key, in one of the ways in which gateways do."""
    if how == "page":
        return Answer(
            502, {"content-type": "text/html"}, f"<html>{'x' * chance.randint(300, 520)}{key}</html>".encode()
        )
    written = {
        "plain": key,
        "percent": quote(key.replace("-", "%2D"), safe="%"),
        "base64": base64.b64encode(f"Bearer {key}".encode()).decode(),
        "at the cut": "y" * chance.randint(1_900, 2_010) + key,
    }[how]
    return Answer.json({"error": {"message": f"Incorrect API key provided: {written}", "code": 401}}, 401)
