"""A misspelt model id is refused in the provider's own words, with the right one in the message."""

import random
from typing import Any

import pytest

from multiapi.simulator import Simulator, known_models
from multiapi.simulator.contract import VENDORS
from multiapi.simulator.vendors.vendor import Refusal
from tests.simulator.conversing import Talk

MODELS = {
    "bineric": "gpt-4",
    "binom_router": "gpt-4o",
    "aimlapi": "openai/gpt-4o",
    "aicredits": "openai/gpt-4o-mini",
    "binobox": "gemini-3.1-flash-lite",
}


def ids() -> list[tuple[str, str]]:
    """Every id of the short lists, and a part of the long one."""
    found: list[tuple[str, str]] = []
    for provider in VENDORS:
        listed = sorted(known_models.named_by(provider) | Simulator().vendor(provider).listed_models())
        found += [(provider, model) for model in (listed[::11] if len(listed) > 100 else listed)]
    return found


@pytest.mark.parametrize(("provider", "model"), ids())
def test_one_letter_wrong_is_refused_and_the_right_one_named(provider: str, model: str) -> None:
    vendor = Simulator().vendor(provider)
    vendor.known(model)  # itself it is
    letter = random.Random(model)
    for _ in range(4):
        place = letter.randrange(len(model))
        wrong = model[:place] + letter.choice("qzxkwj") + model[place + letter.randrange(2) :]
        if wrong == model:
            continue
        with pytest.raises(Refusal) as refused:
            vendor.known(wrong)
        assert model in refused.value.message
        assert wrong in refused.value.message or provider == "aicredits"


def chat(talk: Talk, model: str) -> Any:
    operations = talk.contract.operations.values()
    path = next(operation.path for operation in operations if operation.id == "createChatCompletion")
    return talk.post(path, json={"model": model, "messages": [{"role": "user", "content": "hi"}]})


@pytest.mark.parametrize("provider", VENDORS)
def test_it_costs_nothing_and_keeps_to_the_contract(provider: str) -> None:
    talk = Talk(provider)
    assert chat(talk, MODELS[provider]).status_code == 200
    charges = len(talk.simulator.vendor(provider).account(str(talk.key)).charges)
    refused = chat(talk, MODELS[provider].replace("g", "gg"))
    assert refused.status_code >= 400
    assert MODELS[provider] in refused.text
    assert sum(charge.ok for charge in talk.simulator.vendor(provider).account(str(talk.key)).charges) == charges


def test_the_long_list_is_whole_and_the_others_are_not() -> None:
    assert chat(Talk("aimlapi"), "nope").status_code == 404
    assert chat(Talk("aicredits"), "somebody/a-model-of-tomorrow").status_code == 200
    assert chat(Talk("binom_router"), "openai/gpt-4o-mini").status_code == 200


@pytest.mark.parametrize("provider", VENDORS)
def test_any_id_may_be_taken(provider: str) -> None:
    talk = Talk(provider, Simulator(known_models="any"))
    assert chat(talk, MODELS[provider].replace("g", "gg")).status_code == 200
    assert chat(talk, "no-such-model").status_code >= 400


def test_images_too() -> None:
    talk = Talk("aimlapi")
    refused = talk.post("/v1/images/generations", json={"model": "flux/snell", "prompt": "a cat"})
    assert refused.status_code == 404
    assert "flux/schnell" in refused.text


def test_a_switch_has_two_places() -> None:
    with pytest.raises(ValueError, match="known_models must be"):
        Simulator(known_models="all")  # type: ignore[arg-type]
