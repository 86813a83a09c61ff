"""What all tests share: clean settings, and the simulator in process."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from multiapi.providers import PROVIDERS
from multiapi.sending.settings import REFUSALS, RETRY_BUDGETS

hypothesis.settings.register_profile("multiapi", deadline=None)  # no test is decided by elapsed time
hypothesis.settings.load_profile("multiapi")


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key, address or proxy of the machine reaches a test, and no test what another one taught the process."""
    for provider in PROVIDERS.values():
        for name in (*provider.key_variables, *provider.base_url_variables):
            monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    REFUSALS.forget()
    for budget in RETRY_BUDGETS.values():
        budget.refill()
    yield
