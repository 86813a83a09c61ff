"""Money: what calls cost, added up, priced beforehand and capped. Units are never converted."""

from multiapi.errors import BudgetExceededError
from multiapi.money.budget import Budget, Hold
from multiapi.money.units import UNITS, parse_amount

__all__ = [
    "UNITS",
    "Budget",
    "BudgetExceededError",
    "Hold",
    "parse_amount",
]
