"""Fields of a body that a provider is not known to take: said before they are sent, because some are taken, dropped and paid for.

Nothing is refused unless that is asked for: models that are newer than the catalogue have fields that nobody listed.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, get_args

from multiapi.errors import InvalidRequestError
from multiapi.flows.steps import Target, UnknownFields
from multiapi.formats.model_facts import model_fact

if TYPE_CHECKING:
    from multiapi.types.chat import ChatRequest

WORDS: tuple[str, ...] = get_args(UnknownFields)


class UnknownFieldWarning(UserWarning):
    """A field goes out that the provider is not known to take, or that has no effect."""


def check_fields(target: Target, request: ChatRequest) -> None:
    """Say of each field in `extra` that is not known, once per client, what was probably meant.

    Raises:
        InvalidRequestError: There is one, and `unknown_fields` is "error".
    """
    provider = target.provider
    if not request.extra or provider.known_fields is None or target.unknown_fields == "pass":
        return
    known = provider.known_fields(request.model)
    fact = model_fact(provider.name, request.model, "unheeded")
    unheeded = {} if fact is None else fact.value
    for name in request.extra:
        if name in unheeded:
            words = f"{name} has no effect on {request.model}; {unheeded[name]} has"
        elif name in known:
            continue
        else:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1, cutoff=0.6)
            words = f"the field {name!r} is not known" + (f"; did you mean {near[0]!r}?" if near else "")
        words = f"{provider.name}: {words}"
        if target.unknown_fields == "error":
            raise InvalidRequestError(words, provider=provider.name)
        said = target.memory if target.memory is not None else {}
        if ("unknown field", name) not in said:
            said["unknown field", name] = True
            warnings.warn(words, UnknownFieldWarning, stacklevel=2)
