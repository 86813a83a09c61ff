"""What a provider says about its models, your money and your calls, in one shape for all of them; the provider's own in `raw`.

None is unknown. Nothing is 0 because a field was missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from multiapi.types.usage import Cost

# ------------------------------------------------------------------------------------------------ models


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One price of a model.

    Attributes:
        amount: In `currency`, which is None where the provider names none.
        what: What is paid for: input_tokens, output_tokens, image, second, call_at_least, ... or the provider's own word.
        per: For how many of them; None where the provider does not say it.
        when: The conditions, as in {"resolution": "720p"}.
    """

    amount: Decimal
    currency: str | None
    what: str
    per: Decimal | None = None
    when: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model as its provider describes it.

    Attributes:
        kind: The provider's own word for what it is.
        developer: Who made it.
        capabilities: The provider's own words for what it can do.
        features: What it can do (True) and what it cannot (False), in the provider's own words, where it says both (Bineric).
        files: Which files it takes, in the provider's own form: per kind the formats and `max_size_mb`, and `max_files` and
            `total_max_size_mb` of all (Bineric).
        context_tokens: How long a conversation may be.
        active: Whether it can be used now; None where the provider does not say.
        status: deprecated, superseded or withdrawn, where the provider says so; see `Client.deprecations`.
        replaced_by: The model that takes its place.
        shutdown_at: The day from which it is not there any more, as YYYY-MM-DD.
        schema_url: Where the provider describes what it takes; `Client.model_schema` reads it.
    """

    id: str
    provider: str
    name: str | None = None
    kind: str | None = None
    developer: str | None = None
    description: str | None = None
    capabilities: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    prices: tuple[Price, ...] = ()
    active: bool | None = None
    status: str | None = None
    replaced_by: str | None = None
    shutdown_at: str | None = None
    schema_url: str | None = None
    features: Mapping[str, bool] = field(default_factory=dict, repr=False)
    files: Mapping[str, Any] = field(default_factory=dict, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_offered(self) -> bool:
        """Whether it is there to be chosen: not inactive, not withdrawn, and not another name of its replacement."""
        return self.active is not False and self.status not in {"withdrawn", "superseded"}

    def is_of(self, kind: str) -> bool:
        """Whether it is of a kind, by the provider's word or a part of it: "image" is in "openai/image-generations"."""
        return kind.lower() in (self.kind or "").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """A model that its provider has withdrawn, replaced, or will.

    Attributes:
        status: deprecated (still serves), superseded (another name of `replaced_by`), withdrawn (404), or the provider's own word.
        deprecated_at, shutdown_at: Days, as YYYY-MM-DD.
        reason: The provider's own word.
    """

    id: str
    provider: str
    aliases: tuple[str, ...] = ()
    status: str = ""
    deprecated_at: str | None = None
    shutdown_at: str | None = None
    replaced_by: str | None = None
    reason: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprecationsRequest:
    """Which part of the feed: some statuses, or what happened on a day or later."""

    status: str | Sequence[str] | None = None
    since: date | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprecationFeed:
    """The entries of a response, and the tag by which the provider knows it again."""

    items: tuple[Deprecation, ...]
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsRequest:
    """Which models; the filters are AI/ML API's, other providers refuse them.

    Attributes:
        modalities: Of what goes in or comes out, as in "image"; `inputs` and `outputs` ask for one side.
        details: Ask for prices, modalities and capabilities too.
    """

    ids: Sequence[str] = ()
    types: Sequence[str] = ()
    tags: Sequence[str] = ()
    modalities: Sequence[str] = ()
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    capabilities: Sequence[str] = ()
    details: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetrics:
    """How fast a model was lately: percentiles (p50, p75, p90, p99) by what was measured (ttft_ms, tps, duration_ms)."""

    model: str
    endpoint: str | None
    window_s: int | None
    percentiles: Mapping[str, Mapping[str, float]]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


