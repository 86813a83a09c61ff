"""AI/ML API's account: balance, ledger, usage, logs, keys, batches and files."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.jobs import Job
from multiapi.simulator.ledger import Account, Charge, day_start, iso, number
from multiapi.simulator.prices import price_of
from multiapi.simulator.vendors import messages_format
from multiapi.simulator.vendors.aimlapi.shared import CREDITS_PER_USD, Shared
from multiapi.simulator.vendors.vendor import Call, Refusal, money

MANAGEMENT = "management"
_DAY = 86400
_WINDOW_DAYS = 92


class AccountPages(Shared):
    """The operations about money, keys, batches and files."""

    def _up_to_date(self, call: Call) -> Account:
        """The account with every finished job booked."""
        self.simulator.jobs.update_all(self.name, call.key, self.simulator.clock.now())
        return self.account(call.key)

    def _only(self, call: Call, *names: str) -> None:
        """Refuse query parameters that the operation does not know."""
        for name in call.request.query:
            if name not in names:
                raise Refusal(400, f"Unrecognized key(s) in object: '{name}'")

    # -------------------------------------------------------------- balance

    def on_getBalance(self, call: Call) -> Answer:  # noqa: N802
        """The balance in dollars."""
        return Answer.json({"current_balance": number(self._up_to_date(call).balance), "currency": "USD"})

    def on_getBillingDetail(self, call: Call) -> Answer:  # noqa: N802
        """The balance with the account's settings."""
        settings = {"is_enabled": False, "threshold": 0, "amount": 0, "currency": "USD"}
        detail = {
            "user_id": 1,
            "email": "user@example.com",
            "current_balance": number(self._up_to_date(call).balance),
            "currency": "USD",
            "autotopup_settings": settings,
        }
        return Answer.json(detail)

    def on_getBalanceLegacy(self, call: Call) -> Answer:  # noqa: N802
        """The balance in credits."""
        balance = int(self._up_to_date(call).balance * CREDITS_PER_USD)
        low = balance < 10_000
        return Answer.json(
            {
                "balance": balance,
                "lowBalance": low,
                "lowBalanceThreshold": 10_000,
                "lastUpdated": iso(self.simulator.clock.now()),
                "autoDebitStatus": "disabled",
                "status": "current",
                "statusExplanation": "Balance is low" if low else "Balance is current and up to date",
            }
        )

    def on_listTransactions(self, call: Call) -> Answer:  # noqa: N802
        """The ledger, newest first; a cursor goes on where a page ended."""
        self._only(call, "from", "to", "direction", "type", "limit", "cursor")
        if call.key.startswith(MANAGEMENT):
            raise Refusal(403, "Management keys cannot read transactions")
        account = self._up_to_date(call)
        rows = [_transaction(charge) for charge in account.charges if charge.ok and charge.amount > 0]
        if account.deposit:
            rows.insert(0, _topup(account))
        start, end = (_moment(call.query[name]) if name in call.query else None for name in ("from", "to"))
        chosen = [
            row
            for at, row in reversed(rows)
            if (start is None or at >= start)
            and (end is None or at <= end)
            and call.query.get("direction") in (None, row["direction"])
            and call.query.get("type") in (None, row["type"])
        ]
        first = _place(call.query["cursor"]) if "cursor" in call.query else 0
        limit = call.query.get("limit", 50)
        more = first + limit < len(chosen)
        cursor = _cursor(first + limit) if more else None
        return Answer.json(
            {"data": chosen[first : first + limit], "pagination": {"next_cursor": cursor, "has_more": more}}
        )

    # -------------------------------------------------------------- usage

    def on_getUsage(self, call: Call) -> Answer:  # noqa: N802
        """What a key spent in a window."""
        self._only(call, "period", "start", "end", "key_prefix")
        return Answer.json(self._usage(call)[0])

    def on_getUsageDetail(self, call: Call) -> Answer:  # noqa: N802
        """The same with a breakdown."""
        self._only(call, "period", "start", "end", "key_prefix", "group_by", "tz")
        usage, charges = self._usage(call)
        zone = _zone(call.query.get("tz", "UTC"))
        account = self.account(call.key)
        usage["models"] = [
            {"model": model, "spend": _spend(made), "requests": sum(charge.ok for charge in made)}
            for model, made in account.by_model(charges)
            if any(charge.ok for charge in made)
        ]
        if group_by := call.query.get("group_by"):
            usage["groups"] = _groups(charges, group_by.split(","), zone)
        return Answer.json(usage)

    def _usage(self, call: Call) -> tuple[dict[str, Any], list[Charge]]:
        account = self._up_to_date(call)
        start, end = self._window(call)
        self._prefix(call)
        charges = account.between(start, end + 0.001)
        usage = {
            "api_key_prefix": call.key[:8],
            "start": iso(start),
            "end": iso(end),
            "spend": _spend(charges),
            "currency": "USD",
            "requests": sum(charge.ok for charge in charges),
        }
        return usage, charges

    def _window(self, call: Call) -> tuple[float, float]:
        now = self.simulator.clock.now()
        query = call.query
        if "period" in query and ("start" in query or "end" in query):
            raise Refusal(400, "Give period, or start and end, not both")
        if "period" in query:
            count, unit = int(query["period"][:-1]), query["period"][-1]
            start, end = now - count * (3600 if unit == "h" else _DAY), now
        elif "start" in query and "end" in query:
            start, end = _moment(query["start"]), _moment(query["end"])
        else:
            raise Refusal(400, "Give period, or start and end")
        if end < start or end - start > _WINDOW_DAYS * _DAY:
            raise Refusal(400, f"The window must be at most {_WINDOW_DAYS} days and must not end before it starts")
        return start, end

    def _prefix(self, call: Call) -> None:
        wanted = call.query.get("key_prefix")
        if wanted not in (None, call.key[:8]) and not call.key.startswith(MANAGEMENT):
            raise Refusal(403, "Another key's usage needs a management key")

    # -------------------------------------------------------------- logs

    def on_listLogs(self, call: Call) -> Answer:  # noqa: N802
        """One row for each request that was made `logs_after` seconds ago or earlier."""
        account = self._up_to_date(call)
        start, end = self._window(call)
        self._prefix(call)
        charges = account.between(start, end + 0.001)[::-1]
        if (wait := self.simulator.logs_after) > 0:
            shown = self.simulator.clock.now() - wait
            charges = [charge for charge in charges if charge.at <= shown]
        if models := call.query.get("model"):
            charges = [charge for charge in charges if charge.model in models]
        if states := call.query.get("status"):
            charges = [charge for charge in charges if ("succeeded" if charge.ok else "failed") in states]
        first, limit = call.query.get("offset", 0), call.query.get("limit", 50)
        page = charges[first : first + limit]
        rows = [
            {
                "created": iso(charge.at),
                "status": "succeeded" if charge.ok else "failed",
                "origin": "api",
                "model": charge.model,
                "cost": _amount(charge.amount),
                "tokens": _tokens([charge]),
                "request_id": charge.reference,
                "inference_id": charge.reference,
                "client_request_id": charge.client_reference or None,
            }
            for charge in page
        ]
        pagination = {"limit": limit, "offset": first, "total": len(charges), "has_more": first + limit < len(charges)}
        return Answer.json({"data": rows, "pagination": pagination})

    # -------------------------------------------------------------- keys

    def _need_management(self, call: Call) -> None:
        if not call.key.startswith(MANAGEMENT):
            raise Refusal(403, "This request requires a management key", bare=True)

    def _key_record(self, key: str) -> dict[str, Any]:
        """What is known of a key that is in use."""
        known: dict[str, dict[str, Any]] = self.records["keys"]
        if key[:8] not in known:
            at = iso(self.account(key).opened_at)
            known[key[:8]] = {
                "name": None,
                "disabled": False,
                "prefix": key[:8],
                "scopes": None,
                "limit": None,
                "created_at": at,
                "updated_at": at,
                "key": key,
            }
        return known[key[:8]]

    def _shown_key(self, record: dict[str, Any]) -> dict[str, Any]:
        now = self.simulator.clock.now()
        month = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
        account = self.accounts.get(record["key"])
        spent = _spend(account.between(month, now + 1)) if account else 0
        return {**{name: value for name, value in record.items() if name != "key"}, "monthly_usage": spent}

    def on_createKey(self, call: Call) -> Answer:  # noqa: N802
        """A new key, shown once."""
        self._need_management(call)
        key = self.new_id("", 32)
        at = iso(self.simulator.clock.now())
        record = {
            "name": call.body.get("name"),
            "disabled": False,
            "prefix": key[:8],
            "scopes": call.body.get("scopes"),
            "limit": call.body.get("limit"),
            "created_at": at,
            "updated_at": at,
            "key": key,
        }
        self.records["keys"][key[:8]] = record
        return Answer.json({"data": {**self._shown_key(record), "key": key}})

    def on_listKeys(self, call: Call) -> Answer:  # noqa: N802
        """All keys, oldest first."""
        self._need_management(call)
        return Answer.json({"data": [self._shown_key(record) for record in self.records["keys"].values()]})

    def on_getKey(self, call: Call) -> Answer:  # noqa: N802
        """The key that this request was made with."""
        return Answer.json({"data": self._shown_key(self._key_record(call.key))})

    def _record_of(self, call: Call) -> dict[str, Any]:
        self._need_management(call)
        record: dict[str, Any] | None = self.records["keys"].get(call.path["prefix"])
        if record is None:
            raise Refusal(404, "Key not found", bare=True)
        return record

    def on_updateKey(self, call: Call) -> Answer:  # noqa: N802
        """Change what is given."""
        record = self._record_of(call)
        record.update(call.body, updated_at=iso(self.simulator.clock.now()))
        return Answer.json({"data": self._shown_key(record)})

    def on_replaceKey(self, call: Call) -> Answer:  # noqa: N802
        """Change everything; what is not given goes back to nothing."""
        record = self._record_of(call)
        record.update({"name": None, "disabled": False, "limit": None, "scopes": None})
        record.update(call.body, updated_at=iso(self.simulator.clock.now()))
        return Answer.json({"data": self._shown_key(record)})

    def on_deleteKey(self, call: Call) -> Answer:  # noqa: N802
        """Delete a key; it is not good any more."""
        record = self._record_of(call)
        record["disabled"] = True
        del self.records["keys"][record["prefix"]]
        self.records["gone"][record["key"]] = True
        return Answer.json({"data": {"prefix": record["prefix"], "deleted": True}})

    def check_key(self, key: str | None) -> None:
        """A key that was disabled or deleted is not good."""
        super().check_key(key)
        assert key is not None
        record = self.records["keys"].get(key[:8])
        if key in self.records["gone"] or (record is not None and record["key"] == key and record["disabled"]):
            raise Refusal(401, "The key is disabled")

    # -------------------------------------------------------------- batches

    def on_createBatch(self, call: Call) -> Answer:  # noqa: N802
        """Take many requests at once, at half the price."""
        self.require_money(call)
        requests = call.body["requests"]
        ids = [entry["custom_id"] for entry in requests]
        if len(set(ids)) != len(ids):
            raise Refusal(400, "requests: custom_id must be unique")

        def work() -> list[dict[str, Any]]:
            return [self._batch_line(call, entry) for entry in requests]

        job = self.start_job(call, "batch", call.reference[:21], requests[0]["params"]["model"], work)
        job.wait_s, job.run_s = 0.0, self.simulator.job_wait_s + self.simulator.job_run_s

        def completed(done: Job) -> None:
            used = [line["result"]["message"]["usage"] for line in done.result if line["result"]["type"] == "succeeded"]
            given, made = (sum(usage[name] for usage in used) for name in ("input_tokens", "output_tokens"))
            price = money(price_of(self.name, done.model).of(given, made) / 2, "0.0000005")
            call.reference = done.id
            self.book(call, done.model, price, input_tokens=given, output_tokens=made)

        job.on_completed = completed
        job.details = {"count": len(requests)}
        return Answer.json(_batch(job, "in_progress"))

    def _batch_line(self, call: Call, entry: dict[str, Any]) -> dict[str, Any]:
        params = entry["params"]
        try:
            made = self.reply(call, messages_format.conversation(params))
        except Refusal as refusal:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": refusal.message}}
            return {"custom_id": entry["custom_id"], "result": {"type": "errored", "error": error}}
        head = {"id": self.new_id("msg_"), "model": params["model"]}
        message = messages_format.message(head, made, self.new_id, params)
        message["usage"]["service_tier"] = "batch"
        return {"custom_id": entry["custom_id"], "result": {"type": "succeeded", "message": message}}

    def on_getBatch(self, call: Call) -> Answer:  # noqa: N802
        """The state of a batch, or its results line by line."""
        job = self._batch_job(call.query["batch_id"], call.key)
        state = job.state(self.simulator.clock.now())
        if state == "completed":
            lines = b"".join(orjson.dumps(line) + b"\n" for line in job.result)
            return Answer(200, {"content-type": "application/x-ndjson"}, lines)
        if state in ("cancelled", "failed"):
            return Answer.json({**_batch(job, "canceling"), "status": "cancelled"})
        return Answer.json({"id": job.id, "status": "generating"})

    def on_cancelBatch(self, call: Call) -> Answer:  # noqa: N802
        """Stop a batch that still runs."""
        job = self._batch_job(call.path["batch_id"], call.key)
        now = self.simulator.clock.now()
        if job.state(now) == "completed":
            raise Refusal(400, "Batch has already ended", bare=True)
        if job.cancelled_at is None:
            job.cancel(now)
        return Answer.json({"id": job.id, "status": "cancelled", "output": None, "usage": []})

    def _batch_job(self, batch_id: str, key: str) -> Job:
        job = self.simulator.jobs.find(batch_id, vendor=self.name, kind="batch", key=key)
        if job is None:
            raise Refusal(404, "Batch not found", bare=True)
        return job

    # -------------------------------------------------------------- files

    def on_uploadFile(self, call: Call) -> Answer:  # noqa: N802
        """Keep a file for the assistants."""
        uploaded = call.files.get("file")
        if not uploaded:
            raise Refusal(400, "file: must be an uploaded file")
        file = uploaded[0]
        record = {
            "id": self.new_id("file_"),
            "object": "file",
            "bytes": len(file.data),
            "created_at": self.now(),
            "filename": file.name,
            "purpose": call.body["purpose"],
            "expires_at": None,
        }
        self.records["files"][record["id"]] = {**record, "owner": call.key, "data": file.data}
        return Answer.json(record)

    def on_getFile(self, call: Call) -> Answer:  # noqa: N802
        """What is known of a file."""
        record = self._file_record(call)
        return Answer.json({name: value for name, value in record.items() if name not in ("owner", "data")})

    def on_deleteFile(self, call: Call) -> Answer:  # noqa: N802
        """Forget a file."""
        record = self._file_record(call)
        del self.records["files"][record["id"]]
        return Answer.json({"id": record["id"], "object": "file", "deleted": True})

    def _file_record(self, call: Call) -> dict[str, Any]:
        record: dict[str, Any] | None = self.records["files"].get(call.path["file_id"])
        if record is None or record["owner"] != call.key:
            raise Refusal(404, "File not found", bare=True)
        return record

    def finish(self, answer: Answer, call: Call) -> None:
        """The ids for tracing."""
        paths = ("/v1/", "/v2/")
        if (
            call.operation.method == "POST"
            and call.operation.path.startswith(paths)
            and "/keys" not in call.operation.path
        ):
            answer.headers.setdefault("x-inference-id", call.reference)
        self._echo(answer, call.request)

    def _echo(self, answer: Answer, request: Request) -> None:
        mine = request.headers.get("x-client-request-id", "")
        if 0 < len(mine) <= 128 and all(sign.isalnum() or sign in "._:-" for sign in mine) and mine.isascii():
            answer.headers["x-client-request-id"] = mine


