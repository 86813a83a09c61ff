"""AI/ML API: the largest of the five; text in the OpenAI form, media as jobs, an account with logs and keys."""

import zlib
from decimal import Decimal
from typing import Any, ClassVar

from multiapi.simulator import embeddings
from multiapi.simulator.contract import aimlapi_catalogue
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.ledger import iso
from multiapi.simulator.model import Reply, replies, tokens
from multiapi.simulator.vendors import chat_format
from multiapi.simulator.vendors.vendor import UNKNOWN_MODEL, Call, Refusal, Vendor, money

CREDITS_PER_USD = 2_000_000
_INPUT_USD, _OUTPUT_USD = Decimal("0.0000025"), Decimal("0.00001")

_MESSAGES = {
    401: "This request requires a valid API key. You can create a new API key on the Billing page: https://aimlapi.com/app/keys",
    402: "You've run out of credits. Please top up your balance or update your payment method to continue: https://aimlapi.com/app/billing/",
}

_TYPES = {
    "POST /v1/chat/completions": "openai/chat-completions",
    "POST /v1/responses": "openai/responses/submit",
    "POST /v1/images/generations": "openai/image-generations",
    "POST /v2/video/generations": "internal/video-generations/submit",
    "POST /v2/generate/audio": "internal/audio-generations/submit",
    "POST /v1/stt/create": "internal/speech-to-text/submit",
    "POST /v1/tts": "internal/text-to-speech",
    "POST /v1/ocr": "internal/optical-character-recognition",
    "POST /v1/embeddings": "openai/embeddings",
}


def _usage_details(reply: Reply, cached: int) -> dict[str, Any]:
    return {
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens, "audio_tokens": 0},
    }


class Aimlapi(Vendor):
    """The simulated AI/ML API."""

    name: ClassVar[str] = "aimlapi"
    deposit = Decimal(20)
    unit = "USD"
    shape = chat_format.Shape(
        reasoning_content=True, logprobs=True, usage_details=_usage_details, refusal=True
    )

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """The gateway's error body. No money is a 403 here."""
        status = 403 if refusal.status == 402 else refusal.status
        message = _MESSAGES.get(refusal.status, refusal.message)
        if refusal.status == 400 and not refusal.details.get("bare"):
            message = f"Body validation error\n{message}"
        if refusal.status == 429:
            message = "Too Many Requests"
        body = {
            "requestId": self.simulator.new_uuid(),
            "statusCode": status,
            "timestamp": iso(self.simulator.clock.now()),
            "path": request.path,
            "message": message,
        }
        return Answer.json(body, status)

    # -------------------------------------------------------------- text

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Chat, whole or streamed; the price is in the answer."""
        self.require_money(call)
        self._known(call)
        body = call.body
        made = replies(chat_format.conversation(body))
        head = {"id": f"chatcmpl-{call.reference}", "created": self.now(), "model": body["model"]}
        ids = [[self.new_id("call_") for _ in reply.tool_calls] for reply in made]
        given, output_tokens = made[0].input_tokens, sum(reply.output_tokens for reply in made)
        meta = self._book_text(call, given, output_tokens)
        if body.get("stream"):
            return Answer.events(chat_format.chunks(head, made, ids, self.shape, body, closing={"meta": meta}))
        answer = chat_format.completion(head, made, ids, self.shape, body)
        return self._priced(Answer.json({**answer, "meta": meta}), meta)

    def on_createEmbedding(self, call: Call) -> Answer:  # noqa: N802
        """Embeddings, one for each text, in order."""
        self.require_money(call)
        self._known(call)
        body = call.body
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        size = int(body.get("dimensions") or embeddings.width(body["model"]))
        packed = body.get("encoding_format") == "base64"
        data = []
        for index, text in enumerate(texts):
            vector = embeddings.embed(text, size)
            data.append({"object": "embedding", "index": index, "embedding": embeddings.as_base64(vector) if packed else list(vector)})
        given = sum(tokens.count(text) for text in texts)
        meta = self._book_text(call, given, 0)
        usage = {"prompt_tokens": given, "total_tokens": given}
        return self._priced(Answer.json({"object": "list", "model": body["model"], "data": data, "usage": usage, "meta": meta}), meta)

    # -------------------------------------------------------------- catalogue

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The catalogue, filtered."""
        found = [_listed(entry, call.query) for entry in aimlapi_catalogue().values() if entry["status"] == "current"]
        wanted = {name: _values(call, name) for name in ("id", "type", "tags", "modalities", "input_modalities", "output_modalities", "capabilities")}
        found = [model for model in found if all(not values or values & _offered(model, name) for name, values in wanted.items())]
        include = _values(call, "include")
        everything = "all" in include or call.query.get("details") in ("true", "1")
        shown = [
            {
                name: value
                for name, value in model.items()
                if name not in ("modalities", "capabilities", "pricing") or everything or name in include
            }
            for model in found
        ]
        answer = Answer.json({"object": "list", "data": shown})
        tag = f'"{zlib.crc32(answer.body):08x}"'
        if call.request.headers.get("if-none-match") == tag:
            return Answer(304, {"etag": tag})
        answer.headers["etag"] = tag
        return answer

    # -------------------------------------------------------------- money

    def _known(self, call: Call) -> None:
        if call.body["model"] == UNKNOWN_MODEL:
            raise Refusal(404, f"Model {UNKNOWN_MODEL} not found", bare=True)

    def _book_text(self, call: Call, given: int, made: int) -> dict[str, Any]:
        price = money(given * _INPUT_USD + made * _OUTPUT_USD, "0.0000005")
        self.book(call, call.body["model"], price, input_tokens=given, output_tokens=made)
        return price_of(price)

    def _priced(self, answer: Answer, meta: dict[str, Any]) -> Answer:
        usage = meta["usage"]
        answer.headers["x-aimlapi-credits-used"] = str(usage["credits_used"])
        answer.headers["x-aimlapi-usd-spent"] = f"{usage['usd_spent']:.9f}"
        return answer

    def finish(self, answer: Answer, call: Call) -> None:
        """The ids for tracing."""
        if call.operation.method == "POST":
            answer.headers["x-inference-id"] = call.reference
        if mine := call.request.headers.get("x-client-request-id"):
            answer.headers["x-client-request-id"] = mine


