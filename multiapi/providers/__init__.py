"""The five providers of this package. Another package adds one by an entry point of the group `multiapi.providers` that names a `Provider`."""

from __future__ import annotations

from multiapi.provider import PROVIDERS, find_provider, known_providers, register, split_model
from multiapi.providers.aicredits import AICREDITS
from multiapi.providers.aimlapi import AIMLAPI
from multiapi.providers.bineric import BINERIC
from multiapi.providers.binobox import BINOBOX
from multiapi.providers.binom_router import BINOM_ROUTER

__all__ = ["PROVIDERS", "find_provider", "known_providers", "register", "split_model"]

for _provider in (BINERIC, BINOM_ROUTER, AIMLAPI, AICREDITS, BINOBOX):
    register(_provider)
