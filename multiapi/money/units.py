"""Amounts as people write them: a number and the provider's own unit."""

from __future__ import annotations

import difflib
import re
from decimal import Decimal, InvalidOperation

from multiapi.errors import InvalidRequestError, printable, written

UNITS: tuple[str | None, ...] = ("USD", "INR", "diamonds", "credits", None)
"""The units that the providers count in. None is the unit of a provider that names none."""

_AMOUNT = re.compile(r"\s*([0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})\s*(\S{0,40})\s*")
__all__ = ["UNITS", "check_unit", "parse_amount", "written"]

_OTHER_WORDS = {
    "$": "USD",
    "us$": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "₹": "INR",
    "rs": "INR",
    "rs.": "INR",
    "rupee": "INR",
    "rupees": "INR",
    "diamond": "diamonds",
    "credit": "credits",
}


def check_unit(unit: str | None) -> str | None:
    """Return the unit if a provider counts in it.

    Raises:
        InvalidRequestError: It is not a known unit; the message suggests the nearest one.
    """
    if unit is None or unit in UNITS:
        return unit
    if not isinstance(unit, str):
        raise InvalidRequestError(f"a unit must be text or None, not {type(unit).__name__}")
    known = [each for each in UNITS if each is not None]
    word = unit.strip().lower()
    near = _OTHER_WORDS.get(word) or next((each for each in known if each.lower() == word), None)
    if near is None:
        found = difflib.get_close_matches(word[:40], [each.lower() for each in known], 1, 0.6)
        near = next((each for each in known if found and each.lower() == found[0]), None)
    hint = (
        f"; did you mean {near!r}?"
        if near
        else f"; the units are {', '.join(known)}, or None where the provider names none"
    )
    raise InvalidRequestError(f"{printable(unit, 40)!r} is not a valid unit{hint}")


def parse_amount(amount: str | Decimal | float, unit: str | None = None) -> tuple[Decimal, str | None]:
    """Return number and unit of an amount like "20 USD", "500 INR", "5000 diamonds" or "3".

    Args:
        amount: Zero or more; a text may carry its unit.
        unit: The unit of an amount that carries none.

    Raises:
        InvalidRequestError: It is not an amount, or its unit is not one that a provider counts in.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | Decimal | float | int):
        raise InvalidRequestError(f"an amount must be text like '20 USD' or a number, not {type(amount).__name__}")
    if isinstance(amount, str):
        match = _AMOUNT.fullmatch(amount)
        if match is None:
            raise InvalidRequestError(f"{printable(amount, 60)!r} is not a valid amount; write it like '20 USD'")
        number, word = Decimal(match[1]), match[2]
        if word and unit is not None and word != unit:
            raise InvalidRequestError(
                f"{printable(amount, 60)!r} has another unit than unit={unit!r}; name the unit once"
            )
        return number, check_unit(word or unit)
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        raise InvalidRequestError(f"{printable(str(amount), 60)!r} is not a valid amount") from None
    if not number.is_finite() or number < 0:
        raise InvalidRequestError(f"an amount must be zero or more, not {printable(str(amount), 60)}")
    return number, check_unit(unit)