def price_of(price: Decimal) -> dict[str, Any]:
    """The price as it stands under `meta`."""
    return {"usage": {"credits_used": int(price * CREDITS_PER_USD), "usd_spent": float(price)}}


def _values(call: Call, name: str) -> set[str]:
    given = call.request.query.get(name, [])
    return {part.strip().lower() for text in given for part in text.split(",") if part.strip()}


def _offered(model: dict[str, Any], name: str) -> set[str]:
    """What a model has under the name of a filter."""
    modalities = model["modalities"]
    values: Any = {
        "id": [model["id"], *model["aliases"]],
        "type": [model["type"]],
        "tags": model["tags"],
        "capabilities": model["capabilities"],
        "modalities": [*modalities["input"], *modalities["output"]],
        "input_modalities": modalities["input"],
        "output_modalities": modalities["output"],
    }[name]
    return {str(value).lower() for value in values}


_OUTPUTS = {"tts": "audio", "music": "audio", "embedding": "embedding", "image": "image", "video": "video", "3d": "3d"}


def _listed(entry: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """A model as the catalogue shows it."""
    family = entry["family"]
    capabilities = {
        "text": ["streaming", "structured_output", *(["tools"] if "tools" not in entry.get("lacks", []) else []), *(["vision"] if "image" in entry["input"] else [])],
        "video": ["text_to_video" if "text" in entry["input"] else "image_to_video"],
        "music": ["audio_generation"],
    }.get(family, [])
    aliases = [entry["schema_id"]] if entry.get("schema_id") else []
    unit, price, per = {
        "text": ("tokens", 2.5, 1_000_000),
        "embedding": ("tokens", 2.5, 1_000_000),
        "video": ("second", 0.05, 1),
        "stt": ("second", 0.0001, 1),
        "tts": ("characters", 0.015, 1000),
        "music": ("second", 0.002, 1),
    }.get(family, ("request", 0.04, 1))
    return {
        "id": entry["id"],
        "type": _TYPES.get(entry["endpoint"] or "", "openai/chat-completions"),
        "aliases": aliases,
        "info": {"name": entry["id"].split("/")[-1], "developer": entry.get("developer") or "unknown"},
        "tags": [f"playground:{'chat' if family == 'text' else family}"],
        "modalities": {"input": entry.get("input") or ["text"], "output": [_OUTPUTS.get(family, "text")]},
        "capabilities": capabilities,
        "pricing": {"kind": "fixed", "currency": "USD", "units": [{"name": "input", "measure": unit, "price": price, "per": per}]},
    }
