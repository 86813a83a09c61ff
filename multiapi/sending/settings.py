"""What both clients are made of: a provider, a key, an address and limits. No connection, so it copies and pickles."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from multiapi.errors import InvalidRequestError, MissingApiKeyError
from multiapi.flows.embeddings import texts_per_request
from multiapi.flows.steps import Policy, Sleep, Target, UnknownFields
from multiapi.flows.unknown_fields import WORDS
from multiapi.money.budget import Budget
from multiapi.provider import Provider, ProviderName
from multiapi.providers import find_provider
from multiapi.sending.addresses import checked_base_url
from multiapi.sending.attribution import attribution_headers, checked_attribution
from multiapi.sending.connection_checks import (
    check_http_client,
    check_proxy,
    checked_headers,
    ignored_proxy,
    passwords_of,
)
from multiapi.sending.engines import OWN, checked_engine, engine_in_use
from multiapi.sending.failures import Failures
from multiapi.sending.kept import PROCESS
from multiapi.sending.keys import ApiKey
from multiapi.sending.limiter import Limiter, documented_limiter
from multiapi.sending.retry_budget import RetryBudget
from multiapi.sending.scrubbing import Scrubber
from multiapi.sending.waiting import waiting
from multiapi.types.attribution import Attribution
from multiapi.types.embeddings import EmbedRequest
from multiapi.types.limits import Limits, Timeout

if TYPE_CHECKING:
    from multiapi.transport.proxies import ProxyRules

_NOT_KEPT = frozenset({"_budget", "_target", "_failures", "http_client", "environment_proxies"})
"""What a pickle or a copy goes without."""


class Settings:
    """The settings of a client, and what follows from them."""

    awaits = False
    """Whether it is awaited."""

    def __init__(
        self,
        provider: ProviderName | Provider,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        timeout: Any = None,
        max_retries: int | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, str] | None = None,
        http_client: Any = None,
        proxy: str | None = None,
        verify: Any = True,
        allow_http: bool = False,
        limiter: Limiter | Literal["documented"] | None = None,
        unknown_fields: UnknownFields = "warn",
        attribution: Attribution | None = None,
        budget: Budget | str | None = None,
        trust_env: bool = True,
        engine: str | None = None,
    ) -> None:
        self.provider = find_provider(provider)
        self.budget = Budget.of(budget)
        if self.budget is not None:
            self.budget.attach(self.provider.name, self.provider.units)
        if unknown_fields not in WORDS:
            raise InvalidRequestError(
                f"{self.provider.name}: unknown_fields must be one of {', '.join(WORDS)}, not {unknown_fields!r}",
                provider=self.provider.name,
            )
        self.unknown_fields = unknown_fields
        self.attribution = checked_attribution(attribution, self.provider)
        key = ApiKey.find_or_later(
            api_key,
            provider=self.provider.name,
            variable=self.provider.api_key_env,
            others=self.provider.other_key_envs,
        )
        api_key = None  # no frame of an error that is raised from here on has it
        if isinstance(key, MissingApiKeyError):
            raise key
        self.key = key
        self.base_url = checked_base_url(self.provider, base_url, allow_http=allow_http)
        self.limiter = None if limiter == "documented" else limiter
        self._keeps_to_documents = limiter == "documented"
        self.timeout = Timeout.of(timeout)
        self.limits = limits or Limits()
        self.policy = policy or Policy()
        if max_retries is not None:
            self.policy = replace(self.policy, max_retries=max_retries)
        self.default_headers = checked_headers(default_headers or {}, self.provider.name)
        self.default_query = tuple((default_query or {}).items())
        check_http_client(http_client, self.provider.name, awaits=self.awaits)
        check_proxy(proxy, self.provider.name)
        self.http_client = http_client
        self.proxy = proxy
        self.verify = verify
        self.trust_env = trust_env
        self.engine = checked_engine(engine, self.provider.name)
        self._derive()

    def _derive(self) -> None:
        reads_roots = self.http_client is None and isinstance(self.verify, (bool, str))
        is_secure = self.base_url.startswith("https:")
        self._roots = (self.verify, self.trust_env or self.verify is not True) if reads_roots and is_secure else None
        self._attribution = attribution_headers(self.attribution, self.provider, self.base_url)
        self._budget = PROCESS.retry_budgets.get(self.base_url, RetryBudget)
        if self._keeps_to_documents:
            self.limiter = documented_limiter(self.provider, hash(self.key)) if self.key.is_fixed else None
        self._target = Target(
            self.provider,
            self.base_url,
            self.policy,
            PROCESS.refusals,
            self.limits,
            {},
            self.unknown_fields,
            self.budget,
            counts_tokens=getattr(self.limiter, "tokens_per_minute", None) is not None,
        )
        fixed = [self.key.reveal()] if self.key.is_fixed else []
        set_by_user = [*self.default_headers.values(), *(value for _, value in self.default_query)]
        set_by_user += passwords_of(self.proxy)
        self._failures = Failures(
            self.provider,
            Scrubber(set_by_user, keys=fixed),
            partial(ignored_proxy, self.proxy, self.http_client, trust_env=self.trust_env),
            self.base_url,
        )

    def __repr__(self) -> str:
        made = self.__dict__  # an error may show one that is not finished
        return f"{type(self).__name__}({made['provider'].name if 'provider' in made else '?'!r}, base_url={made.get('base_url')!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _NOT_KEPT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, http_client=None)
        self._derive()

    @cached_property
    def environment_proxies(self) -> ProxyRules:
        """Which proxy the environment wants for which address, as it is when the first request is sent."""
        from multiapi.transport.proxies import environment_rules

        return environment_rules()

    @property
    def tls(self) -> Any:
        """What certificates are checked against: `verify`, and the environment only where it is trusted."""
        if self.trust_env or self.verify is not True:
            return self.verify
        from multiapi.transport.tls import tls_context

        return tls_context(trust_env=False)

    @property
    def keeps_deadlines(self) -> bool:
        """Whether what sends the requests keeps to their deadline within every wait."""
        return self.http_client is None and engine_in_use(self.engine) == OWN

    def texts_per_request(self, request: EmbedRequest) -> int:
        """How many texts of this request for embeddings are sent at once, by what is known of the model."""
        return texts_per_request(self._target, request)

    def _failures_of_a_call(self) -> Failures:
        """What makes the errors of one call; where a function gives the keys, it learns which ones were used in that call."""
        if self.key.is_fixed:
            return self._failures
        return self._failures._replace(scrubber=self._failures.scrubber.copy())

    def _limiter_of(self, key: str) -> Limiter | None:
        """The limiter for a request with this key: a documented cap is the key's, whichever function or client it came from."""
        if self._keeps_to_documents and self.limiter is None:
            return documented_limiter(self.provider, hash(ApiKey(key, provider=self.provider.name)))
        return self.limiter

    def _deadline(self, most_s: float | None = None) -> float | None:
        least = self.timeout.total
        if least is None or (most_s is not None and most_s < least):
            least = most_s
        return None if least is None else time.monotonic() + least

    def _sleep_s(self, step: Sleep, deadline: float | None) -> tuple[float, str | None]:
        """How long to wait, or why not to."""
        seconds = waiting().between(step.least_s, step.most_s)
        if deadline is not None and time.monotonic() + seconds >= deadline:
            return 0.0, "no time is left of the total limit"
        if self.policy.use_budget and not self._budget.take():
            return 0.0, "too many retries have failed lately"
        return seconds, None
