"""AICredits: the shared format, billed in rupees.

- 503 is final (no provider serves the model); 502 and 504 are worth a repetition.
- `/api/models` and `/health` lie outside `/v1`, so the API root is the host and the paths carry `/v1`.
- `/v1/responses` is named without a description: what goes there is OpenAI's form.
- At most five calls of one user may run at once.
- Structured output goes by the developer in the model's id: `json_schema` for OpenAI's, a tool for all others. Documented (structured outputs
  page); two users saw `json_schema` give "" or "{}", charged, on Gemini's routes (grade A, October 2026). A named method is always sent.
- A 5xx 25 s or more after an unstreamed chat was sent is final: the gateway ends such calls after about 30 s (grade A, October 2026; whether it
  charges is not known). `streaming="auto"` streams inside of a call, `Policy(repeat_unknown=True)` repeats all the same.
- Token counts of streams are asked for (`stream_options`): the provider claims to work with any OpenAI client, and users do so (grade B,
  November 2026). `stream_usage=False` does not ask; a refusal is stepped down from.
- Embeddings go in batches of 64: users have seen larger ones refused (grade B, November 2026); `batch_size` chooses another size.

Facts and sources: multiapi/simulator/contracts/aicredits.yaml.
"""

from __future__ import annotations

from functools import partial

from multiapi.formats.apis import chosen_api, with_apis
from multiapi.formats.model_facts import model_fact
from multiapi.formats.openai.vendor import Dialect, openai_compatible, usage_cost
from multiapi.formats.schemas import SchemaStyle
from multiapi.types.chat import StructuredMethod


def normalize_base_url(address: str) -> str:
    """The host's root, also where the address was given with the closing `/v1`; a closing `/api` stays (seen, grade B to C)."""
    return address.rstrip("/").removesuffix("/v1")


def structured_by_model(model: str) -> tuple[StructuredMethod, ...]:
    """Ways to structured output, best first, from the table of facts."""
    fact = model_fact("aicredits", model, "structured")
    return ("json_schema", "function_calling", "json_mode", "prompted") if fact is None else fact.value


SCHEMAS = SchemaStyle(type_lists=False)
"""A list of types is refused, `anyOf` is taken (seen in 2026, grade A): the gateway reads schemas into a structure of Go."""

_SHARED = openai_compatible(
    name="aicredits",
    title="AICredits",
    base_url="https://api.aicredits.in",
    api_key_env="AICREDITS_API_KEY",
    base_url_env="AICREDITS_BASE_URL",
    dialect=Dialect(provider="aicredits", stream_usage=True, schemas=SCHEMAS),
    structured_by_model=structured_by_model,
    units=("INR",),
    tells_cost=False,
    read_cost=partial(usage_cost, unit="INR"),
    rest_is_reasoning=True,
    chat_path="/v1/chat/completions",
    embed_path="/v1/embeddings",
    final_statuses=frozenset({503}),
    unstreamed_limit_s=25.0,
    operation_paths=(
        "/chat/completions",
        "/responses",
        "/embeddings",
        "/images/generations",
        "/audio/speech",
        "/audio/transcriptions",
        "/credits",
        "/v1/models",
        "/api/models",
        "/health",
    ),
    normalize_base_url=normalize_base_url,
    prompt_cache_field="cache",
    max_concurrency=5,
    requests_per_minute=60,
    max_body_bytes=10_000_000,
    embed_batch_size=64,
    announces_per_minute=True,
    default_models={
        "chat": "openai/gpt-4o-mini",
        "embed": "openai/text-embedding-3-small",
        "image": "dall-e-3",
        "speech": "openai/tts-1",
        "transcribe": "openai/whisper-1",
    },
    default_voice="alloy",
    operations="multiapi.providers.aicredits.operations",
    capabilities={
        "chat": "documented",
        "streaming": "documented",
        "tools": "documented",
        "structured_output": "documented",
        "json_mode": "documented",
        "vision": "assumed",
        "embeddings": "documented",
        "image": "documented",
        "speech": "documented",
        "transcription": "documented",
        "models": "documented",
        "balance": "documented",
        "credits": "documented",
        "health": "documented",
        "responses": "assumed",
    },
)

AICREDITS = with_apis(
    _SHARED,
    ("responses",),
    choose=chosen_api,
    schemas=SCHEMAS,
    read_cost=_SHARED.read_cost,
    rest_is_reasoning=True,
)
