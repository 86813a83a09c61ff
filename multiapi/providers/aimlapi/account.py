"""AI/ML API's models, prices and speed; balance, usage, logs, movements of money, and keys.

- The single model and the metrics exist only without a version; slashes in a model's id stay, everything else is encoded.
- Lists of names are repeated, not joined, for metrics and logs.
- A time is given as `period` or as `start` and `end`; 30 days unless you say otherwise.

Facts and sources: multiapi/simulator/contracts/aimlapi.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from multiapi.errors import AddressRefusedError, InvalidRequestError, printable
from multiapi.formats.account import entries_of, get, parse_models, read_operation, tell_apart
from multiapi.formats.answer_facts import answer_without, decimal_of, list_at, object_at, text_at, whole_number
from multiapi.formats.openai.vendor import parse_object
from multiapi.http.exchange import HttpRequest, HttpResponse, path_segment
from multiapi.provider import Operation, Retry
from multiapi.providers.aimlapi.gone import deprecation_of
from multiapi.types.account import (
    Balance,
    Deprecation,
    DeprecationFeed,
    DeprecationsRequest,
    KeyChange,
    KeyInfo,
    LogEntry,
    LogsRequest,
    ModelInfo,
    ModelMetrics,
    ModelsRequest,
    Page,
    Price,
    Transaction,
    TransactionsRequest,
    UsageEntry,
    UsageReport,
    UsageRequest,
)
from multiapi.types.usage import Cost

if TYPE_CHECKING:
    from multiapi.providers.aimlapi.catalogue.documents import ModelDocument

_NAME = "aimlapi"
_DEFAULT_PERIOD = "30d"

# ------------------------------------------------------------------------------------------------ models


def build_models(request: ModelsRequest | None) -> HttpRequest:
    """The live list, which needs no key; each filter as a comma list."""
    wanted = request or ModelsRequest()
    lists = {
        "id": wanted.ids,
        "type": wanted.types,
        "tags": wanted.tags,
        "modalities": wanted.modalities,
        "input_modalities": wanted.inputs,
        "output_modalities": wanted.outputs,
        "capabilities": wanted.capabilities,
    }
    query = [(name, ",".join(values)) for name, values in lists.items() if values]
    if wanted.details:
        query.append(("include", "all"))
    return HttpRequest("GET", "/v1/models", query=tuple(query), public=True)


def build_model(model: str) -> HttpRequest:
    """One model by id or alias. Its slashes stay; `#` and the like are encoded."""
    parts = model.split("/")
    if any(part in {"", ".", ".."} for part in parts):
        raise InvalidRequestError(f"{model!r} is not a valid id of a model", provider=_NAME)
    path = "/".join(quote(part, safe="@:") for part in parts)
    return HttpRequest("GET", f"/model/{path}", query=(("include", "all"),), public=True)


def build_metrics(models: Sequence[str] | str | None) -> HttpRequest:
    """How fast models were lately, all or at most 100 of them."""
    names = [models] if isinstance(models, str) else list(models or ())
    if len(names) > 100:
        raise InvalidRequestError(f"aimlapi takes at most 100 models here, not {len(names)}", provider=_NAME)
    return HttpRequest("GET", "/models/metrics", query=tuple(("aliases", name) for name in names), public=True)


def parse_model(response: HttpResponse) -> ModelInfo:
    """One model."""
    body = parse_object(response, _NAME)
    entry = body.get("data")
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise answer_without(response, _NAME, body, "a model")
    return read_model(entry)


def read_model(entry: Mapping[str, Any]) -> ModelInfo:
    """A model of the list, or the one that was asked for."""
    info, modalities = object_at(entry, "info"), object_at(entry, "modalities")
    known = deprecation_of(entry["id"])
    return ModelInfo(
        id=entry["id"],
        provider=_NAME,
        name=info.get("name"),
        kind=entry.get("type"),
        developer=info.get("developer"),
        description=info.get("description"),
        capabilities=_words(entry.get("capabilities")),
        inputs=_words(modalities.get("input")),
        outputs=_words(modalities.get("output")),
        aliases=_words(entry.get("aliases")),
        context_tokens=whole_number(info.get("contextLength")) or None,
        max_output_tokens=whole_number(info.get("outputMax")) or whole_number(info.get("maxTokens")) or None,
        prices=_prices(object_at(entry, "pricing")),
        status=known.status if known else None,
        replaced_by=known.replaced_by if known else None,
        shutdown_at=known.shutdown_at if known else None,
        schema_url=text_at(info, "docsJson") or None,
        raw=entry,
    )


_DOCUMENTS = ("api.aimlapi.com", "/docs-json")
"""The one host and path of descriptions of models; what links elsewhere is not opened."""


def build_model_schema(info: ModelInfo) -> HttpRequest:
    """The OpenAPI document of one model and kind, as its row links it; needs no key.

    Raises:
        AddressRefusedError: The row links another host or path.

    Source: `info.docsJson` of `GET /v1/models` (seen, grade V).
    """
    query: list[tuple[str, str]] = [("model", info.id)]
    if info.kind:
        query.append(("endpoint", info.kind))
    if info.schema_url is not None:
        link = urlsplit(info.schema_url)
        if (link.scheme, link.netloc, link.path) != ("https", *_DOCUMENTS):
            where = printable(f"{link.scheme}://{link.netloc}{link.path}", 120)
            raise AddressRefusedError(
                f"aimlapi links the description of {printable(info.id, 120)!r} at {where}, which is not opened; "
                f"descriptions are at https://{''.join(_DOCUMENTS)}",
                provider=_NAME,
            )
        query = parse_qsl(link.query) or query
    return HttpRequest("GET", _DOCUMENTS[1], query=tuple(query), public=True)


def parse_model_schema(response: HttpResponse) -> ModelDocument:
    """The document, which says what the model takes."""
    from multiapi.providers.aimlapi.catalogue.documents import ModelDocument

    return ModelDocument(parse_object(response, _NAME))


_TOKENS = {
    **dict.fromkeys(("provided", "input", "prompt", "input_tokens", "prompt_tokens"), "input_tokens"),
    **dict.fromkeys(("generated", "output", "completion", "output_tokens", "completion_tokens"), "output_tokens"),
    **dict.fromkeys(("cached", "cached_input", "cached_tokens", "cached_input_tokens"), "cached_input_tokens"),
}
"""What the words of a unit mean where it is about tokens; other words stay as they are."""


def _prices(pricing: Mapping[str, Any]) -> tuple[Price, ...]:
    """Fixed units, or variants with conditions.

    Units are told apart by `origin` (live rows), else by `measure` (one documented row), else by `name`; content that is not text
    stands in `when`.
    """
    currency = pricing.get("currency") if isinstance(pricing.get("currency"), str) else None
    listed = [item for name in ("units", "variants") for item in list_at(pricing, name) if isinstance(item, dict)]
    priced = [(item, amount) for item in listed if (amount := decimal_of(item.get("price"))) is not None]
    prices = [
        Price(
            amount=amount,
            currency=currency,
            what=_what_is_paid(item),
            per=decimal_of(item.get("per")),
            when={**object_at(item, "when"), **_other_content(item)},
        )
        for item, amount in priced
    ]
    return tell_apart(prices, [item for item, _ in priced])


def _what_is_paid(unit: Mapping[str, Any]) -> str:
    name = unit.get("name") or unit.get("unit")
    if name in _ABOUT_TOKENS or str(name) in _TOKENS:
        for word in (unit.get("origin"), unit.get("measure"), name):
            if isinstance(word, str) and word in _TOKENS:
                return _TOKENS[word]
        return str(unit.get("origin") or unit.get("measure") or name or "call")
    return str(name)


_ABOUT_TOKENS = (None, "", "token", "tokens")


def _other_content(unit: Mapping[str, Any]) -> dict[str, Any]:
    content = unit.get("content")
    return {} if content in (None, "", "text") else {"content": content}


def build_deprecations(request: DeprecationsRequest | None) -> HttpRequest:
    """The feed, which needs no key. Unknown statuses and a date that cannot be read are ignored by the provider."""
    wanted = request or DeprecationsRequest()
    statuses = [wanted.status] if isinstance(wanted.status, str) else list(wanted.status or ())
    query = [("status", ",".join(statuses))] if statuses else []
    if wanted.since is not None:
        since = wanted.since.isoformat()[:10] if isinstance(wanted.since, date) else wanted.since
        query.append(("since", since))
    return HttpRequest("GET", "/v1/models/deprecations", query=tuple(query), public=True)


def parse_deprecations(response: HttpResponse) -> DeprecationFeed:
    """The entries in the order of the feed, newest first."""
    entries = entries_of(parse_object(response, _NAME), response, _NAME, "a list of deprecations")
    return DeprecationFeed(
        items=tuple(
            Deprecation(
                id=entry["id"],
                provider=_NAME,
                aliases=_words(entry.get("aliases")),
                status=text_at(entry, "status"),
                deprecated_at=text_at(entry, "deprecated_at") or None,
                shutdown_at=text_at(entry, "shutdown_at") or None,
                replaced_by=text_at(entry, "replaced_by") or None,
                reason=text_at(entry, "reason") or None,
                raw=entry,
            )
            for entry in entries
            if isinstance(entry.get("id"), str)
        ),
        etag=response.headers.get("etag"),
    )


def parse_metrics(response: HttpResponse) -> tuple[ModelMetrics, ...]:
    """Percentiles per model; one without a successful call lately is not there."""
    body = parse_object(response, _NAME)
    entries = entries_of(body, response, _NAME, "a list of metrics", field="models")
    return tuple(
        ModelMetrics(
            model=str(entry.get("alias")),
            endpoint=entry.get("endpoint"),
            window_s=whole_number(body.get("window_seconds")),
            percentiles={
                measure: {name: float(value) for name, value in values.items() if isinstance(value, (int, float))}
                for measure, values in object_at(entry, "metrics").items()
                if isinstance(values, dict)
            },
            raw=entry,
        )
        for entry in entries
    )


# ------------------------------------------------------------------------------------------------ money


def parse_balance(response: HttpResponse) -> Balance:
    """What is left, in dollars."""
    body = parse_object(response, _NAME)
    amount = decimal_of(body.get("current_balance"))
    if amount is None:
        raise answer_without(response, _NAME, body, "a balance")
    return Balance(provider=_NAME, amount=amount, unit=str(body.get("currency") or "USD"), raw=body)


def parse_balance_legacy(response: HttpResponse) -> Balance:
    """What is left, in credits."""
    body = parse_object(response, _NAME)
    amount = decimal_of(body.get("balance"))
    if amount is None:
        raise answer_without(response, _NAME, body, "a balance")
    return Balance(provider=_NAME, amount=amount, unit="credits", raw=body)


def build_usage(request: UsageRequest | None) -> HttpRequest:
    """The report with a breakdown by model, and by day where asked for."""
    wanted = request or UsageRequest()
    query = _window(wanted.start, wanted.end, wanted.period, wanted.key_prefix)
    query += [
        (name, value) for name, value in (("group_by", wanted.group_by), ("tz", wanted.time_zone)) if value is not None
    ]
    return HttpRequest("GET", "/v2/usage/detail", query=tuple(query))


def build_usage_total(request: UsageRequest | None) -> HttpRequest:
    """The totals alone; no groups and no time zone there."""
    wanted = request or UsageRequest()
    if wanted.group_by is not None or wanted.time_zone is not None:
        raise InvalidRequestError("aimlapi's totals take neither group_by nor time_zone; ask for usage", provider=_NAME)
    query = _window(wanted.start, wanted.end, wanted.period, wanted.key_prefix)
    return HttpRequest("GET", "/v2/usage", query=tuple(query))


def _window(start: Any, end: Any, period: str | None, key_prefix: str | None) -> list[tuple[str, str]]:
    if period is not None and (start is not None or end is not None):
        raise InvalidRequestError("aimlapi takes a period, or start and end, not both", provider=_NAME)
    if (start is None) != (end is None):
        raise InvalidRequestError("aimlapi takes start and end together", provider=_NAME)
    if start is None:
        query = [("period", period or _DEFAULT_PERIOD)]
    else:
        query = [("start", _moment(start)), ("end", _moment(end))]
    return query if key_prefix is None else [*query, ("key_prefix", key_prefix)]


def _moment(value: date | datetime | str) -> str:
    return value if isinstance(value, str) else value.isoformat()


def parse_usage(response: HttpResponse) -> UsageReport:
    """Totals, one entry per model, and the groups that were asked for."""
    body = parse_object(response, _NAME)
    spent = _cost(body.get("spend"), body)
    requests = whole_number(body.get("requests"))
    if spent is None and requests is None:
        raise answer_without(response, _NAME, body, "usage")
    groups = [entry for entry in list_at(body, "groups") if isinstance(entry, dict)]
    return UsageReport(
        provider=_NAME,
        start=body.get("start"),
        end=body.get("end"),
        requests=requests,
        succeeded=_sum_of("succeeded", groups),
        failed=_sum_of("failed", groups),
        cost=spent,
        by_model=tuple(
            UsageEntry(
                model=entry.get("model"),
                requests=whole_number(entry.get("requests")),
                cost=_cost(entry.get("spend"), body),
            )
            for entry in list_at(body, "models")
            if isinstance(entry, dict)
        ),
        groups=tuple(_group(entry, body) for entry in groups),
        raw=body,
    )


def _sum_of(outcome: str, groups: list[dict[str, Any]]) -> int | None:
    """How many requests ended so; only groups tell, and None where one of them does not."""
    counts = [whole_number(object_at(entry, "requests").get(outcome)) for entry in groups]
    return sum(filter(None, counts)) if counts and None not in counts else None


def _group(entry: Mapping[str, Any], body: Mapping[str, Any]) -> UsageEntry:
    tokens = object_at(entry, "tokens")
    return UsageEntry(
        model=entry.get("model"),
        day=entry.get("day"),
        requests=whole_number(object_at(entry, "requests").get("total")),
        input_tokens=whole_number(tokens.get("input")),
        output_tokens=whole_number(tokens.get("output")),
        cost=_cost(entry.get("spend"), body),
    )


def _cost(value: Any, body: Mapping[str, Any]) -> Cost | None:
    amount = decimal_of(value)
    return None if amount is None else Cost(amount, str(body.get("currency") or "USD"))


# ------------------------------------------------------------------------------------------------ calls and movements


def build_logs(request: LogsRequest | None) -> HttpRequest:
    """One row per call. Only 200 of these requests a minute are allowed."""
    wanted = request or LogsRequest()
    query = _window(wanted.start, wanted.end, wanted.period, wanted.key_prefix)
    query += [("model", model) for model in wanted.models]
    query += [("status", status) for status in wanted.statuses]
    query += [(name, str(value)) for name in ("limit", "offset") if (value := getattr(wanted, name)) is not None]
    return HttpRequest("GET", "/v2/logs", query=tuple(query))


def parse_logs(response: HttpResponse) -> Page:
    """A page of calls."""
    body = parse_object(response, _NAME)
    rows = entries_of(body, response, _NAME, "a list of calls")
    paging = object_at(body, "pagination")
    limit, offset = whole_number(paging.get("limit")), whole_number(paging.get("offset"))
    step = limit if limit is not None else len(rows)
    return Page(
        items=tuple(map(_log, rows)),
        total=whole_number(paging.get("total")),
        next_offset=(offset or 0) + step if paging.get("has_more") else None,
        raw=body,
    )


def _log(row: Mapping[str, Any]) -> LogEntry:
    tokens = object_at(row, "tokens")
    return LogEntry(
        created=row.get("created"),
        status=row.get("status"),
        model=row.get("model"),
        cost=_amount(row.get("cost")),
        input_tokens=whole_number(tokens.get("input")),
        output_tokens=whole_number(tokens.get("output")),
        request_id=row.get("request_id"),
        inference_id=row.get("inference_id"),
        client_request_id=row.get("client_request_id"),
        origin=row.get("origin"),
        raw=row,
    )


def _amount(value: Any) -> Cost | None:
    if not isinstance(value, dict):
        return None
    usd, credits = decimal_of(value.get("usd")), decimal_of(value.get("credits"))
    if usd is not None:
        return Cost(usd, "USD")
    return None if credits is None else Cost(credits, "credits")


def build_transactions(request: TransactionsRequest | None) -> HttpRequest:
    """Top-ups and charges, newest first; the cursor goes back exactly as it came."""
    wanted = request or TransactionsRequest()
    values = {
        "from": None if wanted.start is None else _moment(wanted.start),
        "to": None if wanted.end is None else _moment(wanted.end),
        "direction": wanted.direction,
        "type": wanted.kind,
        "limit": None if wanted.limit is None else str(wanted.limit),
        "cursor": wanted.cursor,
    }
    query = tuple((name, value) for name, value in values.items() if value is not None)
    return HttpRequest("GET", "/v2/billing/transactions", query=query)


def parse_transactions(response: HttpResponse) -> Page:
    """A page of movements."""
    body = parse_object(response, _NAME)
    rows = entries_of(body, response, _NAME, "a list of transactions")
    paging = object_at(body, "pagination")
    cursor = paging.get("next_cursor")
    return Page(
        items=tuple(
            Transaction(
                created=row.get("created_at"),
                direction=row.get("direction"),
                kind=row.get("type"),
                amount=_amount(row.get("amount")),
                model=row.get("model"),
                reference_id=row.get("reference_id"),
                raw=row,
            )
            for row in rows
        ),
        next_cursor=cursor if isinstance(cursor, str) and paging.get("has_more") is not False else None,
        raw=body,
    )


# ------------------------------------------------------------------------------------------------ keys


def _key_body(change: KeyChange, names: Sequence[str]) -> dict[str, Any]:
    body = {name: value for name in names if (value := getattr(change, name)) is not None}
    if "scopes" in body:
        body["scopes"] = list(body["scopes"])
    if change.limit_usd is not None or change.limit_period is not None:
        if change.limit_usd is None:
            raise InvalidRequestError("aimlapi needs limit_usd beside limit_period", provider=_NAME)
        body["limit"] = {"retention": change.limit_period or "no_reset", "threshold": change.limit_usd}
    return body


def build_create_key(change: KeyChange | None) -> HttpRequest:
    """A new key; needs a management key."""
    return HttpRequest("POST", "/v1/keys", json=_key_body(change or KeyChange(), ("name", "scopes")))


def build_update_key(change: KeyChange) -> HttpRequest:
    """Only what is set is changed."""
    body = _key_body(change, ("name", "disabled", "scopes"))
    if not body:
        raise InvalidRequestError("aimlapi: there is nothing to change in the key", provider=_NAME)
    return HttpRequest("PATCH", _key_path(change.prefix), json=body)


def build_replace_key(change: KeyChange) -> HttpRequest:
    """All settings are set anew; what is None is emptied."""
    body = {"name": None, "disabled": False, "scopes": None, "limit": None}
    body |= _key_body(change, ("name", "disabled", "scopes"))
    return HttpRequest("PUT", _key_path(change.prefix), json=body)


def build_delete_key(prefix: str) -> HttpRequest:
    """By the key's first eight characters."""
    return HttpRequest("DELETE", _key_path(prefix))


