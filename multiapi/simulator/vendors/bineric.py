"""Bineric: one chat operation for everything, its own form, and a platform with usage figures."""

import base64
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from multiapi.simulator.contract import Operation
from multiapi.simulator.exchange import DONE, Answer, Pause, Piece, Request, event
from multiapi.simulator.files import extension
from multiapi.simulator.ledger import Charge, day_start, iso, number
from multiapi.simulator.minds import tokens
from multiapi.simulator.minds.conversation import Conversation, Reply, Turn, from_url
from multiapi.simulator.minds.saying import pieces_of
from multiapi.simulator.vendors.vendor import EMPTY_WALLET, Call, Refusal, Vendor, money

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
    reference_prefix = "req_"

    def key_of(self, request: Request) -> str | None:
        """The key is sent as it is, in a header of its own."""
        return request.headers.get("api-key", "").strip() or None

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """The envelope with `success: false`."""
        kind = refusal.details.get("kind") or _TYPES.get(refusal.status, "ProcessingError")
        if refusal.status == 500 and request.path == "/media/base64":
            kind = "ConversionError"
        error = {"type": kind, "message": refusal.message, "code": refusal.status}
        if kind == "ConversionError":
            error["details"] = refusal.details.get("details", refusal.message)
        return Answer.json({"success": False, "request_id": self.new_id("req_", 10), "error": error}, refusal.status)

    def refused_model(self, model: str, hint: str) -> Refusal:
        """A model that is not there is a wrong request here."""
        return Refusal(400, f"Unknown model {model}{hint}")

    def on_listModels(self, call: Call) -> Answer:  # noqa: N802
        """The catalogue."""
        listed = self.contract.document["x-known-models"]["models"]
        data = [_model(entry) for entry in listed]
        return Answer.json({"success": True, "count": len(data), "data": data})

    def on_createChatCompletion(self, call: Call) -> Answer:  # noqa: N802
        """Chat; the model decides whether it is text, speech, a transcript or an image."""
        model = call.body["model"]
        self.known(model)
        if call.key != FREE_KEY:
            self.require_money(call)
        made = self._made(call, model)
        if call.fault is not None and "openai-style" in call.fault:
            self.book(call, model, Decimal(0), input_tokens=made.input_tokens, output_tokens=made.output_tokens)
            return Answer.json({"choices": [{"message": {"role": "assistant", "content": made.text}}]})
        if "choices" in self.simulator.as_seen and not call.body.get("stream"):
            return self._in_choices(call, model, made)
        return self._answer(call, model, made)

    def _in_choices(self, call: Call, model: str, made: Reply) -> Answer:
        """OpenAI's form, with sound as an object and the phrases of a transcript beside it (seen, grade B)."""
        self._answer(call, model, made)  # booked as ever
        content: Any = made.text or ""
        more: dict[str, Any] = {}
        if model == "text-to-speech":
            content = {"audioContent": content, "metadata": {"format": "mp3"}}
        elif model == "speech-to-text":
            more = {"phrases": _phrases(content)}
        message = {"role": "assistant", "content": content}
        choices = [{"index": 0, "message": message, "finish_reason": made.finish_reason}]
        return Answer.json({"model": model, "choices": choices, "_bineric": more})

    def _made(self, call: Call, model: str) -> Reply:
        """What the model makes of the request: speech, a transcript, an image, or text."""
        from multiapi.simulator import media

        asked = conversation(call.body)
        last = asked.turns[-1]
        if model == "text-to-speech":
            options = call.body.get("options") or {}
            rate = float(options["rate"]) if re.fullmatch(r"\d+(\.\d+)?", options.get("rate", "")) else 1.0
            audio = media.speak(last.text, "audio/mpeg", rate=rate or 1.0)
            self.simulator.keep(self.name, "audio/mpeg", audio, last.text)
            return Reply(_data_url("audio/mp3", audio), input_tokens=tokens.count(last.text))
        if model == "stability-ai":
            image = media.draw_image(last.text, 1024, 1024)
            self.simulator.keep(self.name, "image/png", image, last.text)
            return Reply(_data_url("image/png", image), input_tokens=tokens.count(last.text))
        if model == "speech-to-text":
            recordings = [file.data for file in last.attachments if file.data and file.mime_type.startswith("audio/")]
            if not recordings:
                raise Refusal(400, "speech-to-text needs an audio attachment")
            try:
                text = "\n".join(media.transcribe(data).text for data in recordings)
            except ValueError as error:
                raise Refusal(400, f"The audio cannot be read: {error}") from None
            return Reply(text, input_tokens=50, output_tokens=tokens.count(text))
        return self.reply(call, asked)

    def check(self, call: Call) -> None:
        """The sizes of attachments in bytes, pixels and pages, and paid features of free accounts."""
        if call.operation.id != "createChatCompletion":
            return
        if call.key == FREE_KEY and call.body["model"] in ("stability-ai", "text-to-speech"):
            raise Refusal(403, "This feature needs a paid account")
        limits = self.contract.document["x-limits"]
        for message in call.body["messages"]:
            for url in message.get("attachments") or ():
                size_mb = len(url) * 3 / 4 / 1_000_000
                family = {"image": "chat_image", "audio": "chat_audio"}.get(url[5:].split("/")[0], "chat_document")
                if size_mb > limits[family]["max_file_mb"]:
                    raise Refusal(400, f"File size exceeds {limits[family]['max_file_mb']}MB")
                _check_extent(from_url(url, "application/octet-stream").data or b"", family, limits[family])

    def after_refusal(
        self, answer: Answer, refusal: Refusal, operation: Operation | None, key: str | None, request: Request
    ) -> None:
        """Failed calls are not in the figures of this vendor."""

    # -------------------------------------------------------------- files

    def on_convertFileToBase64(self, call: Call) -> Answer:  # noqa: N802
        """One uploaded file as base64."""
        uploaded = call.files.get("file", [])
        if len(uploaded) != 1:
            raise Refusal(400, "Exactly one file is needed")
        file = uploaded[0]
        if len(file.data) > 50_000_000:
            raise Refusal(400, "File size exceeds 50MB")
        ending = file.name.rpartition(".")[2].lower() if "." in file.name else extension(file.mime_type)
        limits = self.contract.document["x-limits"]["file_conversion"]
        category = next((kind for kind in ("image", "document", "audio") if ending in limits[kind]), None)
        if category is None:
            raise Refusal(400, f"Files of type .{ending} are not supported")
        if not file.data:
            raise Refusal(500, "Failed to convert file", kind="ConversionError", details="The file is empty")
        text = _data_url(_mime_type(ending, file.mime_type), file.data)
        data = {
            "base64String": text,
            "originalName": file.name,
            "fileInfo": {
                "extension": f".{ending}",
                "mimeType": _mime_type(ending, file.mime_type),
                "category": category,
            },
            "size": {"original": len(file.data), "base64": len(text.partition(",")[2])},
        }
        return Answer.json({"success": True, "request_id": call.reference, "data": data})

    def on_decodeBase64(self, call: Call) -> Answer:  # noqa: N802
        """The file that base64 stands for, with the media type that its bytes show."""
        text = call.body["data"].partition(",")[2] if call.body["data"].startswith("data:") else call.body["data"]
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            raise Refusal(400, "Invalid base64 data") from None
        mime_type = sniffed(data)
        name = f"file_{call.reference[4:14]}.{extension(mime_type)}"
        return Answer(200, {"content-type": mime_type, "content-disposition": f'inline; filename="{name}"'}, data)

    # -------------------------------------------------------------- figures

    def on_getUsageStatistics(self, call: Call) -> Answer:  # noqa: N802
        """Usage per model over a period; without dates it is the last thirty days."""
        now = self.simulator.clock.now()
        today = day_start(now)
        start = _day(call.query["startDate"]) if "startDate" in call.query else today - 29 * 86400
        end = _day(call.query["endDate"]) if "endDate" in call.query else today
        if start > end:
            raise Refusal(400, "startDate must not be after endDate")
        account = self.account(call.key)
        charges = account.between(start, end + 86400)
        by_model = [
            {
                "model": model,
                "usage": {
                    "input_tokens": sum(charge.input_tokens for charge in made),
                    "output_tokens": sum(charge.output_tokens for charge in made),
                    "total_cost": _cost(made),
                    "request_count": len(made),
                },
            }
            for model, made in account.by_model(charges)
        ]
        total = {
            "total_cost": _cost(charges),
            "total_tokens": sum(charge.input_tokens + charge.output_tokens for charge in charges),
            "total_requests": len(charges),
        }
        period = {"start": iso(start)[:10], "end": iso(end)[:10]}
        return Answer.json({"success": True, "data": {"by_model": by_model, "total_usage": total, "period": period}})

    def on_getDailyUsage(self, call: Call) -> Answer:  # noqa: N802
        """Today's figures."""
        account, today = self._today(call)
        last = account.charges[-1] if account.charges else None
        shown = None if last is None else {"time": iso(last.at), "model": last.model, "cost": number(last.amount)}
        usage = {
            "requests": len(today),
            "input_tokens": sum(charge.input_tokens for charge in today),
            "output_tokens": sum(charge.output_tokens for charge in today),
            "total_cost": _cost(today),
        }
        status = self._payment(call, "expires_at")
        return Answer.json(
            {"success": True, "data": {"payment_status": status, "today_usage": usage, "last_request": shown}}
        )

    def on_getBalance(self, call: Call) -> Answer:  # noqa: N802
        """The balance with the figures of the day and of all time."""
        account, today = self._today(call)
        given = sum(charge.input_tokens for charge in account.charges)
        made = sum(charge.output_tokens for charge in account.charges)
        daily_tokens = {
            "input": sum(charge.input_tokens for charge in today),
            "output": sum(charge.output_tokens for charge in today),
        }
        data = {
            "balance": number(account.balance),
            "inputTokens": given,
            "outputTokens": made,
            "lastUpdated": iso(account.charges[-1].at if account.charges else account.opened_at),
            "payment_status": self._payment(call, "expires"),
            "usage": {
                "daily": {"requests": len(today), "tokens": daily_tokens, "cost": _cost(today)},
                "total": {"input_tokens": given, "output_tokens": made},
            },
        }
        return Answer.json({"success": True, "data": data})

    def _today(self, call: Call) -> tuple[Any, list[Charge]]:
        account = self.account(call.key)
        start = day_start(self.simulator.clock.now())
        return account, account.between(start, start + 86400)

    def _payment(self, call: Call, name: str) -> dict[str, Any]:
        """Whether the account is paid; the two operations call the end of that differently."""
        if call.key in (FREE_KEY, EMPTY_WALLET):
            return {"active": False}
        return {"active": True, name: iso(self.account(call.key).opened_at + 365 * 86400)}

    def _answer(self, call: Call, model: str, made: Reply) -> Answer:
        price = money(made.input_tokens * _INPUT / 1000 + made.output_tokens * _OUTPUT / 1000)
        price = Decimal(0) if call.key == FREE_KEY else price
        self.book(call, model, price, input_tokens=made.input_tokens, output_tokens=made.output_tokens)
        usage = self._usage(call, made, price)
        text = made.text or ""
        if call.body.get("stream"):
            pieces: list[Piece] = [
                event({"text": piece}) if isinstance(piece, str) else Pause(piece) for piece in pieces_of(made)
            ]
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
            tuple(from_url(url, "application/octet-stream") for url in message.get("attachments") or ()),
        )
        for message in body["messages"]
    )
    limit = (body.get("options") or {}).get("max_tokens") or body.get("max_tokens")
    return Conversation(body["model"], turns, max_tokens=limit)


