"""Binobox: lean answers, media as base64 in JSON, video as a job, and every price in diamonds."""

import base64
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode

from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.files import StoredFile
from multiapi.simulator.jobs import FINAL, Job
from multiapi.simulator.ledger import Account, iso, number
from multiapi.simulator.vendors import chat_format
from multiapi.simulator.vendors.vendor import Call, Refusal, Vendor, money

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
    sends_retry_after = True
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

    def check(self, call: Call) -> None:
        """The scopes of the key: one called `only-chat-image` has these two and no other."""
        scope = call.operation.spec.get("x-scope")
        if scope is not None and scope not in scopes(call.key):
            raise Refusal(403, f"Scope {scope} is not enabled for this key")

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The models, with the least that a call costs."""
        data = [
            {
                "id": model,
                "object": "model",
                "owned_by": owner,
                "capabilities": [scope],
                "min_cost_diamonds": float(price),
            }
            for model, owner, scope, price in MODELS
            if scope in scopes(call.key)
        ]
        return Answer.json({"object": "list", "data": data})

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Text chat; no streaming is documented, so `stream` changes nothing."""
        model = self._model(call, "chat")
        least = self._price(model, "chat")
        self.require_money(call, least)
        made = self.reply(call, chat_format.conversation(_plain(call.body)))
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

    # -------------------------------------------------------------- media

    def on_createImage(self, call: Call) -> Answer:  # noqa: N802
        """Images, as many as asked for, in the shape asked for."""
        from multiapi.simulator import media

        settings = call.body.get("settings") or {}
        count = settings.get("numberOfImages", 1)
        if count > 8:
            raise Refusal(400, "settings.numberOfImages must be at most 8")
        width, height = _shape(settings.get("aspectRatio", "1:1"))
        model, price, _ = self._paid(call, "image", count)
        images = [media.draw_image(call.body["prompt"], width, height) for _ in range(count)]
        account = self.book(call, model, price)
        data = [self._item("image/png", image, call.body["prompt"]) for image in images]
        return Answer.json({"created": self.now(), "data": data, "binobox": charge(price, account.balance)})

    def on_createSpeech(self, call: Call) -> Answer:  # noqa: N802
        """Speech as MP3."""
        from multiapi.simulator import media

        model, price, _ = self._paid(call, "audio")
        audio = media.speak(call.body["input"])
        account = self.book(call, model, price)
        data = [self._item("audio/mpeg", audio, call.body["input"])]
        binobox = charge(price, account.balance)
        return Answer.json({"object": "audio.speech", "model": model, "data": data, "binobox": binobox})

    def on_createMusic(self, call: Call) -> Answer:  # noqa: N802
        """Music of the asked length."""
        from multiapi.simulator import media

        length_s = (call.body.get("settings") or {}).get("duration", 30)
        if length_s > 300:
            raise Refusal(400, "settings.duration must be at most 300")
        model, price, _ = self._paid(call, "music")
        audio = media.compose_music(call.body["prompt"], length_s)
        account = self.book(call, model, price)
        return Answer.json(
            {
                "object": "audio.music",
                "model": model,
                "duration": length_s,
                "data": [self._item("audio/mpeg", audio, call.body["prompt"])],
                "binobox": charge(price, account.balance),
            }
        )

    def _item(self, mime_type: str, data: bytes, about: str) -> dict[str, str]:
        self.simulator.keep(self.name, mime_type, data, about)
        return {"b64_json": base64.b64encode(data).decode(), "mime_type": mime_type}

    def _paid(self, call: Call, scope: str, count: int = 1) -> tuple[str, Decimal, Account]:
        model = self._model(call, scope)
        price = self._price(model, scope) * count
        return model, price, self.require_money(call, price)

    # -------------------------------------------------------------- jobs

    def on_createVideo(self, call: Call) -> Answer:  # noqa: N802
        """Start a video; it is charged when it is done."""
        length_s = (call.body.get("settings") or {}).get("duration", 5)
        if length_s > 60:
            raise Refusal(400, "settings.duration must be at most 60")
        model, price, account = self._paid(call, "video")
        now = self.simulator.clock.now()
        mine = [job for job in self.simulator.jobs.all.values() if job.vendor == self.name and job.key == call.key]
        if sum(job.state(now) not in FINAL for job in mine) >= MAX_PENDING_VIDEOS:
            raise Refusal(429, "Too many pending video jobs", retry_after_s=5)
        prompt = call.body["prompt"]
        job = self.start_job(call, "video", self.simulator.new_uuid(), model, lambda: _film(prompt, length_s))
        job.details = {"price": price, "prompt": prompt, "length_s": length_s}
        job.on_completed = lambda done: self._delivered(call, done)
        return Answer.json(
            {
                "object": "video.generation",
                "id": job.id,
                "status": "pending",
                "model": model,
                "estimated_cost_diamonds": number(price),
                "poll_url": f"/api/v1/jobs/{job.id}",
                "binobox": charge(Decimal(0), account.balance),
            }
        )

    def _delivered(self, call: Call, job: Job) -> None:
        """Charge a finished video and sign its file."""
        file = self.simulator.keep(self.name, "video/mp4", job.result, job.details["prompt"])
        file.signature = self.simulator.new_id("", 12)
        file.expires_at = float(int(self.simulator.clock.now()) + 3600)
        job.details["file"] = file
        self.book(call, job.model, job.details["price"])

    def on_getJob(self, call: Call) -> Answer:  # noqa: N802
        """The state of a job of this key."""
        job = self.simulator.jobs.find(call.path["id"], vendor=self.name, kind="video", key=call.key)
        if job is None:
            raise Refusal(404, "Job not found")
        now = self.simulator.clock.now()
        state = job.state(now)
        refunded = job.refunds and state == "failed"
        file: StoredFile | None = job.details.get("file")
        output = None
        if file is not None:
            url = self.simulator.url_of(file, call.request, f"/video/{iso(file.made_at)[:10]}")
            query = urlencode({"e": int(file.expires_at), "s": file.signature})
            output = {
                "url": url,
                "signed_url": f"{url}?{query}",
                "mime_type": file.mime_type,
                "size_bytes": len(file.data),
                "duration_seconds": job.details["length_s"],
            }
        failed = {"message": "The video could not be made", "code": "GENERATION_FAILED"}
        return Answer.json(
            {
                "object": "job",
                "id": job.id,
                "type": "video",
                "status": {"queued": "pending", "running": "processing"}.get(state, state),
                "model": job.model,
                "provider": "google",
                "estimated_cost_diamonds": number(job.details["price"]),
                "charged_cost_diamonds": number(job.details["price"]) if state == "completed" or refunded else None,
                "refunded_cost_diamonds": number(job.details["price"]) if refunded else None,
                "output": output,
                "error": failed if state == "failed" else None,
                "created_at": iso(job.created_at),
                "started_at": iso(job.started_at) if now >= job.started_at else None,
                "completed_at": iso(job.ended_at) if state in FINAL else None,
            }
        )

    def on_getUsage(self, call: Call) -> Answer:  # noqa: N802
        """The last thirty days of this key."""
        now = self.simulator.clock.now()
        self.simulator.jobs.update_all(self.name, call.key, now)
        account = self.account(call.key)
        charges = account.between(now - 30 * 86400, now + 1)
        good = sum(charge.ok for charge in charges)
        return Answer.json(
            {
                "object": "usage",
                "period_days": 30,
                "request_count": len(charges),
                "success_count": good,
                "error_count": len(charges) - good,
                "diamonds_charged": number(sum((charge.amount for charge in charges), Decimal(0))),
                "balance_remaining": number(account.balance),
            }
        )

    def _model(self, call: Call, scope: str) -> str:
        """The model, which must fit the scope of the operation."""
        model = str(call.body["model"])
        others = {name for name, _, other, _ in MODELS if other != scope}
        if model in others:
            raise Refusal(403, f"Model {model} is not available for the scope {scope}", code="FORBIDDEN_MODEL")
        self.known(model)
        return model

    def listed_models(self) -> frozenset[str]:
        """Those of the list."""
        return frozenset(_PRICES)

    def refused_model(self, model: str, hint: str) -> Refusal:
        """A model that is not there is forbidden here."""
        return Refusal(403, f"Model {model} is not available{hint}", code="FORBIDDEN_MODEL")

    def _price(self, model: str, scope: str) -> Decimal:
        return _PRICES.get(model, _SCOPE_PRICES[scope])


MAX_PENDING_VIDEOS = 3
SCOPES = frozenset({"chat", "image", "audio", "music", "video"})


def scopes(key: str) -> frozenset[str]:
    """What a key may be used for."""
    return SCOPES & set(key.split("-")[1:]) if key.startswith("only-") else SCOPES


def _film(prompt: str, length_s: float) -> bytes:
    from multiapi.simulator import media

    return media.film(prompt, length_s)


def _shape(ratio: str) -> tuple[int, int]:
    """Width and height in pixels of an aspect ratio, about a megapixel."""
    across, down = (max(1, int(part)) for part in ratio.split(":"))
    scale = (1024 * 1024 / (across * down)) ** 0.5
    return max(64, min(4096, round(across * scale / 8) * 8)), max(64, min(4096, round(down * scale / 8) * 8))


def charge(amount: Decimal, balance: Decimal) -> dict[str, Any]:
    """What every paid answer says about its price."""
    return {"diamonds_charged": number(amount), "balance_remaining": number(balance)}


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """Only the documented fields: what is not documented has no effect."""
    return {name: body[name] for name in ("model", "messages", "max_tokens", "temperature") if name in body}
