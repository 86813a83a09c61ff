"""How many tokens models take: as the provider's list says it, read in this process or shipped, else as their makers publish it.

The shipped lists are dated (`multiapi/money/price_lists.json`; `python -m multiapi.cli.shipped_lists` renews them). The table
here holds only what none of them says. A name is looked up in it, and among the names of the shipped lists, by how it begins, without
the maker's prefix, longest beginning first. A provider may offer less and then refuses longer conversations by a typed error.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from multiapi.errors import one_line
from multiapi.money.prices import shipped_limits
from multiapi.provider import Provider, find_provider

if TYPE_CHECKING:
    from multiapi.types.account import ModelInfo

logger = logging.getLogger("multiapi")

DEFAULT_CONTEXT_WINDOW = 32_768
"""For models that are not known: what nearly every chat model of today takes."""

_WINDOWS = {
    "gpt-3.5-turbo": 16_385,
    "gpt-3.5-turbo-instruct": 4_096,
    "gpt-4": 8_192,
    "gpt-4-32k": 32_768,
    "gpt-4-turbo": 128_000,
    "gpt-4-1106": 128_000,
    "gpt-4-0125": 128_000,
    "chatgpt-4o": 128_000,
    "gpt-4.1": 1_047_576,
    "gpt-4.5": 128_000,
    "gpt-5": 400_000,
    "gpt-oss": 131_072,
    "o1": 200_000,
    "o1-mini": 128_000,
    "o1-preview": 128_000,
    "o3": 200_000,
    "o4-mini": 200_000,
    "claude": 200_000,
    "claude-2.0": 100_000,
    "claude-instant": 100_000,
    "gemini": 1_048_576,
    "gemini-1.0": 32_768,
    "gemini-pro": 32_768,
    "gemini-1.5-pro": 2_097_152,
    "gemma": 8_192,
    "gemma-3": 131_072,
    "gemma-3n": 32_768,
    "deepseek": 65_536,
    "deepseek-chat-v3": 131_072,
    "deepseek-v3": 131_072,
    "deepseek-r1": 131_072,
    "llama-2": 4_096,
    "llama-3": 8_192,
    "llama-3.1": 131_072,
    "llama-3.2": 131_072,
    "llama-3.3": 131_072,
    "llama-4": 131_072,
    "meta-llama-3": 8_192,
    "meta-llama-3.1": 131_072,
    "mistral-7b": 32_768,
    "mistral-large": 131_072,
    "mistral-medium": 131_072,
    "mistral-nemo": 131_072,
    "mistral-small-3": 131_072,
    "mixtral-8x7b": 32_768,
    "mixtral-8x22b": 65_536,
    "codestral": 32_768,
    "qwen3": 131_072,
    "qwen2.5-coder-32b": 131_072,
    "grok-2": 131_072,
    "grok-3": 131_072,
    "grok-4": 256_000,
    "kimi-k2": 131_072,
    "glm-4.5": 131_072,
    "glm-4.6": 200_000,
    "command-r": 128_000,
    "command-a": 256_000,
    "minimax-m1": 1_000_000,
    "minimax-text-01": 1_000_000,
    "nova-micro": 128_000,
    "nova-lite": 300_000,
    "nova-pro": 300_000,
    "sonar": 127_072,
}
"""What makers publish for their own services, by the beginning of a name, as far as no shipped list says it."""

_SPELLINGS = (
    ("llama3", "llama-3"),
    ("llama4", "llama-4"),
    ("gpt4", "gpt-4"),
    ("gpt-35", "gpt-3.5"),
    ("claude3", "claude-3"),
)

_LISTED = {
    (provider, model): said["context_tokens"]
    for provider, models in shipped_limits().items()
    for model, said in models.items()
    if "context_tokens" in said
}
"""What the shipped lists say, by provider and model; read with the module, so that no call waits for the disk."""

_OF_ANY_LIST = {model.rpartition("/")[2].lower().replace("_", "-"): window for (_, model), window in _LISTED.items()}
_KNOWN = _WINDOWS | _OF_ANY_LIST

MAX_LEARNED = 20_000
LEARNED: dict[tuple[str, str], int] = {}
"""What a provider's own model list said in this process, by provider and model."""


def learn(models: Iterable[ModelInfo]) -> None:
    """Take over what a provider's list says; it wins over what the makers publish."""
    for model in models:
        if model.context_tokens:
            for name in (model.id, *model.aliases):
                if len(LEARNED) < MAX_LEARNED or (model.provider, name) in LEARNED:
                    LEARNED[model.provider, name] = model.context_tokens


def known_context_window(provider: str | Provider, model: str) -> int | None:
    """Tokens that a model takes, or None if nobody has said: as the provider's list, its `Provider`, another list, or its maker says it."""
    vendor = find_provider(provider)
    own = _longest_beginning(model, vendor.context_windows) if vendor.context_windows else None
    listed = LEARNED.get((vendor.name, model)) or own or _LISTED.get((vendor.name, model))
    return listed or _published(model)


def hand_kept() -> frozenset[str]:
    """The beginnings of names in the table of this module."""
    return frozenset(_WINDOWS)


@cache
def _published(model: str) -> int | None:
    name = model.rpartition("/")[2].lower().replace("_", "-")
    for other, usual in _SPELLINGS:
        if name.startswith(other):
            name = usual + name[len(other) :]
    return _longest_beginning(name, _KNOWN)


def _longest_beginning(name: str, windows: Mapping[str, int]) -> int | None:
    begun = max((start for start in windows if _begins(name, start)), key=len, default=None)
    return None if begun is None else windows[begun]


def _begins(name: str, start: str) -> bool:
    """Whether a name begins with whole words of another: "o1-mini" begins with "o1", "o10" does not."""
    return name.startswith(start) and not re.match(r"[a-z0-9.]", name[len(start) :])


def context_window_of(provider: str | Provider, model: str) -> int:
    """Tokens that a model takes; for one that is not known a cautious figure, with one warning."""
    found = known_context_window(provider, model)
    if found is not None:
        return found
    _warn(find_provider(provider).name, model)
    return DEFAULT_CONTEXT_WINDOW


@cache
def _warn(provider: str, model: str) -> None:
    logger.warning(
        "the context window of %s at %s is not known; %d tokens are assumed, set context_window to change that",
        one_line(model),
        provider,
        DEFAULT_CONTEXT_WINDOW,
    )