def _phrases(text: str) -> list[dict[str, str]]:
    """One phrase for each sentence, a second for every twelve characters; times are ISO 8601 durations."""
    found, start = [], 0.1
    for sentence in filter(None, re.split(r"(?<=[.!?])\s+|\n", text)):
        length = max(0.1, round(len(sentence) / 12, 1))
        found.append({"text": sentence, "startTime": f"PT{start:.1f}S", "duration": f"PT{length:.1f}S"})
        start += length
    return found


def _check_extent(data: bytes, family: str, limits: dict[str, Any]) -> None:
    """Refuse pictures with too many pixels a side and documents with too many pages; what cannot be read is not measured."""
    from multiapi.simulator import media

    try:
        if family == "chat_image":
            width, height = (int(side) for side in limits["max_dimensions"].split("x"))
            facts = media.describe_image(data)
            if facts.width > width or facts.height > height:
                raise Refusal(400, f"Image dimensions exceed {limits['max_dimensions']}")
        elif family == "chat_document" and media.page_count(data) > limits["max_pages"]:
            raise Refusal(400, f"Document exceeds {limits['max_pages']} pages")
    except ValueError:
        return


def _data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def _cost(charges: list[Charge]) -> float | int:
    return number(sum((charge.amount for charge in charges), Decimal(0)))


def _day(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


_ENDINGS = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "csv": "text/csv",
}

_SIGNS = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"PK\x03\x04", "application/zip"),
)


def _mime_type(ending: str, sent: str) -> str:
    return _ENDINGS.get(ending) or (sent if "/" in sent else "application/octet-stream")


def sniffed(data: bytes) -> str:
    """The media type that the first bytes of a file show."""
    for sign, mime_type in _SIGNS:
        if data.startswith(sign):
            return mime_type
    if data[:4] == b"RIFF":
        return "image/webp" if data[8:12] == b"WEBP" else "audio/wav"
    if data[4:8] == b"ftyp":
        return "video/mp4"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


def _model(entry: dict[str, Any]) -> dict[str, Any]:
    image = entry["kind"] == "image"
    vision = "vision" in entry["tags"]
    pricing = (
        {"cost_per_image": "0.04", "currency": "USD"}
        if image
        else {"input": "0.005", "output": "0.015", "currency": "USD"}
    )
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
