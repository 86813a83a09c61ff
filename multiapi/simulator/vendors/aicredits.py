"""AICredits: a gateway in the OpenAI form, with its wallet in rupees."""

import base64
from decimal import Decimal
from typing import Any, ClassVar

from multiapi.simulator import embeddings
from multiapi.simulator.contract import Operation
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.ledger import number
from multiapi.simulator.model import Conversation, Reply, input_tokens, replies, reply, tokens
from multiapi.simulator.vendors import chat_format, responses_format
from multiapi.simulator.vendors.vendor import EXPIRED_KEY, UNKNOWN_MODEL, Call, Refusal, Vendor, money

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_funds",
    403: "forbidden",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "internal_server_error",
    502: "upstream_error",
    503: "service_unavailable",
    504: "gateway_timeout",
}

# Prices of the catalogue, in the unit that the vendor does not name; the wallet is charged by PRICES_INR.
MODELS = (
    ("openai/gpt-4o-mini", "GPT-4o Mini", 128000, 0.15, 0.60),
    ("openai/gpt-4o", "GPT-4o", 128000, 2.5, 10.0),
    ("openai/o1", "o1", 200000, 15.0, 60.0),
    ("anthropic/claude-sonnet-4.6", "Claude Sonnet 4.6", 200000, 3.0, 15.0),
    ("google/gemini-2.5-flash", "Gemini 2.5 Flash", 1000000, 0.3, 2.5),
    ("deepseek/deepseek-chat", "DeepSeek Chat", 64000, 0.27, 1.1),
    ("openai/text-embedding-3-small", "Text Embedding 3 Small", 8191, 0.02, 0.0),
    ("openai/text-embedding-3-large", "Text Embedding 3 Large", 8191, 0.13, 0.0),
    ("openai/tts-1", "TTS 1", None, None, None),
    ("openai/whisper-1", "Whisper 1", None, None, None),
    ("dall-e-3", "DALL-E 3", None, None, None),
)
_INPUT_INR, _OUTPUT_INR = Decimal("0.000025"), Decimal("0.0001")


def _usage_details(reply: Reply, cached: int) -> dict[str, Any]:
    if not reply.reasoning_tokens:
        return {}
    details = {
        "reasoning_tokens": reply.reasoning_tokens,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    }
    return {"completion_tokens_details": details}


