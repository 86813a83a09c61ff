"""AICredits: a gateway in the OpenAI form, with its wallet in rupees."""

import base64
import hashlib
import math
import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from multiapi.simulator import embeddings
from multiapi.simulator.contract import Operation
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.ledger import number
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import Conversation, Reply
from multiapi.simulator.minds.saying import input_tokens
from multiapi.simulator.prices import price_of, usd
from multiapi.simulator.vendors import chat_format, responses_format
from multiapi.simulator.vendors.schema_roots import check_roots
from multiapi.simulator.vendors.vendor import EXPIRED_KEY, Call, Refusal, Vendor, money

if TYPE_CHECKING:
    from multiapi.simulator.state import State

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

# Id, name and context window. The prices of the catalogue are in USD, the wallet is charged in rupees; both by `prices.py`.
MODELS = (
    ("openai/gpt-4o-mini", "GPT-4o Mini", 128000),
    ("openai/gpt-4o", "GPT-4o", 128000),
    ("openai/o1", "o1", 200000),
    ("anthropic/claude-sonnet-4.6", "Claude Sonnet 4.6", 200000),
    ("google/gemini-2.5-flash", "Gemini 2.5 Flash", 1000000),
    ("deepseek/deepseek-chat", "DeepSeek Chat", 64000),
    ("openai/text-embedding-3-small", "Text Embedding 3 Small", 8191),
    ("openai/text-embedding-3-large", "Text Embedding 3 Large", 8191),
    ("openai/tts-1", "TTS 1", None),
    ("openai/whisper-1", "Whisper 1", None),
    ("dall-e-3", "DALL-E 3", None),
)
WALL_S = 30.0
"""With `wall` on, when an unstreamed chat ends. How long one takes is said by the fault `delay=SECONDS`."""
UPSTREAM_EACH = 20
"""With `upstream` on, each twentieth chat is refused by the model's own provider: "a few percent of calls"."""
HIDDEN_TOKENS = 47
"""With `cost` on, what a total has above the sum: the figure of the measured call."""
GO_REFUSES = "json: cannot unmarshal array into Go struct field Definition.properties.type of type jsonschema.DataType"
_SIZES = ("1024x1024", "1792x1024", "1024x1792")
_SIZES_DALL_E_2 = ("256x256", "512x512", "1024x1024")
_CACHE_LEAST = 1024
"""The least prompt that is kept, in tokens: Claude's own figure, the provider names none."""
_INR_PER_USD = Decimal("100.3")


