"""What the tables say of single models, and that they are what the build makes."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
from langchain_core.language_models.model_profile import ModelProfile

from langchain_multiapi import ChatMultiApi
from langchain_multiapi.profiles import build, find_profile, listed_models
from multiapi.providers import PROVIDERS

from .wire import Server, whole


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_is_committed_is_what_the_build_makes(name: str) -> None:
    assert build.FOLDER.joinpath(f"{name}.json").read_bytes() == build.packed(PROVIDERS[name])


@pytest.mark.parametrize("name", PROVIDERS)
def test_profiles_have_known_keys_of_the_right_type(name: str) -> None:
    hints = dict(ModelProfile.__annotations__.items())
    for model in (*listed_models(name), "never-heard-of"):
        for key, value in find_profile(name, model).items():
            assert key in hints, key
            assert type(value).__name__ in str(hints[key]), (key, value)


def test_aimlapi_lists_its_models_with_what_they_take() -> None:
    assert len(listed_models("aimlapi")) > 300
    profile = find_profile("aimlapi", "openai/gpt-4o")
    assert (profile["image_inputs"], profile["tool_calling"], profile["structured_output"]) == (True, True, True)
    assert profile["max_input_tokens"] == 128_000
    assert find_profile("bineric", "gpt-4")["image_inputs"] is True
    assert find_profile("bineric", "o3-mini")["image_inputs"] is False


def test_of_an_unknown_model_only_what_holds_for_the_vendor_is_said() -> None:
    profile = find_profile("binobox", "never-heard-of")
    assert (profile["image_inputs"], profile["tool_calling"], profile["structured_output"]) == (False, True, False)
    assert "max_input_tokens" not in profile
    assert "tool_calling" not in find_profile("aimlapi", "never-heard-of")


def test_a_model_has_a_copy_of_its_profile() -> None:
    model = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o", api_key="k")
    assert model.profile is not None
    model.profile["max_input_tokens"] = 1
    again = ChatMultiApi(provider="aimlapi", model="openai/gpt-4o", api_key="k")
    assert again.profile is not None
    assert again.profile["max_input_tokens"] == 128_000


def test_a_profile_of_ones_own_wins_and_is_checked() -> None:
    server = Server(whole())
    assert server.model(profile={"max_input_tokens": 5}).profile == {"max_input_tokens": 5}
    with pytest.warns(match="max_inputs"):
        server.model(profile={"max_inputs": 5})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server.model(profile={"max_input_tokens": 5})


def test_nothing_is_fetched_and_no_yaml_is_read_to_make_a_model() -> None:
    program = (
        "import sys\n"
        "from langchain_multiapi import ChatMultiApi\n"
        "ChatMultiApi(provider='aimlapi', model='openai/gpt-4o', api_key='k').profile['max_input_tokens']\n"
        "assert 'yaml' not in sys.modules and 'multiapi.simulator.contract' not in sys.modules\n"
        "assert 'multiapi.providers.aimlapi.catalogue' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