# ------------------------------------------------------------------------------------------------ money


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What is left. `amount` is None only where the provider documents no field for it and none was found; see `raw`.

    Attributes:
        active: Whether the account is paid for (Bineric).
        updated: When these figures were made.
        input_tokens, output_tokens: All tokens of the account so far.
        today: What was used today.
        total: What was used since the account is there.
    """

    provider: str
    amount: Decimal | None
    unit: str | None
    expires: str | None = None
    active: bool | None = None
    updated: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    today: UsageEntry | None = None
    total: UsageEntry | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRequest:
    """Which time. `start` and `end`, or `period` such as "24h" or "30d"; providers that take no time refuse both.

    Attributes:
        group_by: "day", "model" or "day,model" (AI/ML API).
        time_zone: In which days are counted, as in "Europe/Oslo" (AI/ML API).
        key_prefix: Of another key of the account (AI/ML API, needs a management key).
    """

    start: date | datetime | str | None = None
    end: date | datetime | str | None = None
    period: str | None = None
    group_by: str | None = None
    time_zone: str | None = None
    key_prefix: str | None = None


def days_of(period: str, today: date) -> tuple[date, date] | None:
    """The first and last day of a period such as "24h", "7d" or "4w" that ends today; None is another form."""
    number, unit = period[:-1], period[-1:].lower()
    if not number.isascii() or not number.isdigit() or unit not in _UNITS or len(number) > MOST_DIGITS:
        return None
    days = -(-int(number) * _UNITS[unit] // 24)
    return (today - timedelta(days=max(days, 1) - 1), today) if days < MOST_DAYS else None


_UNITS = {"h": 1, "d": 24, "w": 168}
MOST_DIGITS = 6
MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageEntry:
    """A part of the usage: of one model, of one day, or both."""

    model: str | None = None
    day: str | None = None
    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Cost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """What was used in a time.

    Attributes:
        by_model: One entry per model.
        groups: What `group_by` asked for.
        balance: What is left, where the provider says it here.
    """

    provider: str
    start: str | None = None
    end: str | None = None
    days: int | None = None
    requests: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cost: Cost | None = None
    balance: Decimal | None = None
    by_model: tuple[UsageEntry, ...] = ()
    groups: tuple[UsageEntry, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyUsage:
    """What was used today, and whether the account is paid for."""

    provider: str
    active: bool | None = None
    expires: str | None = None
    requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Cost | None = None
    last_model: str | None = None
    last_time: str | None = None
    last_cost: Cost | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the provider says it is."""

    provider: str
    ok: bool
    status: str | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------ calls and keys


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsRequest:
    """Which calls: a time as in `UsageRequest`, some models, a status ("succeeded", "failed"), and a page of the list."""

    start: date | datetime | str | None = None
    end: date | datetime | str | None = None
    period: str | None = None
    models: Sequence[str] = ()
    statuses: Sequence[str] = ()
    limit: int | None = None
    offset: int | None = None
    key_prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One call.

    Attributes:
        origin: "api", or "playground" for the provider's own page.
        client_request_id: The id that this library sent with it.
    """

    created: str | None
    status: str | None
    model: str | None
    cost: Cost | None
    input_tokens: int | None = None
    output_tokens: int | None = None
    request_id: str | None = None
    inference_id: str | None = None
    client_request_id: str | None = None
    origin: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionsRequest:
    """Which movements of money: `direction` "TOPUP" or "CHARGE", `kind` the provider's type; `cursor` from the page before."""

    start: date | datetime | str | None = None
    end: date | datetime | str | None = None
    direction: str | None = None
    kind: str | None = None
    limit: int | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One movement of money."""

    created: str | None
    direction: str | None
    kind: str | None
    amount: Cost | None
    model: str | None = None
    reference_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a list. `next_offset` or `next_cursor` goes into the request for the next one; both are None at the end."""

    items: tuple[Any, ...]
    total: int | None = None
    next_offset: int | None = None
    next_cursor: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """One of the account's API keys.

    Attributes:
        prefix: Its first eight characters, by which it is named.
        limit_usd: Above which it is refused, within `limit_period` (day, week, month, no_reset).
        key: The whole key, only in the response that made it. It shows itself nowhere.
    """

    prefix: str
    name: str | None = None
    disabled: bool | None = None
    scopes: tuple[str, ...] | None = None
    limit_usd: Decimal | None = None
    limit_period: str | None = None
    spent_this_month_usd: Decimal | None = None
    created: str | None = None
    updated: str | None = None
    key: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """A key to be made or changed. None leaves a setting as it is (or as the provider has it by default)."""

    prefix: str | None = None
    name: str | None = None
    disabled: bool | None = None
    scopes: Sequence[str] | None = None
    limit_usd: float | None = None
    limit_period: str | None = None