def _batch(job: Job, state: str) -> dict[str, Any]:
    stopped = None if job.cancelled_at is None else iso(job.cancelled_at)
    return {
        "id": job.id,
        "type": "message_batch",
        "processing_status": state,
        "request_counts": {
            "processing": job.details["count"],
            "succeeded": 0,
            "errored": 0,
            "canceled": 0,
            "expired": 0,
        },
        "ended_at": None,
        "created_at": iso(job.created_at),
        "expires_at": iso(job.created_at + _DAY),
        "archived_at": None,
        "cancel_initiated_at": stopped,
        "results_url": None,
    }


def _amount(amount: Decimal) -> dict[str, float | int]:
    return {"usd": number(amount), "credits": int(amount * CREDITS_PER_USD)}


def _transaction(charge: Charge) -> tuple[float, dict[str, Any]]:
    row = {
        "created_at": iso(charge.at),
        "direction": "CHARGE",
        "type": "MODEL_USAGE",
        "amount": _amount(charge.amount),
        "model": charge.model,
        "reference_id": charge.reference,
    }
    return charge.at, row


def _topup(account: Account) -> tuple[float, dict[str, Any]]:
    row = {
        "created_at": iso(account.opened_at),
        "direction": "TOPUP",
        "type": "INIT",
        "amount": _amount(account.deposit),
        "model": None,
        "reference_id": None,
    }
    return account.opened_at, row


