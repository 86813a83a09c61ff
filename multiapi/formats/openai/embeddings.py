"""Embeddings in the wire format that most providers share."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any

from multiapi.errors import ResponseFormatError
from multiapi.formats.answer_facts import ReadCost, read_usage, request_id
from multiapi.formats.openai.answers import parse_object
from multiapi.formats.openai.requests import merged
from multiapi.http.exchange import HttpResponse, excerpt
from multiapi.http.vectors import VectorReader, floats
from multiapi.types.embeddings import EmbedRequest, EmbedResponse


def embed_body(request: EmbedRequest) -> dict[str, Any]:
    """The body of one batch of texts; texts are sent as they are."""
    body: dict[str, Any] = {"model": request.model, "input": list(request.texts)}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.encoding_format is not None:
        body["encoding_format"] = request.encoding_format
    if request.input_type is not None:
        body["input_type"] = request.input_type
    if request.user is not None:
        body["user"] = request.user
    return merged(body, request.extra)


def parse_embed(response: HttpResponse, *, provider: str, read_cost: ReadCost | None = None) -> EmbedResponse:
    """Vectors in the order of the texts: by `index` where it is given, else as they came.

    Raises:
        ResponseFormatError: No vectors, indices that are not an order, or a vector that is none.
    """
    if not response.vectors:
        response = _apart(response)
    body = parse_object(response, provider)
    data = body.get("data")
    if not isinstance(data, list) or not data:
        raise _bad_vectors(response, provider, f"has no vectors (fields: {', '.join(map(str, body))})")
    vectors = [_vector(entry, response, provider) for entry in data]
    indices = [entry.get("index") if isinstance(entry, dict) else None for entry in data]
    if str in set(map(type, indices)):
        indices = list(map(_index, indices))
    in_order = set(map(type, indices)) == {int} and indices == list(range(len(data)))
    if not in_order and any(index is not None for index in indices):
        if sorted(index if type(index) is int else -1 for index in indices) != list(range(len(data))):
            raise _bad_vectors(
                response, provider, f"numbers its vectors {indices[:8]}, which is not an order of {len(data)}"
            )
        ordered: list[list[float]] = [[]] * len(data)
        for index, vector in zip(indices, vectors, strict=True):
            assert index is not None
            ordered[index] = vector
        vectors = ordered
    if len(set(map(len, vectors))) != 1:
        raise _bad_vectors(response, provider, f"has vectors of different lengths: {sorted(set(map(len, vectors)))}")
    return EmbedResponse(
        provider=provider,
        model=str(body.get("model") or ""),
        vectors=vectors,
        usage=read_usage(body.get("usage")),
        cost=read_cost(body, response.headers) if read_cost else None,
        request_id=request_id(response.headers, body),
        headers=response.headers,
        raw={key: _put_back(value, response.vectors) for key, value in body.items() if key != "data"},
    )


def _apart(response: HttpResponse) -> HttpResponse:
    """A body with its vectors taken out, as it comes when it was read on arrival."""
    reader = VectorReader()
    reader.feed(response.body)
    return response._replace(body=reader.finish(), vectors=reader.vectors)


def _put_back(value: Any, vectors: Mapping[str, list[float]]) -> Any:
    """What a provider says beside its vectors, with those among it that stand elsewhere than among the data."""
    if isinstance(value, str):
        return vectors.get(value, value)
    if isinstance(value, dict):
        return {key: _put_back(inside, vectors) for key, inside in value.items()}
    if isinstance(value, list):
        return [_put_back(inside, vectors) for inside in value]
    return value


def _index(given: Any) -> Any:
    """A number that was written as text is one."""
    return int(given) if isinstance(given, str) and given.isdecimal() and len(given) < 8 else given


def _vector(entry: Any, response: HttpResponse, provider: str) -> list[float]:
    found = entry.get("embedding") if isinstance(entry, dict) else entry
    if isinstance(found, str) and found in response.vectors:
        return response.vectors[found]
    vector: list[float]
    if isinstance(found, str):
        try:
            raw = base64.b64decode(found, validate=True)
        except (binascii.Error, ValueError):
            raise _bad_vectors(response, provider, "has a vector that is neither a list nor base64") from None
        if not raw or len(raw) % 4:
            raise _bad_vectors(response, provider, f"has a vector of {len(raw)} bytes, which are no 32-bit numbers")
        vector = floats(raw)
    elif isinstance(found, list) and found:
        kinds = set(map(type, found))
        if not kinds <= {float, int}:
            raise _bad_vectors(response, provider, "has a vector with something in it that is not a number")
        try:
            vector = found if int not in kinds else list(map(float, found))
        except OverflowError:
            raise _bad_vectors(response, provider, "has a vector with a number that is not finite") from None
    else:
        raise _bad_vectors(response, provider, "has an empty vector")
    if not math.isfinite(math.fsum(vector) if len(vector) < 2 else sum(vector)):
        raise _bad_vectors(response, provider, "has a vector with a number that is not finite")
    return vector


def _bad_vectors(response: HttpResponse, provider: str, what: str) -> ResponseFormatError:
    return ResponseFormatError(
        f"the embeddings response of {provider} {what}",
        provider=provider,
        status=response.status,
        request_id=request_id(response.headers),
        body=excerpt(response.body),
    )
