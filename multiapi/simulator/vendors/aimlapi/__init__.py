"""AI/ML API: the largest of the five; text in the OpenAI form, media as jobs, an account with logs and keys."""

import base64
import re
import zlib
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from multiapi.simulator import embeddings
from multiapi.simulator.contract import Contract, Operation, aimlapi_catalogue
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.ledger import iso
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import Conversation, Reply, Turn
from multiapi.simulator.prices import price_of
from multiapi.simulator.vendors import chat_format, messages_format, responses_format, sources
from multiapi.simulator.vendors.aimlapi.account import AccountPages
from multiapi.simulator.vendors.aimlapi.assistants import Assistants
from multiapi.simulator.vendors.aimlapi.documents import address, document, newer
from multiapi.simulator.vendors.aimlapi.media import Media
from multiapi.simulator.vendors.aimlapi.model_parameters import check_model
from multiapi.simulator.vendors.aimlapi.reading import Reading
from multiapi.simulator.vendors.aimlapi.withdrawn import Withdrawn
from multiapi.simulator.vendors.labels import check_documents
from multiapi.simulator.vendors.schema_roots import check_roots
from multiapi.simulator.vendors.vendor import Call, Refusal

if TYPE_CHECKING:
    from multiapi.simulator.state import State

_MESSAGES = {
    401: "This request requires a valid API key. You can create a new API key on the Billing page: https://aimlapi.com/app/keys",
    402: "You've run out of credits. Please top up your balance or update your payment method to continue: https://aimlapi.com/app/billing/",
}

ROUTERS = {"liquid/d1-router": "openai/gpt-6-luna", "typesafe/jev-router": "anthropic/claude-opus-4.8"}
"""Models that choose another one, and what they choose here. The judgement is a second row of the log, in no figure of the answer."""
JUDGEMENT_USD = Decimal("0.0004")
OUT_OF_CREDITS = "err_insufficent_credits"
"""The provider's own spelling."""
_TITLES = {502: "Bad Gateway", 504: "Gateway Timeout"}

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


_CACHE_BLOCK, _CACHE_LEAST = 128, 1024


def _usage_details(reply: Reply, cached: int) -> dict[str, Any]:
    return {
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens, "audio_tokens": 0},
    }


def _audio_in(asked: Conversation) -> int:
    """The tokens of the recordings in a conversation: part of those of the prompt."""
    files = [file for turn in asked.turns for file in turn.attachments if file.mime_type.startswith("audio/")]
    return 50 * len(files)


