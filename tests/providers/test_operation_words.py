"""What operations are called in a sentence, and the words for what providers have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from docs.tables import CAPABILITIES
from multiapi import provider as providers
from multiapi.agent_tools.tools import TOOLS
from multiapi.errors import UnsupportedError
from multiapi.formats.openai.vendor import openai_compatible
from multiapi.http.exchange import HttpRequest
from multiapi.provider import PROVIDERS, Operation, Provider, operation_of, register

WORDS = set(
    re.findall(
        r'"([\w]+)"', Path(providers.__file__).read_text().partition("Capability = Literal[")[2].partition("]")[0]
    )
)


@pytest.fixture
def moody() -> Iterator[Provider]:
    """A provider from outside, with an operation of its own."""
    mood: Operation[str, str] = Operation(
        "mood",
        lambda text: HttpRequest("POST", "/mood", json={"text": text}),
        lambda response: response.body.decode(),
        noun="reading of moods",
        capability="mood",
    )
    yield register(openai_compatible(name="moody", base_url="https://api.moody.example/v1", operations={"mood": mood}))
    del PROVIDERS["moody"]


def test_an_operation_from_outside_brings_its_own_noun(moody: Provider) -> None:
    with pytest.raises(UnsupportedError, match=r"^aimlapi has no reading of moods; moody has$"):
        operation_of(PROVIDERS["aimlapi"], "mood")


def test_an_operation_that_nobody_has_is_named_as_it_is() -> None:
    with pytest.raises(UnsupportedError, match=r"^aimlapi has no operation 'telepathy'; no "):
        operation_of(PROVIDERS["aimlapi"], "telepathy")


def test_operations_of_one_name_are_called_the_same_at_every_provider() -> None:
    called: dict[str, set[tuple[str, str]]] = {}
    for provider in PROVIDERS.values():
        for name, operation in provider.operations.items():
            called.setdefault(name, set()).add((operation.noun, operation.capability))
    assert all(len(words) == 1 for words in called.values())
    assert called["start_video"] == {("video", "video")}


def test_a_copy_of_an_operation_keeps_its_words() -> None:
    image = PROVIDERS["binobox"].operations["image"]
    assert (image.noun, image.capability) == ("image generation", "image")
    assert replace(image, noun="drawing").noun == "drawing"


def test_all_speak_of_capabilities_in_the_same_words() -> None:
    of_providers = {word for provider in PROVIDERS.values() for word in provider.capabilities}
    assert of_providers == WORDS == set(CAPABILITIES)
    assert {tool.capability for tool in TOOLS.values()} - {""} <= WORDS