def _spend(charges: list[Charge]) -> float | int:
    return number(sum((charge.amount for charge in charges), Decimal(0)))


def _tokens(charges: list[Charge]) -> dict[str, int]:
    given, made = sum(charge.input_tokens for charge in charges), sum(charge.output_tokens for charge in charges)
    return {"input": given, "output": made, "total": given + made}


def _groups(charges: list[Charge], by: list[str], zone: ZoneInfo) -> list[dict[str, Any]]:
    sorted_out: dict[tuple[str, ...], list[Charge]] = {}
    for charge in charges:
        day = datetime.fromtimestamp(charge.at, zone).date().isoformat()
        sorted_out.setdefault(tuple({"day": day, "model": charge.model}[name] for name in by), []).append(charge)
    return [
        {
            **dict(zip(by, names, strict=True)),
            "spend": _spend(made),
            "tokens": _tokens(made),
            "requests": {
                "total": len(made),
                "charged": sum(charge.ok for charge in made),
                "succeeded": sum(charge.ok for charge in made),
                "failed": sum(not charge.ok for charge in made),
            },
        }
        for names, made in sorted_out.items()
    ]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refusal(400, f"tz: {name!r} is not a time zone") from None


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, f"{text!r} is not a date and time") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"at:{place}".encode()).decode()


def _place(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor).decode()
        if _cursor(int(text.removeprefix("at:"))) == cursor:
            return int(text.removeprefix("at:"))
    except ValueError:
        pass
    raise Refusal(400, "cursor: not issued by this server")


__all__ = ["MANAGEMENT", "AccountPages", "day_start"]