def _usage_details(reply: Reply, cached: int) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if cached:
        details["prompt_tokens_details"] = {"cached_tokens": cached}
    if reply.reasoning_tokens:
        details["completion_tokens_details"] = {
            "reasoning_tokens": reply.reasoning_tokens,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    return details


class Aicredits(Vendor):
    """The simulated AICredits."""

    name: ClassVar[str] = "aicredits"
    deposit = Decimal(500)
    unit = "INR"
    max_body_bytes = 10_000_000
    shape = chat_format.Shape(usage_details=_usage_details)

    def __init__(self, simulator: "State") -> None:
        super().__init__(simulator)
        self._prompts: dict[tuple[str, str], set[bytes]] = {}

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """`{"error": {message, type, code}}` with the status as the code; plain text for a path that is not there."""
        if refusal.details.get("wall"):
            return Answer(500, {})
        if refusal.details.get("text"):
            return Answer(refusal.status, {"content-type": "text/plain"}, refusal.message.encode())
        if refusal.details.get("blocked"):
            error = {"message": refusal.message, "type": "guardrail_violation", "code": "blocked_keyword"}
            return Answer.json({"error": error}, 400)
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
        seen = self.simulator.as_seen
        if "wall" in seen and not call.body.get("stream") and _delay_s(call) > WALL_S:
            raise Refusal(500, "", wall=True)
        if "upstream" in seen and self.simulator.turn("aicredits upstream") % UPSTREAM_EACH == UPSTREAM_EACH - 1:
            raise Refusal(429, "Provider returned error", upstream=True)
        if any(word in _words_of(call.body) for word in self.simulator.blocked_words):
            raise Refusal(400, "Request contains blocked content", blocked=True)
        if "schema" in seen and _has_list_as_type(_schemas_of(call.body)):
            raise Refusal(400, f"Invalid request body: {GO_REFUSES}")
        check_roots(call.body)
        self.require_money(call)
        self.known(call.body["model"])
        asked = chat_format.conversation(call.body)
        _fits_window(asked)
        made = self.replies(call, asked)
        if "structured" in seen and _is_google(asked.model) and _wants_schema(call.body):
            empty = ("", "{}")[self.simulator.turn("aicredits structured") % 2]
            made = [replace(one, text=empty, tool_calls=(), reasoning="", finish_reason="stop") for one in made]
        place = _cache_place(call.body)
        if self.simulator.cache and place in self.simulator.cached:
            return Answer(
                200, {"content-type": "application/json", "x-cache-status": "HIT"}, self.simulator.cached[place]
            )
        head = {"id": call.reference, "created": self.now(), "model": _short(call.body["model"])}
        ids = [[self.new_id("call_") for _ in reply.tool_calls] for reply in made]
        given, output_tokens = made[0].input_tokens, sum(reply.output_tokens for reply in made)
        hidden = HIDDEN_TOKENS if "cost" in seen and not made[0].reasoning_tokens else 0
        listed = price_of(self.name, call.body["model"])
        written, cached = self._prompt_cache(call, asked, given)
        price = money(
            listed.of(given, output_tokens + hidden)
            + written * listed.input / 4 / 1_000_000
            - cached * (listed.input - listed.cached_input) / 1_000_000
        )
        self.book(call, call.body["model"], price, input_tokens=given, output_tokens=output_tokens + hidden)
        shape = self._shape(asked.model, price, hidden, output_tokens)
        whole = Answer.json(chat_format.completion(head, made, ids, shape, call.body, cached))
        if self.simulator.cache:
            self.simulator.cached[place] = whole.body
        if call.body.get("stream"):
            return Answer.events(chat_format.chunks(head, made, ids, shape, call.body, cached))
        return whole

    def _prompt_cache(self, call: Call, asked: Conversation, given: int) -> tuple[int, int]:
        """How many tokens of the prompt are written into the cache and read out of it: the flag is for Claude's models.

        Everything before the last message is kept, for its key and model, once it is long enough.
        """
        if not call.body.get("cache") or "claude" not in asked.model.lower():
            return 0, 0
        kept = self._prompts.setdefault((call.key, asked.model), set())
        begun, there, read = hashlib.blake2b(digest_size=16), 0, 0
        for turn in asked.turns[:-1]:
            begun.update(f"{turn.role}\n{turn.text}\0".encode("utf-8", "replace"))
            there = min(given, there + tokens.count(turn.text))
            if begun.digest() in kept:
                read = there
        if there < _CACHE_LEAST:
            return 0, 0
        kept.add(begun.digest())
        return there - read, read

    def _shape(self, model: str, price: Decimal, hidden: int, output_tokens: int) -> chat_format.Shape:
        """What is written into a completion: as documented, or with the fields that users saw."""
        seen = self.simulator.as_seen
        shape = self.shape
        if "reasoning" in seen:
            shape = replace(shape, reasoning_fields=_reasoning_fields(model))
        if "cost" in seen:
            figures = {"cost": number(price), "latency_ms": 20 + 8 * (output_tokens + hidden)}

            def details(reply: Reply, cached: int) -> dict[str, Any]:
                return {**_usage_details(reply, cached), **figures}

            shape = replace(shape, usage_details=details, hidden_tokens=hidden)
        return shape

    def on_createEmbedding(self, call: Call) -> Answer:  # noqa: N802
        """Embeddings, one for each text, in order."""
        self.require_money(call)
        self.known(call.body["model"])
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
        price = money(price_of(self.name, call.body["model"]).of(given, 0))
        self.book(call, call.body["model"], price, input_tokens=given)
        usage: dict[str, Any] = {"prompt_tokens": given, "total_tokens": given}
        if "cost" in self.simulator.as_seen:
            usage |= {"cost": number(price), "latency_ms": 20 + given}
        return Answer.json({"object": "list", "data": data, "model": _short(call.body["model"]), "usage": usage})

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The public catalogue."""
        row = _seen_row if "models" in self.simulator.as_seen else _documented_row
        data = [row(*model, *(usd(model[0])[:2] if model[2] else (None, None))) for model in MODELS]
        if "models" in self.simulator.as_seen:
            inactive = _seen_row("example/retired-model", "Retired model", 8192, 0.1, 0.2)
            data.append({**inactive, "is_active": False})
        return Answer.json({"object": "list", "data": data})

    on_listModelsSeen = on_listModels  # noqa: N815

    def on_getCredits(self, call: Call) -> Answer:  # noqa: N802
        """The wallet."""
        if "credits" in self.simulator.as_seen:
            raise Refusal(404, "404 page not found", text=True)
        return Answer.json({"balance": number(self.account(call.key).balance), "currency": "INR"})

    def serves(self, operation: Operation) -> bool:
        """The balance where one user reads it, and the list of models with the key."""
        name = {"getCreditsSeen": "credits", "listModelsSeen": "models"}.get(operation.id)
        return name in self.simulator.as_seen

    def longest_wait_s(self, answer: Answer) -> float | None:
        """With `wall` on, waits go by the simulator's clock, and an unstreamed chat ends after 30 s."""
        if "wall" not in self.simulator.as_seen:
            return None
        return WALL_S if answer.status == 500 else math.inf

    def path_of(self, path: str) -> str:
        """With `hosts` on the service is below `/v1` and below `/api/v1`."""
        if "hosts" not in self.simulator.as_seen or not path.startswith("/api/v1/"):
            return path
        if path == "/api/v1/credits" and "credits" in self.simulator.as_seen:
            return path
        return path.removeprefix("/api")

    def on_getCreditsSeen(self, call: Call) -> Answer:  # noqa: N802
        """The balance as one user reads it."""
        account = self.account(call.key)
        spent = sum((charge.amount for charge in account.charges), Decimal(0))
        data = {
            "total_credits": number(self.deposit),
            "total_usage": number(spent),
            "credits_inr": number(account.balance),
        }
        return Answer.json({"data": data})

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
        self.known(call.body["model"])
        made = self.reply(call, responses_format.conversation(call.body))
        price = money(price_of(self.name, call.body["model"]).of(made.input_tokens, made.output_tokens))
        self.book(call, call.body["model"], price, input_tokens=made.input_tokens, output_tokens=made.output_tokens)
        head = {"id": self.new_id("resp_"), "created_at": self.now(), "model": _short(call.body["model"])}
        answer = responses_format.response(head, made, call.body, self.new_id)
        if call.body.get("stream"):
            return Answer.events(responses_format.events(answer, made))
        return Answer.json(answer)

    def on_createImage(self, call: Call) -> Answer:  # noqa: N802
        """Images by link or as base64."""
        from multiapi.simulator import media

        self.require_money(call)
        model = call.body.get("model", "dall-e-3")
        self.known(model)
        width, height = (int(part) for part in call.body.get("size", "1024x1024").split("x"))
        data: list[dict[str, str]] = []
        mime_type = "image/jpeg" if "jpeg" in self.simulator.as_seen else "image/png"
        for _ in range(call.body.get("n", 1)):
            image = media.draw_image(call.body["prompt"], width, height, mime_type)
            file = self.simulator.keep(self.name, mime_type, image, call.body["prompt"])
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
        if "transcript" not in self.simulator.as_seen:
            return Answer.json({"text": heard.text})
        if "sarvam" in call.body["model"]:
            return Answer.json({"transcript": heard.text, "language_code": f"{call.body.get('language', 'hi')}-IN"})
        return Answer.json(
            {
                "text": heard.text,
                "duration": round(heard.duration_s, 2),
                "segments": _segments(heard.text, heard.duration_s),
            }
        )

    def check(self, call: Call) -> None:
        """The documented sizes of pictures, unless those of other models are switched on."""
        if call.operation.id != "createImage" or "size" not in call.body:
            return
        size, others = call.body["size"], "sizes" in self.simulator.as_seen
        known = _SIZES_DALL_E_2 if others and call.body.get("model", "").endswith("dall-e-2") else _SIZES
        if size not in known and (not others or known is not _SIZES):
            raise Refusal(400, f'size: "{size}" is not one of {_listed(known)}')
        if not re.fullmatch(r"[1-9]\d{0,3}x[1-9]\d{0,3}", size):
            raise Refusal(400, f'size: "{size}" is not a valid size')

    def finish(self, answer: Answer, call: Call) -> None:
        """The rate headers, with every answer of the API."""
        if call.operation.needs_key:
            self._rate_headers(answer, call.key)

    def after_refusal(
        self, answer: Answer, refusal: Refusal, operation: Operation | None, key: str | None, request: Request
    ) -> None:
        """The rate headers are sent with errors too; the wait after a 429 is told by them alone."""
        super().after_refusal(answer, refusal, operation, key, request)
        if not refusal.details.get("upstream") and not refusal.details.get("text"):
            self._rate_headers(answer, key or "")

    def _rate_headers(self, answer: Answer, key: str) -> None:
        limit, left, reset_s = self.simulator.limits.left(self.name, key, self.simulator.clock.now())
        answer.headers["x-ratelimit-limit"] = str(limit)
        answer.headers["x-ratelimit-remaining"] = str(left)
        answer.headers["x-ratelimit-reset"] = str(reset_s)

    def listed_models(self) -> frozenset[str]:
        """Those of the catalogue, with and without their developer."""
        return frozenset(name for model, *_ in MODELS for name in (model, _short(model)))

    def refused_model(self, model: str, hint: str) -> Refusal:
        """Nobody offers such a model."""
        if "upstream" in self.simulator.as_seen:
            return Refusal(404, f"No endpoints found for {model}.{hint}")
        return Refusal(503, f"No provider for this model{hint}")


def _documented_row(model: str, name: str, window: Any, given: Any, made: Any) -> dict[str, Any]:
    return {
        "id": model,
        "name": name,
        "provider": _developer(model),
        "context_window": window,
        "input_cost_per_1m": given,
        "output_cost_per_1m": made,
    }


def _seen_row(model: str, name: str, window: Any, given: Any, made: Any) -> dict[str, Any]:
    """An entry with the names that six clients read."""

    def per_token(amount: Any, rate: Decimal = Decimal(1)) -> float | None:
        return None if amount is None else float(Decimal(str(amount)) * rate / 1_000_000)

    is_picture = model.startswith("dall-e")
    return {
        "id": model,
        "name": name,
        "provider": _developer(model),
        "description": f"{name}, simulated",
        "short_name": name.lower(),
        "context_length": window,
        "input_cost_per_token": per_token(given),
        "output_cost_per_token": per_token(made),
        "cached_input_cost_per_token": None if given is None else per_token(Decimal(str(given)) / 2),
        "input_cost_per_token_inr": per_token(given, _INR_PER_USD),
        "output_cost_per_token_inr": per_token(made, _INR_PER_USD),
        "input_modalities": ["audio"] if "whisper" in model else ["text"],
        "output_modalities": ["image"] if is_picture else ["audio"] if "tts" in model else ["text"],
        "tags": ["image" if is_picture else "embedding" if "embedding" in model else "chat"],
        "is_active": True,
        "is_free": False,
    }


def _developer(model: str) -> str:
    return model.split("/", maxsplit=1)[0] if "/" in model else "openai"


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f'"{word}"' for word in words]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _words_of(body: dict[str, Any]) -> str:
    """All that is said in a request, in lower case."""
    return " ".join(chat_format.text_of(message.get("content")) for message in body["messages"]).lower()