class Aimlapi(Media, Reading, AccountPages, Assistants, Withdrawn):
    """The simulated AI/ML API."""

    drops_unknown = True
    name: ClassVar[str] = "aimlapi"
    deposit = Decimal(20)
    unit = "USD"
    reference_prefix = ""
    shape = chat_format.Shape(
        reasoning_fields=("reasoning_content",), logprobs=True, usage_details=_usage_details, refusal=True
    )

    def __init__(self, simulator: "State") -> None:
        super().__init__(simulator)
        tables = (
            "keys",
            "gone",
            "files",
            "assistants",
            "threads",
            "messages",
            "runs",
            "steps",
            "responses",
            "prompts",
            "searches",
        )
        self.records: dict[str, dict[str, Any]] = {name: {} for name in tables}

    def listed_models(self) -> frozenset[str]:
        """The routers, which the list does not have."""
        return frozenset(ROUTERS)

    def check(self, call: Call) -> None:
        """What the catalogue says of the model; one that is withdrawn is a 404 unless the simulator serves those."""
        if isinstance(call.body, dict) and "model" in call.body:
            if call.body["model"] in _withdrawn(self.contract) and not self.simulator.withdrawn:
                raise Refusal(404, f"Model {call.body['model']} not found", bare=True)
            self.check_withdrawn(call)
            check_model(call)
        if call.operation.id == "createChatCompletion":
            check_documents(call.body)
        if call.operation.id in {"createChatCompletion", "createResponse"}:
            check_roots(call.body)

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """The gateway's error body as it was recorded in 2026, or that of 2024. No money is a 403 here."""
        status = 403 if refusal.status == 402 else refusal.status
        message = _MESSAGES.get(refusal.status, refusal.message)
        if refusal.status == 400 and not refusal.details.get("bare"):
            message = f"Body validation error\n{message}"
        if refusal.status == 429:
            message = "Too Many Requests"
        facts = {"requestId": self.simulator.new_uuid(), "timestamp": iso(self.simulator.clock.now())}
        if refusal.details.get("form") == "2024":
            return Answer.json({**facts, "statusCode": status, "path": request.path, "message": message}, status)
        title = _TITLES.get(status) or HTTPStatus(status).phrase
        error: dict[str, Any] = {"name": f"{title.replace(' ', '')}Exception", "message": message}
        if refusal.status == 402:
            error["data"] = {"kind": OUT_OF_CREDITS}
        body = {
            "title": title,
            "status": status,
            "message": message,
            "instance": f"{request.path}?{request.query_string}",
            **facts,
            "error": error,
        }
        return Answer.json(body, status)

    # -------------------------------------------------------------- text

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Chat, whole or streamed; the price is in the answer."""
        self.require_money(call)
        self._known(call)
        body = call.body
        asked = chat_format.conversation(body)
        made = self.verdict(call, asked) or self.replies(call, asked)
        cached = self._cached(call, asked, made[0].input_tokens)
        head = {"id": f"chatcmpl-{call.reference}", "created": self.now(), "model": body["model"]}
        ids = [[self.new_id("call_") for _ in reply.tool_calls] for reply in made]
        given, output_tokens = made[0].input_tokens, sum(reply.output_tokens for reply in made)
        meta = self.book_text(call, given, output_tokens)
        self.remember_search(call, head["id"], asked)
        chosen = ROUTERS.get(body["model"])
        if chosen is not None:
            head["model"] = chosen.rsplit("/", 1)[-1]
            meta = {**meta, "model": chosen, "provider": chosen.split("/")[0], "metrics": {"judged_ms": 27_000}}
            self.book(call, body["model"], JUDGEMENT_USD)
        spoken = "audio" in (body.get("modalities") or ())
        found = sources.sources(sources.question(asked)) if sources.searches_in_chat(body) else []
        head |= sources.beside_choices(body, found) if found else {}
        marks = [sources.url_citations(body, found, reply.text or "") for reply in made]
        if body.get("stream"):
            told = chat_format.chunks(
                head, made, ids, self.shape, body, cached, closing={"meta": meta}, annotations=marks
            )
            return Answer.events(told)
        answer = chat_format.completion(head, made, ids, self.shape, body, cached)
        for choice, marked in zip(answer["choices"], marks, strict=True):
            if marked and choice["message"]["content"]:
                choice["message"]["annotations"] = marked
        answer["usage"]["prompt_tokens_details"]["audio_tokens"] = _audio_in(asked)
        if spoken:
            self._speak(answer, body)
        priced = self._priced(Answer.json({**answer, "meta": meta}), meta)
        if chosen is not None:
            priced.headers |= {"x-aimlapi-model": chosen, "x-aimlapi-provider": meta["provider"]}
        return priced

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
            data.append(
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": embeddings.as_base64(vector) if packed else list(vector),
                }
            )
        given = sum(tokens.count(text) for text in texts)
        meta = self.book_text(call, given, 0)
        usage = {"prompt_tokens": given, "total_tokens": given}
        return self._priced(
            Answer.json({"object": "list", "model": body["model"], "data": data, "usage": usage, "meta": meta}), meta
        )

    def _cached(self, call: Call, asked: Conversation, given: int) -> int:
        """How many tokens at the start of the prompt this key has sent before, in blocks, from 1024 tokens on."""
        if given < _CACHE_LEAST:
            return 0
        pieces = tokens.split("\n".join(turn.text for turn in asked.turns))
        known: set[int] = self.records["prompts"].setdefault(call.key, set())
        matched, digest, going = 0, 0, True
        for start in range(0, len(pieces) - _CACHE_BLOCK + 1, _CACHE_BLOCK):
            digest = zlib.crc32("".join(pieces[start : start + _CACHE_BLOCK]).encode("utf-8", "replace"), digest)
            going = going and digest in known
            matched += _CACHE_BLOCK if going else 0
            known.add(digest)
        return matched if matched >= _CACHE_LEAST else 0

    def _speak(self, answer: dict[str, Any], body: dict[str, Any]) -> None:
        """Say the answer aloud: the audio replaces the text, which becomes its transcript."""
        from multiapi.simulator import media

        form = (body.get("audio") or {}).get("format", "wav")
        mime_type = {"mp3": "audio/mpeg", "pcm16": "audio/pcm"}.get(form, f"audio/{form}")
        for choice in answer["choices"]:
            text = choice["message"]["content"]
            if text:
                audio = base64.b64encode(media.speak(text, mime_type)).decode()
                choice["message"]["content"] = None
                choice["message"]["audio"] = {
                    "id": self.new_id("audio_"),
                    "data": audio,
                    "transcript": text,
                    "expires_at": self.now() + 3600,
                }
        made = answer["usage"]["completion_tokens"]
        answer["usage"]["completion_tokens_details"]["audio_tokens"] = made // 2

    def on_createResponse(self, call: Call) -> Answer:  # noqa: N802
        """The Responses protocol; a stored response can be gone on from."""
        self.require_money(call)
        self._known(call)
        body = call.body
        earlier: tuple[Turn, ...] = ()
        if before := body.get("previous_response_id"):
            stored = self.records["responses"].get(before)
            if stored is None or stored["owner"] != call.key:
                raise Refusal(400, f"Previous response with id '{before}' not found.", bare=True)
            earlier = stored["turns"]
        asked = responses_format.conversation(body, earlier)
        made = self.reply(call, asked)
        meta = self.book_text(call, made.input_tokens, made.output_tokens)
        head = {"id": f"resp_{call.reference}", "created_at": self.now(), "model": body["model"]}
        extra = {
            "output_text": made.text,
            "previous_response_id": before,
            "background": bool(body.get("background")),
            "meta": meta,
        }
        searched = sources.has_tool(body, "web_search_preview")
        found = sources.sources(sources.question(asked)) if searched and made.text and not made.refusal else []
        whole = responses_format.response(head, made, body, self.new_id, extra, found)
        if body.get("store"):
            turns = tuple(turn for turn in asked.turns if turn.role != "system")
            self.records["responses"][whole["id"]] = {
                "owner": call.key,
                "turns": (*turns, Turn("assistant", made.text or "")),
            }
        if body.get("stream"):
            return Answer.events(responses_format.events(whole, made))
        return self._priced(Answer.json(whole), meta)

    def on_createMessage(self, call: Call) -> Answer:  # noqa: N802
        """The Anthropic protocol."""
        self.require_money(call)
        self._known(call)
        body = call.body
        asked = messages_format.conversation(body)
        made = self.reply(call, asked)
        query = sources.question(asked)
        found = (
            sources.sources(query) if sources.has_tool(body, "web_search_2") and made.text and not made.refusal else []
        )
        meta = self.book_text(call, made.input_tokens, made.output_tokens)
        head = {"id": f"msg_{call.reference}", "model": body["model"].rsplit("/", 1)[-1]}
        whole = {**messages_format.message(head, made, self.new_id, body, found, query), "meta": meta}
        if body.get("stream"):
            return Answer.events(messages_format.events(whole, made))
        return self._priced(Answer.json(whole), meta)

    # -------------------------------------------------------------- catalogue

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The catalogue, filtered."""
        found = [_listed(entry) for entry in aimlapi_catalogue().values() if entry["status"] == "current"]
        found += [_newer(model) for model in newer(self.contract)]
        wanted = {
            name: _values(call, name)
            for name in ("id", "type", "tags", "modalities", "input_modalities", "output_modalities", "capabilities")
        }
        found = [
            model
            for model in found
            if all(not values or values & _offered(model, name) for name, values in wanted.items())
        ]
        shown = [_included(call, model) for model in found]
        answer = Answer.json({"object": "list", "data": shown})
        tag = f'"{zlib.crc32(answer.body):08x}"'
        if call.request.headers.get("if-none-match") == tag:
            return Answer(304, {"etag": tag})
        answer.headers["etag"] = tag
        return answer

    def on_getModel(self, call: Call) -> Answer:  # noqa: N802
        """One model by id or alias."""
        wanted = call.path["id"].lower()
        for entry in aimlapi_catalogue().values():
            if wanted in (entry["id"].lower(), str(entry.get("schema_id", "")).lower()):
                return Answer.json({"object": "model", "data": _included(call, _listed(entry))})
        for model in newer(self.contract):
            if wanted == model.lower():
                return Answer.json({"object": "model", "data": _included(call, _newer(model))})
        raise Refusal(404, f"Model {call.path['id']} not found", bare=True)

    def serves(self, operation: Operation) -> bool:
        """The documents of models: no page names their route, and every row of the list links it."""
        return operation.id == "getModelDocument"

    def on_getModelDocument(self, call: Call) -> Answer:  # noqa: N802
        """What one model takes; withdrawn models have none."""
        model = call.query["model"]
        found = None if model in _withdrawn(self.contract) else document(self.contract, model)
        if found is None:
            raise Refusal(404, f"Model {model} not found", bare=True)
        return Answer.json(found)

    def on_listModelDeprecations(self, call: Call) -> Answer:  # noqa: N802
        """The feed of models that are deprecated, superseded or withdrawn; the tag is over `data` only."""
        found = _deprecations(self.contract)
        known = {"deprecated", "superseded", "withdrawn"}
        wanted = {
            part.strip().lower() for text in call.request.query.get("status", []) for part in text.split(",")
        } & known
        if wanted:
            found = [entry for entry in found if entry["status"] in wanted]
        since = call.request.query.get("since", [""])[-1]
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", since):
            found = [entry for entry in found if max(entry["deprecated_at"] or "", entry["shutdown_at"] or "") >= since]
        tag = f'W/"{zlib.crc32(orjson.dumps(found)):08x}"'
        headers = {"etag": tag, "cache-control": "public, max-age=300"}
        if call.request.headers.get("if-none-match") == tag:
            return Answer(304, headers)
        answer = Answer.json({"object": "list", "generated_at": iso(self.simulator.clock.now()), "data": found})
        answer.headers.update(headers)
        return answer

    def on_getModelMetrics(self, call: Call) -> Answer:  # noqa: N802
        """How fast the models were in the last five minutes, as far as they were used."""
        for name in call.request.query:
            if name != "aliases":
                raise Refusal(400, f"Unrecognized key(s) in object: '{name}'")
        now = self.simulator.clock.now()
        wanted = call.query.get("aliases")
        used: dict[str, list[float]] = {}
        for entry in self.simulator.log:
            if (
                entry.vendor == self.name
                and entry.operation == "createChatCompletion"
                and entry.status == 200
                and entry.at > now - 300
            ):
                used.setdefault(entry.model, []).append(entry.took_ms)
        models = [
            {
                "alias": model,
                "endpoint": "/v1/chat/completions",
                "metrics": {"ttft_ms": _percentiles(took), "duration_ms": _percentiles(took)},
            }
            for model, took in used.items()
            if wanted is None or model in wanted
        ]
        return Answer.json({"window_seconds": 300, "generated_at": iso(now), "models": models})


