"""What the simulator knows: clock, seed, ids, files, jobs, faults, limits and what was answered. Providers, page and controls see this."""

import hashlib
import uuid
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Literal

from multiapi.simulator import as_seen, faults
from multiapi.simulator.clock import Clock
from multiapi.simulator.contract import HOSTS, VENDORS
from multiapi.simulator.counts import Counts
from multiapi.simulator.exchange import Answer, Request
from multiapi.simulator.files import Files, StoredFile, extension
from multiapi.simulator.jobs import Jobs
from multiapi.simulator.limits import Limits
from multiapi.simulator.minds.brain import Brain
from multiapi.simulator.minds.conversation import from_url
from multiapi.simulator.minds.script import Script, Scripted
from multiapi.simulator.seen import MOST, Seen

_FILE_PLACES = {
    "aimlapi": ("https://cdn.aimlapi.com", "/generations"),
    "aicredits": ("https://images.aicredits.in", "/generated"),
    "binobox": ("https://api.binobox.ir", "/uploads/private"),
    "bineric": ("https://files.bineric.com", "/files"),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered, for the page; keys are masked."""

    at: float
    vendor: str
    method: str
    path: str
    operation: str
    status: int
    key: str
    took_ms: float
    model: str
    mind: str = ""
    understood: bool = True
    number: int = 0
    cost: str = ""
    price: str = ""
    """Whether the price is documented or assumed."""
    input_tokens: int = 0
    output_tokens: int = 0


def of_a_provider(name: str) -> str:
    """The name, if it is one of a provider."""
    if name not in VENDORS:
        raise ValueError(f"{name!r} is not a valid provider; write one of {', '.join(VENDORS)}")
    return name


def seconds(name: str, given: Any) -> float:
    """A number of seconds from 0 on."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < float("inf"):
        raise ValueError(f"{name} must be a number of seconds from 0 on, not {given!r}")
    return float(given)


def delays(given: Mapping[str, Any] | float) -> dict[str, float]:
    """How long each provider takes: one number is that of all of them."""
    if not isinstance(given, Mapping):
        return dict.fromkeys(VENDORS, seconds("delay", given))
    return {of_a_provider(name): seconds(f"delay of {name}", each) for name, each in given.items()}


class State(ABC):
    """Everything that a simulator knows, and the answers that its page and controls ask it for."""

    def __init__(
        self,
        seed: int = 0,
        clock: Clock | None = None,
        *,
        job_wait_s: float = 0.5,
        job_run_s: float = 1.5,
        as_seen: bool | str | Iterable[str] = False,
        withdrawn: bool = False,
        unknown: Literal["refuse", "drop"] = "refuse",
        cache: bool = False,
        blocked_words: Iterable[str] = (),
        brain: str | None = None,
        brain_model: str = "",
        brain_key: str = "",
        brain_remote: bool = False,
        strict: bool = False,
        known_models: Literal["listed", "any"] = "listed",
        delay: Mapping[str, float] | float | None = None,
        logs_after: float = 0.0,
        deposits: Mapping[str, str | int | Decimal] | None = None,
    ) -> None:
        self.seed = seed
        if unknown not in ("refuse", "drop"):
            raise ValueError(f"unknown must be 'refuse' or 'drop', not {unknown!r}")
        self.withdrawn = withdrawn
        self.unknown = unknown
        self.cache = cache
        self.blocked_words = frozenset(word.lower() for word in blocked_words)
        self.as_seen = as_seen
        self.clock = clock or Clock()
        self.job_wait_s = job_wait_s
        self.job_run_s = job_run_s
        self.strict = strict
        if known_models not in ("listed", "any"):
            raise ValueError(f"known_models must be 'listed' or 'any', not {known_models!r}")
        self.known_models = known_models
        self.delay = delays({} if delay is None else delay)
        self.logs_after = seconds("logs_after", logs_after)
        self.deposits = {of_a_provider(name): Decimal(amount) for name, amount in (deposits or {}).items()}
        self.brain = None if brain is None else Brain(brain, brain_model, key=brain_key, remote=brain_remote)
        self.script = Script()
        self.trusted_hosts: set[str] = set()
        """Names under which this machine's own are not the only ones to see the page and the controls."""
        self.faults = faults.Faults()
        self.limits = Limits()
        self.reset()

    def reset(self) -> None:
        """Forget every request, account, job and file; the clock and the switches stay as they are."""
        self.log: deque[Answered] = deque(maxlen=1000)
        self.seen: deque[Seen] = deque(maxlen=MOST)
        self.jobs = Jobs()
        self.files = Files()
        self.answered = 0
        self.script.clear()
        self.counts = Counts()
        self._turns: dict[str, int] = {}
        self.cached: dict[bytes, bytes] = {}
        self._numbers = count(1)

    def answers(
        self, *given: str | Path | Mapping[str, Any] | Scripted, otherwise: str | None = None, **fields: Any
    ) -> Script:
        """Decide what the models say to the requests to come; see `script.py` for all that an answer can be.

        With `fields` they are one answer: `simulator.answers(text="It rains.", when={"text": "weather"})`. The result is a context
        manager that fails at its end for answers that nobody asked for, and for requests that had none.
        """
        self.script.add([*given, *([fields] if fields else [])], otherwise)
        return self.script

    @property
    def as_seen(self) -> frozenset[str]:
        """The names of the seen forms that are on; it is set to True, False or some names."""
        return self._as_seen

    @as_seen.setter
    def as_seen(self, given: bool | str | Iterable[str]) -> None:
        self._as_seen = as_seen.read(given)

    @property
    def hosts(self) -> dict[str | None, str]:
        """The providers' own hosts, with those that were only seen where they are on."""
        return {**HOSTS, "aicredits.in": "aicredits"} if "hosts" in self._as_seen else HOSTS

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """The answer to any request."""

    @abstractmethod
    def charges_of(self, vendor: str) -> list[tuple[str, str, str]]:
        """Masked key, balance and time of each account of a vendor."""

    @abstractmethod
    def open_account(self, vendor: str, key: str, deposit: str) -> None:
        """Open an account, or top it up to this balance."""

    @abstractmethod
    def unit_of(self, vendor: str) -> str:
        """The unit in which a vendor counts money."""

    # -------------------------------------------------------------- ids and files

    def new_id(self, prefix: str, length: int = 24) -> str:
        """An id that follows from the seed and from how many were given before."""
        number = next(self._numbers)
        return prefix + hashlib.blake2b(b"%d:%d" % (self.seed, number), digest_size=16).hexdigest()[:length]

    def turn(self, name: str) -> int:
        """How often this was asked before, for what changes by turns."""
        self._turns[name] = self._turns.get(name, -1) + 1
        return self._turns[name]

    def new_uuid(self) -> str:
        """The same in the form of a UUID."""
        return str(uuid.UUID(self.new_id("", 32), version=4))

    def keep(self, vendor: str, mime_type: str, data: bytes, about: str = "") -> StoredFile:
        """Keep a file to be handed out later."""
        name = f"{self.new_id('', 21)}.{extension(mime_type)}"
        return self.files.add(StoredFile(name, mime_type, data, vendor, self.clock.now(), about))

    def url_of(self, file: StoredFile, request: Request, folder: str = "") -> str:
        """The address of a file, on the simulator itself or, when the vendor's own host was called, on its file host."""
        host, path = _FILE_PLACES.get(file.vendor, ("https://files.example.com", "/files"))
        start = host if request.host in self.hosts else f"{request.origin}/{file.vendor}"
        return f"{start}{path}{folder}/{file.name}"

    def fetch(self, url: str) -> tuple[str, bytes] | None:
        """Media type and bytes behind an address, if the simulator has them; it never opens a connection."""
        if not url.startswith(("http://", "https://")):
            found = from_url(url, "application/octet-stream")
            return (found.mime_type, found.data) if found.data else None
        file = self.files.get(url.split("?", maxsplit=1)[0].rsplit("/", 1)[-1])
        return (file.mime_type, file.data) if file else None
