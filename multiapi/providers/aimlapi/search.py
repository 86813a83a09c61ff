"""AI/ML API's search engine, as documented before its withdrawal on 2026-02-05: a chat with its model, then six routes by the chat's id.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml, `x-withdrawn-models.search` and the operations `bagoodex*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

from multiapi.errors import InvalidRequestError, ResponseFormatError
from multiapi.formats.media import needs_text
from multiapi.formats.openai.vendor import merged, parse_chat, parse_object
from multiapi.http.exchange import HttpRequest, HttpResponse, excerpt
from multiapi.provider import Operation, Retry
from multiapi.providers.aimlapi import NO_SEARCH, read_cost
from multiapi.providers.aimlapi.legacy import ROUTES
from multiapi.types.search import (
    FoundImage,
    FoundKnowledge,
    FoundMap,
    FoundVideo,
    FoundWeather,
    SearchRequest,
    SearchResult,
)

_NAME = "aimlapi"
_ROUTE_OF = {
    "links": "bagoodex_links",
    "images": "bagoodex_images",
    "videos": "bagoodex_videos",
    "weather": "bagoodex_weather",
    "map": "bagoodex_local_map",
    "knowledge": "bagoodex_knowledge",
}


def build_search(request: SearchRequest) -> HttpRequest:
    """The question, as a chat with the model that searches.

    Raises:
        InvalidRequestError: There is no query.
    """
    if not isinstance(request.query, str) or not request.query.strip():
        raise InvalidRequestError(
            f"{_NAME}: a search needs a query, or followup_id=... of an earlier one", provider=_NAME
        )
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": "user", "content": needs_text(request.query, _NAME, "query")}],
    }
    if request.ip is not None:
        body["ip"] = request.ip
    return HttpRequest("POST", "/v1/chat/completions", json=merged(body, request.extra), headers=request.headers)


def parse_search(response: HttpResponse) -> SearchResult:
    """The response in words, and the id that the other routes take."""
    answer = parse_chat(response, provider=_NAME, read_cost=read_cost)
    return SearchResult(
        provider=_NAME,
        text=answer.text,
        followup_id=answer.id or "",
        cost=answer.cost,
        request_id=answer.request_id,
        raw={"answer": answer.raw},
    )


def build_found(followup_id: str, *, kind: str) -> HttpRequest:
    """One kind of what an earlier search found."""
    method, path = ROUTES[_ROUTE_OF[kind]]
    if not followup_id:
        raise InvalidRequestError(f"{_NAME}: the search has no id to ask for {kind} by", provider=_NAME)
    return HttpRequest(method, path, query=(("followup_id", followup_id),))


def parse_found(response: HttpResponse, *, kind: str) -> SearchResult:
    """Nothing found is `[]` or `{}`.

    Raises:
        ResponseFormatError: A list where an object belongs, or the other way round.
    """
    body = response.json(provider=_NAME)
    if isinstance(body, dict):
        body = parse_object(response, _NAME)  # it may report an error
    wants_list = kind in ("links", "images", "videos")
    if body is None or body in ([], {}):
        return SearchResult(provider=_NAME, raw={kind: body})
    if isinstance(body, list) is not wants_list or not isinstance(body, (list, dict)):
        raise ResponseFormatError(
            f"{_NAME} answered with {kind} in a form that is not the documented one",
            provider=_NAME,
            body=excerpt(response.body),
        )
    return SearchResult(provider=_NAME, raw={kind: body}, **{kind: _READERS[kind](body)})


def _links(body: list[Any]) -> tuple[str, ...]:
    return tuple(each for each in body if isinstance(each, str) and each)


def _each(body: list[Any], made: Any) -> tuple[Any, ...]:
    return tuple(_record(each, made) for each in body if isinstance(each, dict))


def _record(body: Mapping[str, Any], made: Any) -> Any:
    """A value of a class, with the texts and lists that a body has under the names of its fields."""
    known: dict[str, Any] = {}
    for each in fields(made):
        value = body.get(each.name)
        if each.default == () and isinstance(value, list):
            known[each.name] = tuple(entry for entry in value if isinstance(entry, dict))
        elif each.default is None and isinstance(value, (str, int, float)) and not isinstance(value, bool):
            known[each.name] = str(value)
    return made(**known)


def _map(body: Mapping[str, Any]) -> FoundMap:
    place = body.get("gps_coordinates")
    place = place if isinstance(place, dict) else {}
    degrees = [
        float(value) if isinstance(value := place.get(name), (int, float)) else None
        for name in ("latitude", "longitude")
    ]
    texts = {name: value for name in ("link", "image") if isinstance(value := body.get(name), str)}
    return FoundMap(**texts, latitude=degrees[0], longitude=degrees[1])


_READERS: Mapping[str, Any] = {
    "links": _links,
    "images": partial(_each, made=FoundImage),
    "videos": partial(_each, made=FoundVideo),
    "weather": partial(_record, made=FoundWeather),
    "map": _map,
    "knowledge": partial(_record, made=FoundKnowledge),
}

OPERATIONS: dict[str, Operation[Any, Any]] = {
    "search": Operation("search", build_search, parse_search, Retry.JOB, withdrawn=NO_SEARCH),
    **{
        f"search_{kind}": Operation(
            f"search_{kind}",
            partial(build_found, kind=kind),
            partial(parse_found, kind=kind),
            Retry.READ,
            withdrawn=NO_SEARCH,
        )
        for kind in _ROUTE_OF
    },
}
