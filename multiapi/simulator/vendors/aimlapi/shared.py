"""What all parts of the simulated AI/ML API need: prices, and models that are not there."""

from decimal import Decimal
from typing import Any

from multiapi.simulator.exchange import Answer
from multiapi.simulator.prices import price_of
from multiapi.simulator.vendors.vendor import Call, Vendor, money

CREDITS_PER_USD = 2_000_000


class Shared(Vendor):
    """The base of the parts; `records` are the things that users made, table by table."""

    records: dict[str, dict[str, Any]]

    def _known(self, call: Call) -> None:
        if (model := call.body.get("model")) is not None:
            self.known(str(model))

    def _charge(
        self, call: Call, price: Decimal, model: str | None = None, *, input_tokens: int = 0, output_tokens: int = 0
    ) -> dict[str, Any]:
        """Book a call and give its price as it stands under `meta`; what costs anything costs one credit at least."""
        least = "0.0000005"
        price = max(money(price, least), Decimal(least)) if price else price
        model = model or str(call.body.get("model") or "unknown")
        self.book(call, model, price, input_tokens=input_tokens, output_tokens=output_tokens)
        return meta_of(price)

    def book_text(self, call: Call, given: int, made: int) -> dict[str, Any]:
        """Charge tokens."""
        model = str(call.body.get("model") or "")
        return self._charge(call, price_of(self.name, model).of(given, made), input_tokens=given, output_tokens=made)

    def _priced(self, answer: Answer, meta: dict[str, Any]) -> Answer:
        """Put the price into the headers."""
        usage = meta["usage"]
        answer.headers["x-aimlapi-credits-used"] = str(usage["credits_used"])
        answer.headers["x-aimlapi-usd-spent"] = f"{usage['usd_spent']:.9f}"
        return answer


def meta_of(price: Decimal) -> dict[str, Any]:
    """A price as it stands under `meta`."""
    return {"usage": {"credits_used": int(price * CREDITS_PER_USD), "usd_spent": float(price)}}
