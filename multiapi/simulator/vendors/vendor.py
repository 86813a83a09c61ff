"""What the simulated vendors share: sorting a call to its handler, keys, and the reading of bodies."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from multiapi.simulator import known_models
from multiapi.simulator.contract import Contract, Operation, contract
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.faults import Fault
from multiapi.simulator.jobs import Job
from multiapi.simulator.ledger import Account, Charge
from multiapi.simulator.minds import saying
from multiapi.simulator.minds.brain import BrainError
from multiapi.simulator.minds.conversation import Conversation, Reply
from multiapi.simulator.minds.script import Scripted, ScriptError, described
from multiapi.simulator.model import answered

if TYPE_CHECKING:
    from multiapi.simulator.state import State

INVALID_KEY = "invalid-key"
EXPIRED_KEY = "expired-key"
EMPTY_WALLET = "empty-wallet"
UNKNOWN_MODEL = "no-such-model"


class Refusal(Exception):
    """The vendor refuses: the status and what its error form needs."""

    def __init__(self, status: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details


@dataclass
class FilePart:
    """An uploaded file."""

    name: str
    mime_type: str
    data: bytes


@dataclass
class Call:
    """A request that has passed the contract, on its way to a handler."""

    operation: Operation
    request: Request
    path: dict[str, str]
    query: dict[str, Any]
    body: Any
    key: str
    files: dict[str, list[FilePart]] = field(default_factory=dict)
    reference: str = ""
    fault: "Fault | None" = None
    mind: str = ""
    """What decided the response: `model`, `script` or `brain`."""
    understood: bool = True
    cost: Decimal | None = None
    priced_model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    pause_s: float = 0.0
    """The pauses between the chunks of a scripted response."""


class Vendor:
    """One simulated vendor. A subclass has a method `on_OPERATIONID` for each operation."""

    name: ClassVar[str]
    deposit: ClassVar[Decimal]
    unit: ClassVar[str]
    max_body_bytes: ClassVar[int] = 600_000_000
    reference_prefix: ClassVar[str] = "chatcmpl-"
    drops_unknown: ClassVar[bool] = False
    """The provider takes a field that it does not know and leaves it out, where the simulator is told to do so too."""
    sends_retry_after: ClassVar[bool] = False
    lists_prices: ClassVar[tuple[str, ...]] = ("listModels",)
    """The operations whose answers have prices of models."""

    def __init__(self, simulator: "State") -> None:
        self.simulator = simulator
        self.accounts: dict[str, Account] = {}
        self.contract: Contract = contract(self.name)

    # -------------------------------------------------------------- keys and money

    def key_of(self, request: Request) -> str | None:
        """The key that a request carries, in the place where this vendor wants it."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return key.strip() or None if scheme.lower() == "bearer" else None

    def account(self, key: str) -> Account:
        """The account of a key; every key that is not a special one has money."""
        if key not in self.accounts:
            usual = self.simulator.deposits.get(self.name, self.deposit)
            deposit = Decimal(0) if key == EMPTY_WALLET else usual
            self.accounts.setdefault(key, Account(self.name, key, self.simulator.clock.now(), deposit))
        return self.accounts[key]

    def check_key(self, key: str | None) -> None:
        """Refuse a request without a good key."""
        if not key or key in (INVALID_KEY, EXPIRED_KEY):
            raise Refusal(401, "Invalid or missing API key")

    def require_money(self, call: Call, amount: Decimal = Decimal(0)) -> Account:
        """Refuse when the account cannot pay."""
        account = self.account(call.key)
        if account.balance <= 0 or account.balance < amount:
            raise Refusal(402, "Insufficient funds", required=amount, balance=account.balance)
        return account

    def book(
        self, call: Call, model: str, amount: Decimal, *, input_tokens: int = 0, output_tokens: int = 0
    ) -> Account:
        """Charge a call that succeeded."""
        call.priced_model = model
        call.cost = amount if call.cost is None else call.cost + amount
        call.input_tokens += input_tokens
        call.output_tokens += output_tokens
        account = self.account(call.key)
        account.charge(
            Charge(
                self.simulator.clock.now(),
                call.operation.id,
                model,
                amount,
                input_tokens,
                output_tokens,
                call.reference,
                client_reference=call.request.headers.get("x-client-request-id", ""),
            )
        )
        return account

    def start_job(self, call: Call, kind: str, job_id: str, model: str, work: Callable[[], Any]) -> Job:
        """Start a job of this key. A fault can make it fail, end as cancelled, or never end."""
        asked = call.fault.get("job") if call.fault is not None else None
        endings: dict[str | None, Any] = {
            "fail": "failed",
            "refund": "failed",
            "cancel": "cancelled",
            "stuck": "stuck",
        }
        simulator = self.simulator
        job = Job(
            job_id,
            kind,
            self.name,
            call.key,
            model,
            simulator.clock.now(),
            simulator.job_wait_s,
            simulator.job_run_s,
            ending=endings.get(asked, "completed"),
            work=work,
            missing=call.fault.missing_polls if call.fault is not None else 0,
            refunds=asked == "refund",
        )
        return simulator.jobs.add(job)

    # -------------------------------------------------------------- models

    def listed_models(self) -> frozenset[str]:
        """The ids in the provider's own list, besides those that its documents name."""
        return frozenset()

    def refused_model(self, model: str, hint: str) -> Refusal:
        """What the provider says of a model that it does not know."""
        return Refusal(404, f"Model {model} not found{hint}", bare=True)

    def known(self, model: str) -> None:
        """Refuse a model that neither the provider's list nor its documents name."""
        if model == UNKNOWN_MODEL:
            raise self.refused_model(model, "")
        if self.simulator.known_models == "any":
            return
        meant = known_models.unknown(self.name, model, self.listed_models())
        if meant is not None:
            hint = (
                f" (simulator: did you mean {' or '.join(meant)}?)"
                if meant
                else " (simulator: known_models='any' takes it)"
            )
            raise self.refused_model(model, hint)

    # -------------------------------------------------------------- what the model says

    def reply(self, call: Call, asked: Conversation) -> Reply:
        """What the model says: as a test's author, a real model or the simulated one decides."""
        return saying.reply(asked, lambda conversation: self._decide(call, conversation))

    def replies(self, call: Call, asked: Conversation) -> list[Reply]:
        """The same for as many choices as asked for."""
        return saying.replies(asked, lambda conversation: self._decide(call, conversation))

    def _decide(self, call: Call, conversation: Conversation) -> Reply:
        simulator = self.simulator
        if (entry := simulator.script.take(self.name, conversation)) is not None:
            call.mind = "script"
            return self._scripted(call, entry, conversation)
        if simulator.script.in_force:
            call.mind = "script"
            raise Refusal(400, "the simulator has no scripted answer left for this request", bare=True)
        if simulator.brain is not None:
            call.mind = "brain"
            try:
                return simulator.brain(conversation)
            except BrainError as error:
                raise Refusal(500, str(error), fault=True) from None
        call.mind = "model"
        reply = answered(conversation)
        if not reply.understood:
            call.understood = False
            if simulator.strict:
                raise Refusal(
                    400,
                    "the simulated model does not understand this prompt; script its answer (simulator.answers) or give it a brain",
                    bare=True,
                )
        return reply

    def _scripted(self, call: Call, entry: Scripted, conversation: Conversation) -> Reply:
        given = call.fault.steps if call.fault is not None else ()
        call.fault = Fault((*given, *entry.faults.steps))
        if entry.error is not None:
            raise Refusal(
                entry.error,
                entry.message or self.documented_message(call.operation, entry.error),
                fault=True,
                wait=entry.retry_after,
            )
        if entry.cut is not None:
            step = ("cut", str(entry.cut)) if call.body.get("stream") else ("drop-body", "")
            call.fault = Fault((*call.fault.steps, step))
        try:
            reply = entry.reply(conversation)
        except ScriptError as error:
            simulator = self.simulator
            simulator.script.problems.append(f"{error}\n    {entry}\n{described(self.name, conversation)}")
            raise Refusal(400, f"the scripted answer does not fit this request: {error}", bare=True) from None
        call.pause_s = sum(piece for piece in reply.pieces if not isinstance(piece, str))
        return reply

    # -------------------------------------------------------------- answers

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """The vendor's own error form."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """The answer to a call that has passed the contract."""
        handler: Callable[[Call], Answer] | None = getattr(self, f"on_{call.operation.id}", None)
        if handler is not None:
            return handler(call)
        if call.operation.status == "removed":
            return self.withdrawn(call)
        raise Refusal(501, f"{call.operation.id} is not simulated yet")

    def withdrawn(self, call: Call) -> Answer:
        """What a withdrawn operation answered: the contract's first example of a success."""
        for status, media_type, _, value in call.operation.response_examples():
            if status.startswith("2") and media_type == "application/json":
                return Answer.json(value, int(status))
        return Answer(204, {})

    def serves(self, operation: Operation) -> bool:
        """Whether an operation that was only seen is there; each has a name in `as_seen.py`."""
        return False

    def longest_wait_s(self, answer: Answer) -> float | None:
        """After how many seconds a wait before this answer ends, by the simulator's clock; None where nothing ends it."""
        return None

    def path_of(self, path: str) -> str:
        """The documented path that a path stands for."""
        return path

    def check(self, call: Call) -> None:
        """Refuse what the contract's schemas cannot say."""

    def finish(self, answer: Answer, call: Call) -> None:
        """Add the headers that the vendor sends with every answer."""

    def after_refusal(
        self, answer: Answer, refusal: Refusal, operation: Operation | None, key: str | None, request: Request
    ) -> None:
        """Add headers to an error, and count the call as failed where a good key made it."""
        if self.sends_retry_after and (wait_s := refusal.details.get("retry_after_s")) is not None:
            answer.headers["retry-after"] = str(wait_s)
        if (
            operation is None
            or not key
            or not operation.needs_key
            or answer.status in (401, 404)
            or operation.method == "GET"
        ):
            return
        self.account(key).charge(
            Charge(
                self.simulator.clock.now(),
                operation.id,
                _model_in(request),
                Decimal(0),
                ok=False,
                status=answer.status,
                reference=self.new_id(self.reference_prefix),
                client_reference=request.headers.get("x-client-request-id", ""),
            )
        )

    def documented_message(self, operation: Operation, status: int) -> str:
        """The message that the contract shows for a status."""
        for shown, _, _, value in operation.response_examples():
            error = value.get("error", value) if isinstance(value, dict) else {}
            if isinstance(error, dict) and shown in (str(status), "default") and status >= 400:
                code = error.get("code", error.get("statusCode", status))
                if (
                    isinstance(error.get("message"), str)
                    and (code == status or isinstance(code, str))
                    and shown != "default"
                ):
                    return str(error["message"])
                if shown == "default" and error.get("statusCode") == status:
                    return str(error["message"])
        return _REASONS.get(status, "The request failed")

    def now(self) -> int:
        """The time in whole seconds."""
        return math.floor(self.simulator.clock.now())

    def new_id(self, prefix: str, length: int = 24) -> str:
        """An id that no other thing of this simulator has."""
        return self.simulator.new_id(prefix, length)


_REASONS = {
    403: "Forbidden",
    404: "Not found",
    408: "Request timeout",
    409: "Conflict",
    413: "Request too large",
    422: "Unprocessable",
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad Gateway",
    503: "Service unavailable",
    504: "Generation timeout",
}


def _model_in(request: Request) -> str:
    """The model of a request that was refused, as far as it can be read."""
    found = re.search(rb'"model"\s*:\s*"([^"]{1,200})"', request.body[:2000])
    return found[1].decode("utf-8", "replace") if found else "unknown"


def money(amount: float | Decimal, places: str = "0.000001") -> Decimal:
    """An amount rounded to what the vendor shows."""
    return Decimal(str(amount)).quantize(Decimal(places))
