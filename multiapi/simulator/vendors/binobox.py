"""Binobox: lean answers, media as base64 in JSON, video as a job, and every price in diamonds."""

from decimal import Decimal
from typing import Any, ClassVar

from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.ledger import number
from multiapi.simulator.model import reply
from multiapi.simulator.vendors import chat_format
from multiapi.simulator.vendors.vendor import UNKNOWN_MODEL, Call, Refusal, Vendor, money

_WORDS = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    402: "INSUFFICIENT_DIAMONDS",
    403: "FORBIDDEN_SCOPE",
    404: "NOT_FOUND",
    413: "REQUEST_TOO_LARGE",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
}

MODELS = (
    ("gemini-3.1-flash-lite", "Google", "chat", "0.18"),
    ("gemini-3.1-pro", "Google", "chat", "1.2"),
    ("gpt-5-mini", "OpenAI", "chat", "0.4"),
    ("imagen-4-fast-generate", "Google", "image", "20"),
    ("gemini-3.1-flash-tts", "Google", "audio", "8"),
    ("lyria-3-clip", "Google", "music", "60"),
    ("veo-3-lite-generate", "Google", "video", "800"),
)
_PRICES = {model: Decimal(price) for model, _, _, price in MODELS}
_SCOPE_PRICES = {scope: Decimal(price) for _, _, scope, price in reversed(MODELS)}


class Binobox(Vendor):
    """The simulated Binobox."""

    name: ClassVar[str] = "binobox"
    deposit = Decimal(5000)
    unit = "diamonds"
    shape = chat_format.Shape()

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """`{"error": {message, type, code}}` with a code word; lack of funds says how much is needed."""
        error: dict[str, Any] = {
            "message": refusal.message,
            "type": "api_error",
            "code": refusal.details.get("code") or _WORDS.get(refusal.status, "ERROR"),
        }
        if refusal.status == 402:
            error["message"] = "Insufficient diamonds"
            error |= {name: number(refusal.details.get(name, Decimal(0))) for name in ("required", "balance")}
        return Answer.json({"error": error}, refusal.status)

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The models, with the least that a call costs."""
        data = [
            {"id": model, "object": "model", "owned_by": owner, "capabilities": [scope], "min_cost_diamonds": float(price)}
            for model, owner, scope, price in MODELS
        ]
        return Answer.json({"object": "list", "data": data})

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Text chat; no streaming is documented, so `stream` changes nothing."""
        model = self._model(call, "chat")
        least = self._price(model, "chat")
        self.require_money(call, least)
        made = reply(chat_format.conversation(_plain(call.body)))
        total = made.input_tokens + made.output_tokens
        price = max(least, money(total * least / 1000, "0.01"))
        account = self.book(call, model, price, input_tokens=made.input_tokens, output_tokens=made.output_tokens)
        message = {"role": "assistant", "content": made.text or ""}
        return Answer.json(
            {
                "id": call.reference,
                "object": "chat.completion",
                "model": model,
                "choices": [{"message": message, "finish_reason": made.finish_reason}],
                "usage": {"total_tokens": total},
                "binobox": charge(price, account.balance),
            }
        )

    def _model(self, call: Call, scope: str) -> str:
        """The model, which must fit the scope of the operation."""
        model = str(call.body["model"])
        others = {name for name, _, other, _ in MODELS if other != scope}
        if model == UNKNOWN_MODEL or model in others:
            raise Refusal(403, f"Model {model} is not available for the scope {scope}", code="FORBIDDEN_MODEL")
        return model

    def _price(self, model: str, scope: str) -> Decimal:
        return _PRICES.get(model, _SCOPE_PRICES[scope])


def charge(amount: Decimal, balance: Decimal) -> dict[str, Any]:
    """What every paid answer says about its price."""
    return {"diamonds_charged": number(amount), "balance_remaining": number(balance)}


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """Only the documented fields: what is not documented has no effect."""
    return {name: body[name] for name in ("model", "messages", "max_tokens", "temperature") if name in body}
