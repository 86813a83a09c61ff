"""What the shell offers behind the TAB key: providers, and the models that the command takes from the provider that was named."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from typing import Any

import typer

from multiapi.provider import Provider
from multiapi.providers import known_providers

CALLS = {"chat": ("chat",), "image": ("image", "edit_image"), "video": ("video", "video_from_image")}
"""The calls of a client that a command makes, where that is not the one of its name."""
PROVIDER_VARIABLE = "MULTIAPI_PROVIDER"
VARIABLE = "_MULTIAPI_COMPLETE"


def provider_names(incomplete: str) -> list[str]:
    """Providers, for the shell's completion."""
    return [name for name in known_providers() if name.startswith(incomplete)]


def model_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Models for the command and the provider that were named before; behind the provider's name if none was."""
    contexts = [ctx, *([ctx.parent] if ctx.parent is not None else [])]
    named = next((str(each.params["provider"]) for each in contexts if each.params.get("provider")), None)
    named = named or os.environ.get(PROVIDER_VARIABLE) or None
    providers = known_providers()
    if named is None:
        offered = [f"{name}:{model}" for name, each in providers.items() for model in _models(each, ctx.info_name)]
    elif named in providers:
        offered = list(_models(providers[named], ctx.info_name))
        if incomplete.startswith(f"{named}:"):
            offered = [f"{named}:{model}" for model in offered]
    else:
        offered = []
    return [name for name in offered if name.startswith(incomplete)]


def _models(provider: Provider, command: str | None) -> Iterable[str]:
    calls = CALLS.get(str(command), (str(command),))
    if command in {"models", "batch", None}:
        calls = tuple(provider.default_models)
    usual = [provider.default_models[call] for call in calls if call in provider.default_models]
    known = [model for call in calls for model in (provider.known_models(call) if provider.known_models else ())]
    return dict.fromkeys([*usual, *known])


# ------------------------------------------------------------------------------------------------ bash


def complete_in_bash(main: Callable[[], Any]) -> None:
    """Complete for bash, which takes `aimlapi:openai/gpt` for three words: they are put together, and what stands before the colon is left out.

    Ends the program as `main` does.
    """
    words, place = joined_words(os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", "0")))
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(words), str(place)
    word = words[place] if place < len(words) else ""
    value = word.partition("=")[2] if word.startswith("--") else word
    before = value[: value.rfind(":") + 1]
    written = io.StringIO()
    try:
        with redirect_stdout(written):
            main()
    finally:
        for line in written.getvalue().splitlines():
            sys.stdout.write(f"{line.removeprefix(before)}\n")


def joined_words(words: list[str], place: int) -> tuple[list[str], int]:
    """Words of a command line as the user wrote them, and the number of the one in which the cursor stands."""
    made: list[str] = []
    at = place
    glued = False
    for number, word in enumerate(words):
        breaks = word in {":", "="} and bool(made) and (word == ":" or made[-1].startswith("--"))
        if made and (breaks or glued):
            made[-1] += word
        else:
            made.append(word)
        glued = breaks
        if number == place:
            at = len(made) - 1
    return made, at if place < len(words) else len(made)
