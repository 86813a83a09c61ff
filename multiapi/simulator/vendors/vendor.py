"""What the simulated vendors share: sorting a call to its handler, keys, and the reading of bodies."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from multiapi.simulator.contract import Contract, Operation, contract
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.ledger import Account, Charge

if TYPE_CHECKING:
    from multiapi.simulator.simulator import Simulator

INVALID_KEY = "invalid-key"
EXPIRED_KEY = "expired-key"
EMPTY_WALLET = "empty-wallet"
UNKNOWN_MODEL = "no-such-model"


class Refusal(Exception):  # noqa: N818  (it is an answer, not a programming error)
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


class Vendor:
    """One simulated vendor. A subclass has a method `on_OPERATIONID` for each operation."""

    name: ClassVar[str]
    deposit: ClassVar[Decimal]
    unit: ClassVar[str]
    max_body_bytes: ClassVar[int] = 600_000_000

    def __init__(self, simulator: "Simulator") -> None:
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
            deposit = Decimal(0) if key == EMPTY_WALLET else self.deposit
            self.accounts[key] = Account(self.name, key, self.simulator.clock.now(), deposit)
        return self.accounts[key]

    def check_key(self, key: str | None) -> None:
        """Refuse a request without a good key."""
        if not key or key == INVALID_KEY or key == EXPIRED_KEY:
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

    # -------------------------------------------------------------- answers

    def refusal(self, refusal: Refusal, request: Request) -> Answer:
        """The vendor's own error form."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """The answer to a call that has passed the contract."""
        handler: Callable[[Call], Answer] | None = getattr(self, f"on_{call.operation.id}", None)
        if handler is None:
            raise Refusal(501, f"{call.operation.id} is not simulated yet")
        return handler(call)

    def finish(self, answer: Answer, call: Call) -> None:
        """Add the headers that the vendor sends with every answer."""

    def now(self) -> int:
        """The time in whole seconds."""
        return math.floor(self.simulator.clock.now())

    def new_id(self, prefix: str, length: int = 24) -> str:
        """An id that no other thing of this simulator has."""
        return self.simulator.new_id(prefix, length)


def money(amount: float | Decimal, places: str = "0.000001") -> Decimal:
    """An amount rounded to what the vendor shows."""
    return Decimal(str(amount)).quantize(Decimal(places))
