"""Bineric: one chat operation for everything, its own form, and a platform with usage figures."""

from decimal import Decimal
from typing import Any, ClassVar

from multiapi.simulator.exchange import DONE, Answer, Request, event
from multiapi.simulator.ledger import day_start, number
from multiapi.simulator.model import Conversation, Reply, Turn, reply, tokens
from multiapi.simulator.vendors import chat_format
from multiapi.simulator.vendors.vendor import EMPTY_WALLET, UNKNOWN_MODEL, Call, Refusal, Vendor, money

_TYPES = {
    400: "ValidationError",
    401: "AuthError",
    402: "InsufficientBalance",
    403: "PaidFeatureError",
    404: "NotFoundError",
    413: "ValidationError",
    429: "RateLimitError",
    500: "ProcessingError",
}
FREE_KEY = "free-account"

_INPUT, _OUTPUT = Decimal("0.005"), Decimal("0.015")


class Bineric(Vendor):
    """The simulated Bineric."""

    name: ClassVar[str] = "bineric"
    deposit = Decimal(100)
    unit = ""

    def key_of(self, request: Request) -> str | None:
        """The key is sent as it is, in a header of its own."""
        return request.headers.get("api-key", "").strip() or None

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """The envelope with `success: false`."""
        kind = refusal.details.get("kind") or _TYPES.get(refusal.status, "ProcessingError")
        error = {"type": kind, "message": refusal.message, "code": refusal.status}
        if kind == "ConversionError":
            error["details"] = refusal.details.get("details", refusal.message)
        return Answer.json({"success": False, "request_id": self.new_id("req_", 10), "error": error}, refusal.status)

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The catalogue."""
        listed = self.contract.document["x-known-models"]["models"]
        data = [_model(entry) for entry in listed]
        return Answer.json({"success": True, "count": len(data), "data": data})

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Chat; the model decides whether it is text, speech, a transcript or an image."""
        model = call.body["model"]
        if model == UNKNOWN_MODEL:
            raise Refusal(400, f"Unknown model {model}")
        if call.key != FREE_KEY:
            self.require_money(call)
        made = reply(conversation(call.body))
        return self._answer(call, model, made)

    def _answer(self, call: Call, model: str, made: Reply) -> Answer:
        price = money(made.input_tokens * _INPUT / 1000 + made.output_tokens * _OUTPUT / 1000)
        price = Decimal(0) if call.key == FREE_KEY else price
        self.book(call, model, price, input_tokens=made.input_tokens, output_tokens=made.output_tokens)
        usage = self._usage(call, made, price)
        text = made.text or ""
        if call.body.get("stream"):
            pieces = [event({"text": piece}) for piece in tokens.split(text)]
            return Answer.events([*pieces, event({"response": text, "usage": usage}), DONE])
        answer = {"success": True, "request_id": call.reference, "model": model, "response": text, "usage": usage}
        return Answer.json(answer)

    def _usage(self, call: Call, made: Reply, price: Decimal) -> dict[str, Any]:
        account = self.account(call.key)
        start = day_start(self.simulator.clock.now())
        today = account.between(start, start + 86400)
        info: dict[str, Any] = {"type": "free"}
        if call.key != FREE_KEY:
            cost = {"input_cost_per_1k": number(_INPUT), "output_cost_per_1k": number(_OUTPUT)}
            info = {"type": "paid", "balance": number(account.balance), "model_cost": cost}
        return {
            "prompt_tokens": made.input_tokens,
            "completion_tokens": made.output_tokens,
            "total_tokens": made.input_tokens + made.output_tokens,
            "total_cost": number(price),
            "response_time_ms": 20 + 8 * made.output_tokens,
            "account_info": info,
            "current_usage": {
                "requests_made": len(today),
                "total_input_tokens": sum(charge.input_tokens for charge in today),
                "total_output_tokens": sum(charge.output_tokens for charge in today),
                "total_cost": number(sum((charge.amount for charge in today), Decimal(0))),
            },
        }


def conversation(body: dict[str, Any]) -> Conversation:
    """The request as a conversation; attachments are data URLs."""
    turns = tuple(
        Turn(
            message["role"],
            message["content"],
            tuple(chat_format.from_url(url, "application/octet-stream") for url in message.get("attachments") or ()),
        )
        for message in body["messages"]
    )
    limit = (body.get("options") or {}).get("max_tokens") or body.get("max_tokens")
    return Conversation(body["model"], turns, max_tokens=limit)


def _model(entry: dict[str, Any]) -> dict[str, Any]:
    image = entry["kind"] == "image"
    vision = "vision" in entry["tags"]
    pricing = {"cost_per_image": "0.04", "currency": "USD"} if image else {"input": "0.005", "output": "0.015", "currency": "USD"}
    return {
        "id": entry["id"],
        "name": entry["id"].replace("-", " ").title(),
        "description": f"Simulated {entry['kind']} model",
        "type": {"chat": "text"}.get(entry["kind"], entry["kind"]),
        "capabilities": entry["tags"],
        "provider": "simulator",
        "pricing": pricing,
        "limits": {"max_tokens": 0 if image else 4096},
        "file_support": {
            "image": {"formats": ["jpeg", "png", "webp", "gif"], "max_size_mb": 20} if vision else {},
            "document": {"formats": ["pdf", "docx", "txt"], "max_size_mb": 15} if entry["kind"] == "chat" else {},
            "max_files": 5 if entry["kind"] != "image" else 0,
            "total_max_size_mb": 50,
        },
        "features": {
            "streaming": entry["kind"] == "chat",
            "vision": vision,
            "image_generation": image,
            "nordic_support": "nordic" in entry["tags"],
        },
    }


__all__ = ["EMPTY_WALLET", "FREE_KEY", "Bineric"]
