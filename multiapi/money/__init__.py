"""Money: what calls cost, added up, priced beforehand and capped. Units are never converted."""

from multiapi.errors import BudgetExceededError
from multiapi.money.budget import Budget, Hold
from multiapi.money.prices import price_list_age, set_prices
from multiapi.money.spending import Spending, track_spending
from multiapi.money.units import UNITS, parse_amount

__all__ = [
    "UNITS",
    "Budget",
    "BudgetExceededError",
    "Hold",
    "Spending",
    "parse_amount",
    "price_list_age",
    "set_prices",
    "track_spending",
]