def _cache_place(body: dict[str, Any]) -> bytes:
    """What has to be the same for an answer from the cache; `no_cache` has no effect today."""
    about = {
        name: value for name, value in body.items() if name not in ("stream", "stream_options", "no_cache", "cache")
    }
    return orjson.dumps(about, option=orjson.OPT_SORT_KEYS)


def _delay_s(call: Call) -> float:
    """How long the answer takes."""
    return float((call.fault.get("delay") if call.fault else None) or 0)


def _is_google(model: str) -> bool:
    return model.startswith(("google/", "gemini-"))


def _reasoning_fields(model: str) -> tuple[str, ...]:
    """Whole answers take the first name, streams both by turns."""
    names = ("reasoning_content", "reasoning")
    return names if "deepseek" in model else names[::-1]


def _wants_schema(body: dict[str, Any]) -> bool:
    form = body.get("response_format")
    return isinstance(form, dict) and form.get("type") == "json_schema"


def _schemas_of(body: dict[str, Any]) -> list[Any]:
    tools = [tool.get("function", {}).get("parameters") for tool in body.get("tools") or ()]
    form = body.get("response_format")
    return [*tools, (form.get("json_schema") or {}).get("schema") if isinstance(form, dict) else None]


def _has_list_as_type(value: Any) -> bool:
    """Whether a schema has a list as `type` anywhere in it; a property that is called "type" is none."""
    waiting = [(value, True)]
    while waiting:
        part, is_schema = waiting.pop()
        if isinstance(part, list):
            waiting += [(inner, is_schema) for inner in part]
        elif isinstance(part, dict):
            if is_schema and isinstance(part.get("type"), list):
                return True
            for name, inner in part.items():
                if is_schema and name in ("enum", "const", "default", "examples"):
                    continue
                named = is_schema and name in (
                    "properties",
                    "$defs",
                    "definitions",
                    "patternProperties",
                    "dependentSchemas",
                )
                waiting.append((inner, not named))
    return False


def _segments(text: str, duration_s: float) -> list[dict[str, Any]]:
    """One segment for each sentence, with times by its share of the text."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+", text) if part] or [text]
    whole, start, found = sum(map(len, sentences)) or 1, 0.0, []
    for sentence in sentences:
        end = start + duration_s * len(sentence) / whole
        found.append({"text": sentence, "start": round(start, 2), "end": round(end, 2)})
        start = end
    return found


_WINDOWS = {model: window for model, _, window in MODELS if window is not None}


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