@cache
def _deprecations(contract: Contract) -> list[dict[str, Any]]:
    """The entries of the contract's example, and what the catalogue calls deprecated, superseded or withdrawn; newest first."""
    found: dict[str, dict[str, Any]] = {}
    for _, _, _, value in contract.operations["listModelDeprecations"].response_examples():
        found.update((entry["id"], entry) for entry in value.get("data", ()))
    named = {name for entry in found.values() for name in (entry["id"], *entry["aliases"])}
    for entry in aimlapi_catalogue().values():
        status = entry["status"]
        if status in ("deprecated", "superseded", "withdrawn") and entry["id"] not in named:
            found[entry["id"]] = {
                "id": entry["id"],
                "aliases": [],
                "status": status,
                "deprecated_at": entry.get("deprecated_at"),
                "shutdown_at": None,
                "replaced_by": entry.get("replaced_by"),
                "reason": {"superseded": "consolidated", "withdrawn": "provider_delisted"}.get(status, "unknown"),
            }
    ordered = sorted(found.values(), key=lambda entry: str(entry["id"]))
    return sorted(ordered, key=lambda entry: entry["deprecated_at"] or "", reverse=True)


@cache
def _withdrawn(contract: Contract) -> frozenset[str]:
    """All names of models that answer 404."""
    gone = [entry for entry in _deprecations(contract) if entry["status"] == "withdrawn"]
    return frozenset(name for entry in gone for name in (entry["id"], *entry["aliases"]))


