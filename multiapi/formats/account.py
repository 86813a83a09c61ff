"""How providers are asked about models and money, and answer: a plain GET, and lists of objects in `data`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from multiapi.errors import UnsupportedError
from multiapi.formats.answer_facts import answer_without
from multiapi.formats.openai.vendor import parse_object
from multiapi.http.exchange import HttpRequest, HttpResponse
from multiapi.provider import Operation, Retry
from multiapi.types.account import ModelInfo, ModelsRequest, Price


def get(path: str, *, public: bool = False) -> Callable[[Any], HttpRequest]:
    """The builder of a request that takes nothing. What is `public` needs no key."""
    return lambda _request: HttpRequest("GET", path, public=public)


def get_models(path: str, *, provider: str, public: bool = False) -> Callable[[ModelsRequest | None], HttpRequest]:
    """The builder of a request for all models of a provider that filters none."""

    def build(request: ModelsRequest | None) -> HttpRequest:
        if request is not None and replace(request, details=True) != ModelsRequest():
            raise UnsupportedError(
                f"{provider} lists all its models and takes no filters; choose among what models() gives",
                provider=provider,
            )
        return HttpRequest("GET", path, public=public)

    return build


def read_operation(
    name: str,
    build: Callable[[Any], HttpRequest],
    parse: Callable[[HttpResponse], Any],
    *,
    elsewhere: str | None = None,
) -> Operation[Any, Any]:
    """An operation that changes nothing, and so may be repeated, also at another path after a 404."""
    return Operation(name, build, parse, Retry.READ, elsewhere=elsewhere)


def parse_models(
    response: HttpResponse, *, provider: str, read_model: Callable[[dict[str, Any]], ModelInfo]
) -> tuple[ModelInfo, ...]:
    """The models of a list; an entry without an id is none.

    Raises:
        ResponseFormatError: There is no list.
    """
    entries = entries_of(parse_object(response, provider), response, provider, "a list of models")
    return tuple(read_model(entry) for entry in entries if isinstance(entry.get("id"), str))


def entries_of(
    body: Mapping[str, Any], response: HttpResponse, provider: str, what: str, *, field: str = "data"
) -> list[dict[str, Any]]:
    """The objects in a list that the response is about.

    Raises:
        ResponseFormatError: There is no list.
    """
    entries = body.get(field)
    if not isinstance(entries, list):
        raise answer_without(response, provider, body, what)
    return [entry for entry in entries if isinstance(entry, dict)]


def tell_apart(prices: Sequence[Price], entries: Sequence[Mapping[str, Any]]) -> tuple[Price, ...]:
    """Prices of one model, such that no two say the same of different amounts.

    Where two would, what else their entries say goes into `when`; where that is nothing, their place in the list does.
    """
    for told in (_the_rest, _the_place):
        seen: dict[tuple[str, str], set[Decimal]] = {}
        for price in prices:
            seen.setdefault(_said(price), set()).add(price.amount)
        prices = [
            replace(price, when={**price.when, **told(entry, number)}) if len(seen[_said(price)]) > 1 else price
            for number, (price, entry) in enumerate(zip(prices, entries, strict=True), 1)
        ]
    return tuple(prices)


def _said(price: Price) -> tuple[str, str]:
    return price.what, repr(sorted(price.when.items(), key=lambda item: item[0]))


def _the_rest(entry: Mapping[str, Any], _number: int) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in {"price", "when"} and value is not None}


def _the_place(_entry: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {"number": number}


def words_at(entry: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The words in a list; empty if there is none."""
    value = entry.get(name)
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()