def _key_path(prefix: str | None) -> str:
    if prefix is None or len(prefix) != 8 or not prefix.isprintable():
        raise InvalidRequestError("aimlapi names a key by its first eight characters", provider=_NAME)
    return f"/v1/keys/{path_segment(prefix)}"


def parse_key(response: HttpResponse) -> KeyInfo:
    """One key."""
    body = parse_object(response, _NAME)
    entry = body.get("data")
    if not isinstance(entry, dict) or not isinstance(entry.get("prefix"), str):
        raise answer_without(response, _NAME, {}, "a key")
    return _key(entry)


def parse_keys(response: HttpResponse) -> tuple[KeyInfo, ...]:
    """All keys of the account."""
    body = parse_object(response, _NAME)
    entries = entries_of(body, response, _NAME, "a list of keys")
    return tuple(_key(entry) for entry in entries if isinstance(entry.get("prefix"), str))


def parse_deleted_key(response: HttpResponse) -> bool:
    """Whether it is gone."""
    body = parse_object(response, _NAME)
    return bool(object_at(body, "data").get("deleted"))


def _key(entry: Mapping[str, Any]) -> KeyInfo:
    limit, scopes = object_at(entry, "limit"), entry.get("scopes")
    return KeyInfo(
        prefix=entry["prefix"],
        name=entry.get("name"),
        disabled=entry.get("disabled") if isinstance(entry.get("disabled"), bool) else None,
        scopes=_words(scopes) if isinstance(scopes, list) else None,
        limit_usd=decimal_of(limit.get("threshold")),
        limit_period=limit.get("retention"),
        spent_this_month_usd=decimal_of(entry.get("monthly_usage")),
        created=entry.get("created_at"),
        updated=entry.get("updated_at"),
        key=entry.get("key"),
        raw={name: value for name, value in entry.items() if name != "key"},
    )


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


