"""What is to be reached: one row per goal, with its limit for each framework."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Round = dict[str, float]
How = Literal["ratio", "over", "value", "least", "growth"]


@dataclass(frozen=True)
class Goal:
    """One figure of one case.

    Attributes:
        how: ratio: to the incumbent, in the same round. over: more than the framework alone. value: at most. least: at least.
            growth: to the same client's figure in the case `other`.
        limits: For LangChain and for LlamaIndex.
        reasons: By framework, why it may be missed; `{case/client/metric}` stands for what was measured there.
    """

    label: str
    case: str
    metric: str
    how: How
    limits: tuple[float, float]
    other: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def measured(self, product: Sequence[Round], reference: Sequence[Round]) -> float | None:
        """The median over the rounds; a ratio is taken inside each round, before the median."""
        own = [each[self.metric] for each in product if self.metric in each]
        if self.how in ("value", "least"):
            return statistics.median(own) if own else None
        pairs = [
            (each[self.metric], other[self.metric])
            for each, other in zip(product, reference, strict=False)
            if self.metric in each and self.metric in other
        ]
        if not pairs:
            return None
        if self.how == "over":
            return statistics.median(a - b for a, b in pairs)
        return statistics.median(a / b for a, b in pairs)

    def holds(self, figure: float, limit: float) -> bool:
        """Whether that is good enough."""
        return figure >= limit if self.how == "least" else figure <= limit

    @property
    def reference(self) -> Literal["floor", "incumbent", "self", "none"]:
        """What the figure is compared with."""
        return {"ratio": "incumbent", "over": "floor", "growth": "self"}.get(self.how, "none")  # type: ignore[return-value]


GOALS: tuple[Goal, ...] = (
    Goal("import, CPU over the framework's own, ms", "import", "cpu_ms", "over", (60, 60)),
    Goal("import, modules over the framework's own", "import", "modules", "over", (40, 40)),
    Goal("first model and first call", "construct", "first_total_ms", "ratio", (0.3, 0.3)),
    Goal(
        "model constructed again",
        "construct",
        "again_us",
        "ratio",
        (0.2, 0.2),
        reasons={
            "li": "The goal lies below what LlamaIndex itself takes to construct a model: {construct/li-floor/again_us} us for one "
            "with a single field, {construct/li-floor/again_same_fields_us} us for one with the fields of `MultiApiLLM` and no "
            "code of ours, against {construct/li-openailike/again_us} us for OpenAILike and {construct/li-multiapi/again_us} us "
            "for `MultiApiLLM`. OpenAILike puts off the making of its client to the first call of each model; together with "
            "that call it takes {construct/li-openailike/again_call_us} us, `MultiApiLLM` {construct/li-multiapi/again_call_us} us."
        },
    ),
    Goal("invoke / chat", "invoke", "cpu_us", "ratio", (0.40, 0.38)),
    Goal("HTTP requests per call", "invoke", "requests_per_call", "value", (1, 1)),
    Goal("ainvoke / achat", "ainvoke", "cpu_us", "ratio", (0.47, 0.43)),
    Goal("ainvoke / achat, the stricter goal", "ainvoke", "cpu_us", "ratio", (0.36, 0.33)),
    Goal("stream of 1,000, per chunk", "stream", "cpu_us_chunk", "ratio", (0.16, 0.19)),
    Goal("stream of 10,000, per chunk", "stream10k", "cpu_us_chunk", "ratio", (0.22, 0.19)),
    Goal("time to first chunk", "first-chunk", "wait_us", "ratio", (0.5, 0.5)),
    Goal("astream, per chunk", "astream", "cpu_us_chunk", "ratio", (0.17, 0.21)),
    Goal("astream, per chunk, the stricter goal", "astream", "cpu_us_chunk", "ratio", (0.12, 0.15)),
    Goal("connections for six streams", "stream", "connections", "value", (1, 1)),
    Goal("connections for six streams, async", "astream", "connections", "value", (1, 1)),
    Goal("200 concurrent, CPU per call", "conc200", "cpu_us", "ratio", (0.08, 0.08)),
    Goal("200 concurrent, the stricter goal", "conc200", "cpu_us", "ratio", (0.06, 0.05)),
    Goal("200 concurrent, answers per second", "conc200", "answers_per_s", "least", (1200, 1200)),
    Goal("1,000 concurrent, p99", "conc1000", "p99_ms", "ratio", (0.08, 0.08)),
    Goal("1,000 concurrent, connections", "conc1000", "most_connections", "value", (1000, 1000)),
    Goal("32 threads on one model", "threads", "cpu_us", "ratio", (0.55, 0.55)),
    Goal("tool arguments of 10 kB, read", "tools10k-read", "cpu_ms", "ratio", (0.2, 0.2)),
    Goal("tool arguments of 100 kB, read", "tools100k-read", "cpu_ms", "ratio", (0.2, 0.2)),
    Goal("tool arguments of 400 kB, read", "tools400k-read", "cpu_ms", "ratio", (0.2, 0.2)),
    Goal("400 kB to 10 kB, read", "tools400k-read", "cpu_ms", "growth", (60, 60), other="tools10k-read"),
    Goal("tool arguments of 10 kB, added up", "tools10k", "cpu_ms", "ratio", (0.10, 0.10)),
    Goal("500 messages of history, per call", "history", "cpu_us", "ratio", (0.05, 0.02)),
    Goal("stream after them, per chunk", "history-stream", "cpu_us_chunk", "ratio", (0.10, 0.22)),
    Goal("10 MB image in the prompt", "image", "cpu_ms", "ratio", (0.40, 0.33)),
    Goal("its memory beyond the base64 text, MB", "image", "peak_mb", "value", (11.5, 11.5)),
    Goal("embeddings 2,048 x 1,536", "embed2k", "cpu_us_vector", "ratio", (0.55, 0.80)),
    Goal("its peak memory", "embed2k", "peak_mb", "ratio", (0.95, 0.90)),
    Goal("embeddings 2,048 x 1,536, floats as text", "embed2k-floats", "cpu_us_vector", "ratio", (0.55, 0.80)),
    Goal("its peak memory", "embed2k-floats", "peak_mb", "ratio", (0.95, 0.90)),
    Goal("embeddings 20,000 x 1,536", "embed20k", "cpu_us_vector", "ratio", (0.55, 0.80)),
    Goal("its peak memory", "embed20k", "peak_mb", "ratio", (0.95, 0.90)),
    Goal("batches side by side to one by one", "embed-batches", "share_of_one_by_one", "value", (0.5, 0.5)),
    Goal("memory growth over 10,000 calls, kB", "memory", "growth_kb", "value", (500, 500)),
    Goal("Python's memory blocks left per 1,000 of them", "memory", "blocks_per_1000", "value", (20, 20)),
)
