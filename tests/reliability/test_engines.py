"""The cases of connections again, with the pools of httpx and httpx2 instead of ours."""

from __future__ import annotations

import pytest

from tests.reliability import test_connections as cases


@pytest.fixture(params=["httpx", "httpx2"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which one sends, here."""
    name: str = request.param
    monkeypatch.setenv("MULTIAPI_ENGINE", name)
    return name


test_refused = cases.test_case_042_refused
test_no_such_name = cases.test_case_042_no_such_name
test_tls_failure = cases.test_case_042_tls_failure
test_connect_timeout = cases.test_case_042_connect_timeout
test_embeddings = cases.test_case_042_for_embeddings_too
test_broken_off = cases.test_case_043_broken_off
test_the_error_says_what_to_look_at = cases.test_case_043_the_error_says_what_to_look_at
test_no_byte_at_all = cases.test_case_044_no_byte_at_all
test_silence_in_the_middle = cases.test_case_044_silence_in_the_middle
test_slow_with_small_gaps = cases.test_case_045_slow_with_small_gaps
test_the_key_goes_only_into_its_header = cases.test_the_key_goes_only_into_its_header
