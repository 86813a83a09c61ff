"""What tokens cost on the simulator: the documented price of a model where there is one, else an assumed one; see `contracts/prices.yaml`."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import yaml

_UNITS = {"aicredits": "INR"}
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """The price of a million tokens, in the provider's unit of money."""

    input: Decimal
    output: Decimal
    cached_input: Decimal
    documented: bool = False

    def of(self, given: int, made: int) -> Decimal:
        """The cost of these counts of tokens, not rounded."""
        return (given * self.input + made * self.output) / _MILLION


@cache
def price_of(provider: str, model: str) -> TokenPrice:
    """The price of a model at a provider."""
    facts = _facts()
    named = facts["documented"].get(provider, {}).get("models", {})
    amounts = named.get(model) or next((given for name, given in named.items() if name.endswith(f"/{model}")), None)
    if amounts is not None:
        return _price(amounts, documented=True)
    rate = Decimal(str(facts["inr_per_usd"])) if _UNITS.get(provider) == "INR" else Decimal(1)
    return _price(usd(model), rate)


def is_documented(provider: str, model: str, amount: Decimal) -> bool:
    """Whether what a call cost follows from a price in the provider's documents; what does not is assumed."""
    least = _facts()["documented"].get(provider, {}).get("calls", {}).get(model)
    return amount == Decimal(str(least)) if least is not None else price_of(provider, model).documented


def usd(model: str) -> list[float]:
    """What is assumed of a model, in USD: input, output and, where it is known, cached input."""
    facts = _facts()
    bare = model.rpartition("/")[2].lower().replace(".", "-")
    listed: dict[str, list[float]] = facts["assumed"]["models"]
    fitting = [name for name in listed if bare == name or bare.startswith(f"{name}-")]
    if fitting:
        return listed[max(fitting, key=len)]
    parts = set(re.split(r"[^a-z0-9]+", model.lower()))
    return next(amounts for words, amounts in facts["sizes"] if not words or parts & set(words))


def _price(amounts: list[float], rate: Decimal = Decimal(1), *, documented: bool = False) -> TokenPrice:
    given, made, *cached = (Decimal(str(amount)) * rate for amount in amounts)
    return TokenPrice(given, made, cached[0] if cached else given / 4, documented)


@cache
def _facts() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(
        (resources.files(__package__) / "contracts" / "prices.yaml").read_text("utf-8")
    )
    return read
