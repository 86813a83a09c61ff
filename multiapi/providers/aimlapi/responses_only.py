"""Models that have a schema for `/v1/responses` and none for chat; written by `catalogue.build` from the list of the contract."""

RESPONSES_ONLY = frozenset(
    {
        "openai/gpt-5-1-codex",
        "openai/gpt-5-1-codex-mini",
        "openai/gpt-5-2-codex",
        "openai/gpt-5-2-pro",
        "openai/gpt-5-3-codex",
        "openai/gpt-5-4",
        "openai/gpt-5-4-pro",
        "openai/gpt-5-5-pro",
        "openai/gpt-5-pro",
        "openai/o3-pro",
    }
)