def _percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"p{share}": round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 3) for share in (50, 75, 90, 99)
    }


def _included(call: Call, model: dict[str, Any]) -> dict[str, Any]:
    include = _values(call, "include")
    everything = "all" in include or call.query.get("details") in ("true", "1")
    optional = ("modalities", "capabilities", "pricing")
    return {name: value for name, value in model.items() if name not in optional or everything or name in include}


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


def _units(family: str, entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Prices in the form of the live rows: units that `origin` tells apart, and `content` where it is not text."""
    if family in ("text", "embedding"):
        price = price_of("aimlapi", entry["id"])
        named = (("provided", price.input), ("generated", price.output), ("cached", price.cached_input))
        priced = [(origin, "text", float(amount)) for origin, amount in named]
        if family == "embedding":
            priced = priced[:1]
        elif "audio" in entry["input"]:
            priced.append(("provided", "audio", float(price.input * 16)))
        return [
            {"type": "charge", "name": "token", "content": content, "origin": origin, "price": amount, "per": 1_000_000}
            for origin, content, amount in priced
        ]
    name, asked, per = {
        "video": ("second", 0.05, 1),
        "stt": ("second", 0.0001, 1),
        "tts": ("character", 0.015, 1000),
        "music": ("second", 0.002, 1),
    }.get(family, ("request", 0.04, 1))
    return [{"type": "charge", "name": name, "price": asked, "per": per}]


def _newer(model: str) -> dict[str, Any]:
    """The row of a chat model that is newer than the catalogue."""
    return _listed(
        {"id": model, "family": "text", "endpoint": "POST /v1/chat/completions", "input": ["text"], "developer": ""}
    )


def _listed(entry: dict[str, Any]) -> dict[str, Any]:
    """A model as the catalogue shows it."""
    family = entry["family"]
    capabilities = {
        "text": [
            "streaming",
            "structured_output",
            *(["tools"] if "tools" not in entry.get("lacks", []) else []),
            *(["vision"] if "image" in entry["input"] else []),
        ],
        "video": ["text_to_video" if "text" in entry["input"] else "image_to_video"],
        "music": ["audio_generation"],
    }.get(family, [])
    aliases = [entry["schema_id"]] if entry.get("schema_id") else []
    units = _units(family, entry)
    kind = _TYPES.get(entry["endpoint"] or "", "openai/chat-completions")
    return {
        "id": entry["id"],
        "type": kind,
        "aliases": aliases,
        "info": {
            "name": entry["id"].split("/")[-1],
            "developer": entry.get("developer") or "unknown",
            "docsJson": address(entry["id"], kind),
        },
        "tags": [f"playground:{'chat' if family == 'text' else family}"],
        "modalities": {"input": entry.get("input") or ["text"], "output": [_OUTPUTS.get(family, "text")]},
        "capabilities": capabilities,
        "pricing": {
            "kind": "fixed",
            "currency": "USD",
            "units": units,
        },
    }