class Aicredits(Vendor):
    """The simulated AICredits."""

    name: ClassVar[str] = "aicredits"
    deposit = Decimal(500)
    unit = "INR"
    max_body_bytes = 10_000_000
    shape = chat_format.Shape(usage_details=_usage_details)

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """`{"error": {message, type, code}}` with the status as the code."""
        status = 400 if refusal.status in (404, 405, 415, 422) and refusal.status not in _TYPES else refusal.status
        kind = _TYPES.get(status, "invalid_request_error")
        return Answer.json(
            {"error": {"message": refusal.message, "type": kind, "code": refusal.status}}, refusal.status
        )

    def check_key(self, key: str | None) -> None:
        """An expired key is a 403 here."""
        if key == EXPIRED_KEY:
            raise Refusal(403, "API key expired")
        super().check_key(key)

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Chat, whole or streamed. The answer names the model without its provider."""
        self.require_money(call)
        self._known(call.body["model"])
        asked = chat_format.conversation(call.body)
        _fits_window(asked)
        made = replies(asked)
        head = {"id": call.reference, "created": self.now(), "model": _short(call.body["model"])}
        ids = [[self.new_id("call_") for _ in reply.tool_calls] for reply in made]
        given, output_tokens = made[0].input_tokens, sum(reply.output_tokens for reply in made)
        price = money(given * _INPUT_INR + output_tokens * _OUTPUT_INR)
        self.book(call, call.body["model"], price, input_tokens=given, output_tokens=output_tokens)
        if call.body.get("stream"):
            return Answer.events(chat_format.chunks(head, made, ids, self.shape, call.body))
        return Answer.json(chat_format.completion(head, made, ids, self.shape, call.body))

    def on_createEmbedding(self, call: Call) -> Answer:  # noqa: N802
        """Embeddings, one for each text, in order."""
        self.require_money(call)
        self._known(call.body["model"])
        texts = [call.body["input"]] if isinstance(call.body["input"], str) else call.body["input"]
        size = call.body.get("dimensions") or embeddings.width(call.body["model"])
        vectors = [embeddings.embed(text, size) for text in texts]
        packed = call.body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": embeddings.as_base64(vector) if packed else list(vector),
            }
            for index, vector in enumerate(vectors)
        ]
        given = sum(tokens.count(text) for text in texts)
        self.book(call, call.body["model"], money(given * Decimal("0.000002")), input_tokens=given)
        usage = {"prompt_tokens": given, "total_tokens": given}
        return Answer.json({"object": "list", "data": data, "model": _short(call.body["model"]), "usage": usage})

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The public catalogue."""
        data = [
            {
                "id": model,
                "name": name,
                "provider": model.split("/")[0] if "/" in model else "openai",
                "context_window": window,
                "input_cost_per_1m": given,
                "output_cost_per_1m": made,
            }
            for model, name, window, given, made in MODELS
        ]
        return Answer.json({"object": "list", "data": data})

    def on_getCredits(self, call: Call) -> Answer:  # noqa: N802
        """The wallet."""
        return Answer.json({"balance": number(self.account(call.key).balance), "currency": "INR"})

    def on_getHealth(self, call: Call) -> Answer:  # noqa: N802
        """Running."""
        return Answer.json({"status": "ok"})

    def on_getReadiness(self, call: Call) -> Answer:  # noqa: N802
        """Ready."""
        return Answer.json({"status": "ready", "db": "ok", "redis": "ok"})

    def on_getLiveness(self, call: Call) -> Answer:  # noqa: N802
        """Alive: the status alone says it, no body is documented."""
        return Answer(200, {}, b"")

    def on_createResponse(self, call: Call) -> Answer:  # noqa: N802
        """The Responses endpoint, in outline."""
        self.require_money(call)
        self._known(call.body["model"])
        made = reply(responses_format.conversation(call.body))
        price = money(made.input_tokens * _INPUT_INR + made.output_tokens * _OUTPUT_INR)
        self.book(call, call.body["model"], price, input_tokens=made.input_tokens, output_tokens=made.output_tokens)
        head = {"id": self.new_id("resp_"), "created_at": self.now(), "model": _short(call.body["model"])}
        answer = responses_format.response(head, made, call.body, self.new_id)
        if call.body.get("stream"):
            return Answer.events(responses_format.events(answer))
        return Answer.json(answer)

    def on_createImage(self, call: Call) -> Answer:  # noqa: N802
        """Images by link or as base64."""
        from multiapi.simulator import media

        self.require_money(call)
        model = call.body.get("model", "dall-e-3")
        self._known(model)
        width, height = (int(part) for part in call.body.get("size", "1024x1024").split("x"))
        data: list[dict[str, str]] = []
        for _ in range(call.body.get("n", 1)):
            image = media.draw_image(call.body["prompt"], width, height)
            file = self.simulator.keep(self.name, "image/png", image, call.body["prompt"])
            if call.body.get("response_format") == "b64_json":
                data.append({"b64_json": base64.b64encode(image).decode()})
            else:
                data.append({"url": self.simulator.url_of(file, call.request)})
        price = Decimal("7" if call.body.get("quality") == "hd" else "3.5") * len(data)
        self.book(call, model, price)
        return Answer.json({"created": self.now(), "data": data})

    def on_createSpeech(self, call: Call) -> Answer:  # noqa: N802
        """Speech as raw bytes in the asked format."""
        from multiapi.simulator import media

        self.require_money(call)
        mime_type = {"mp3": "audio/mpeg"}.get(form := call.body.get("response_format", "mp3"), f"audio/{form}")
        audio = media.speak(call.body["input"], mime_type, rate=call.body.get("speed") or 1.0)
        self.simulator.keep(self.name, mime_type, audio, call.body["input"])
        self.book(call, call.body["model"], money(len(call.body["input"]) * Decimal("0.0013")))
        return Answer(200, {"content-type": mime_type}, audio)

    def on_createTranscription(self, call: Call) -> Answer:  # noqa: N802
        """The text of a recording."""
        from multiapi.simulator import media

        self.require_money(call)
        try:
            heard = media.transcribe(base64.b64decode(call.body["input_audio"]["data"]))
        except ValueError as error:
            raise Refusal(400, f"input_audio.data cannot be read: {error}") from None
        self.book(call, call.body["model"], money(Decimal("0.008") * Decimal(str(round(heard.duration_s, 2)))))
        return Answer.json({"text": heard.text})

    def finish(self, answer: Answer, call: Call) -> None:
        """The rate headers, with every answer of the API."""
        if call.operation.needs_key:
            self._rate_headers(answer, call.key)

    def after_refusal(
        self, answer: Answer, refusal: Refusal, operation: Operation | None, key: str | None, request: Request
    ) -> None:
        """The rate headers are sent with errors too; the wait after a 429 is told by them alone."""
        super().after_refusal(answer, refusal, operation, key, request)
        self._rate_headers(answer, key or "")

    def _rate_headers(self, answer: Answer, key: str) -> None:
        limit, left, reset_s = self.simulator.limits.left(self.name, key, self.simulator.clock.now())
        answer.headers["x-ratelimit-limit"] = str(limit)
        answer.headers["x-ratelimit-remaining"] = str(left)
        answer.headers["x-ratelimit-reset"] = str(reset_s)

    def _known(self, model: str) -> None:
        if model == UNKNOWN_MODEL:
            raise Refusal(503, "No provider for this model")


_WINDOWS = {model: window for model, _, window, _, _ in MODELS if window is not None}


def _fits_window(asked: Conversation) -> None:
    """Refuse a prompt that is longer than the window that the catalogue gives the model."""
    window = _WINDOWS.get(asked.model)
    if window is not None and (given := input_tokens(asked)) > window:
        raise Refusal(
            400,
            f"This model's maximum context length is {window} tokens. However, your messages resulted in {given} tokens.",
        )


def _short(model: str) -> str:
    return model.rsplit("/", 1)[-1]
