"""Binom.Router: one chat operation in the shared format.

Five request fields are documented beside a claim of full OpenAI compatibility: tools, JSON mode and images are sent only when they are
asked for. Token counts of streams are asked for by default, because budgets rest on them (`stream_usage=False` does not ask); a refusal
of any of these is stepped down from.

Facts and sources: multiapi/simulator/contracts/binom_router.yaml.
"""

from __future__ import annotations

from functools import partial

from multiapi.formats.openai.vendor import Dialect, openai_compatible, usage_cost

BINOM_ROUTER = openai_compatible(
    name="binom_router",
    title="Binom.Router",
    base_url="https://api.binom-router.com/v1",
    api_key_env="BINOM_ROUTER_API_KEY",
    base_url_env="BINOM_ROUTER_BASE_URL",
    dialect=Dialect(provider="binom_router", stream_usage=True),
    units=("credits",),
    tells_cost=False,
    read_cost=partial(usage_cost, unit="credits"),
    default_models={"chat": "gpt-4o"},
    capabilities={
        "chat": "documented",
        "streaming": "documented",
        "tools": "assumed",
        "structured_output": "assumed",
        "json_mode": "assumed",
        "vision": "assumed",
    },
)