OPERATIONS: dict[str, Operation[Any, Any]] = {
    "models": read_operation("models", build_models, partial(parse_models, provider=_NAME, read_model=read_model)),
    "model": read_operation("model", build_model, parse_model),
    "metrics": read_operation("metrics", build_metrics, parse_metrics),
    "balance": read_operation("balance", get("/v2/billing"), parse_balance),
    "billing_detail": read_operation("billing_detail", get("/v2/billing/detail"), parse_balance),
    "model_schema": Operation(
        "model_schema", build_model_schema, parse_model_schema, Retry.READ, limit="document_bytes"
    ),
    "deprecations": read_operation("deprecations", build_deprecations, parse_deprecations),
    "balance_legacy": read_operation("balance_legacy", get("/v1/billing/balance"), parse_balance_legacy),
    "usage": read_operation("usage", build_usage, parse_usage),
    "usage_total": read_operation("usage_total", build_usage_total, parse_usage),
    "logs": read_operation("logs", build_logs, parse_logs),
    "transactions": read_operation("transactions", build_transactions, parse_transactions),
    "create_key": Operation("create_key", build_create_key, parse_key, Retry.JOB, free=True),
    "list_keys": read_operation("list_keys", get("/v1/keys"), parse_keys),
    "get_key": read_operation("get_key", get("/v1/key"), parse_key),
    "update_key": Operation("update_key", build_update_key, parse_key, Retry.JOB, free=True),
    "replace_key": Operation("replace_key", build_replace_key, parse_key, Retry.JOB, free=True),
    "delete_key": Operation("delete_key", build_delete_key, parse_deleted_key, Retry.JOB, free=True),
}
