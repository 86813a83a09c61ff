"""Images without a model: AICredits documents which one it takes then, everybody else needs one."""

from __future__ import annotations

import httpx
import pytest

from multiapi import PROVIDERS, Client, ImageRequest
from multiapi.errors import InvalidRequestError
from multiapi.simulator import Simulator


def client(simulator: Simulator, provider: str) -> Client:
    http = httpx.Client(transport=simulator.transport)
    return Client(provider, api_key="any-key-1234", base_url=simulator.base_url(provider), http_client=http)


def test_aicredits_chooses_a_model_that_is_not_named() -> None:
    simulator = Simulator()
    made = client(simulator, "aicredits").image(ImageRequest(prompt="a red house"))
    assert made.media[0].mime_type == "image/png" and len(simulator.log) == 1
    assert PROVIDERS["aicredits"].operations["image"].build(ImageRequest(prompt="x")).json == {"prompt": "x"}
    for wrong in (
        ImageRequest(prompt="x", count=2),
        ImageRequest(prompt="x" * 4001),
        ImageRequest(prompt="x", width=9, height=9),
    ):
        with pytest.raises(InvalidRequestError):
            client(simulator, "aicredits").image(wrong)
    assert len(simulator.log) == 1


@pytest.mark.parametrize(
    "provider", [name for name, each in PROVIDERS.items() if "image" in each.operations and name != "aicredits"]
)
def test_the_others_need_a_model(provider: str) -> None:
    simulator = Simulator()
    with pytest.raises(InvalidRequestError, match="needs a model"):
        client(simulator, provider).image(ImageRequest(prompt="a red house"))
    assert not simulator.log
