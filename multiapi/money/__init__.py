"""Money: what calls cost, added up, priced beforehand and capped. Units are never converted."""

from multiapi.errors import BudgetExceededError
from multiapi.money.budget import Budget, Hold
from multiapi.money.spending import Charge, Spending, track_spending
from multiapi.money.units import UNITS, parse_amount

__all__ = [
    "UNITS",
    "Budget",
    "BudgetExceededError",
    "Charge",
    "Hold",
    "Spending",
    "parse_amount",
    "track_spending",
]
