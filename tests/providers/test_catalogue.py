"""The packed list says what the contract says."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from multiapi.providers.aimlapi import catalogue
from multiapi.providers.aimlapi.catalogue import build

LISTED: list[dict[str, Any]] = json.loads((build.CONTRACTS / "aimlapi_models.json").read_bytes())


def test_the_packed_data_is_what_the_contract_gives() -> None:
    """After a change of the contract: `python -m multiapi.providers.aimlapi.catalogue.build`."""
    assert json.loads(gzip.decompress(build.PACKED.read_bytes())) == build.from_contracts()


def test_packing_twice_gives_the_same_bytes() -> None:
    packed = build.from_contracts()
    assert build.packed_bytes(packed) == build.packed_bytes(packed)
    assert len(build.packed_bytes(packed)) < 30_000


def test_nothing_is_read_on_import() -> None:
    code = "import sys, multiapi.providers.aimlapi.catalogue as c, multiapi.providers.aimlapi.catalogue.parameters; print(c._catalogue.cache_info().currsize, 'yaml' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["0", "False"]


@pytest.mark.parametrize("model", [pytest.param(model, id=model["id"]) for model in LISTED])
def test_an_entry_holds_the_models_parameters(model: dict[str, Any]) -> None:
    entry = catalogue.find(model["id"])
    assert entry is not None
    assert (entry.family, entry.status, entry.endpoint) == (model["family"], model["status"], model["endpoint"])
    assert (entry.poll_endpoint, entry.inputs) == (model["poll_endpoint"], tuple(model["input"]))
    assert model["params"].keys() <= entry.params.keys()
    for name, theirs in model["params"].items():
        ours = entry.params[name]
        assert "|".join(ours.types) == theirs["type"]
        assert ours.required == theirs["required"]
        assert list(ours.enum or ()) == theirs.get("enum", [])
        assert (ours.minimum, ours.maximum) == (theirs.get("min"), theirs.get("max"))
        assert (ours.min_length, ours.max_length) == (theirs.get("minLength"), theirs.get("maxLength"))
        assert (ours.min_items, ours.max_items) == (theirs.get("minItems"), theirs.get("maxItems"))
        assert ours.props.keys() == theirs.get("props", {}).keys()
    if model["family"] != "text":
        assert model["params"].keys() == entry.params.keys()
    assert not entry.params.keys() & set(model.get("lacks", ()))


def test_both_names_of_a_model_are_found() -> None:
    aliased = [model for model in LISTED if "schema_id" in model]
    assert aliased
    for model in aliased:
        listed, schema = catalogue.find(model["id"]), catalogue.find(model["schema_id"])
        assert listed is not None and schema is not None
        assert listed.aliases == (schema.id,)
        assert listed.params == schema.params


def test_models_are_listed_by_family_and_status() -> None:
    assert len(catalogue.models(status=None)) == len(LISTED)
    assert len(catalogue.models()) == sum(model["status"] == "current" for model in LISTED)
    images = [model["status"] for model in LISTED if model["family"] == "image"]
    assert len(catalogue.models("image")) == images.count("current")
    assert len(catalogue.models("image", status=None)) == len(images) > images.count("current")
    assert {model.status for model in catalogue.models("text", status="deprecated")} == {"deprecated"}


def test_a_text_model_has_the_common_parameters_but_those_it_lacks() -> None:
    model = catalogue.text_model("openai/gpt-4o")
    assert model is not None
    assert model.tools and model.parallel_tools and model.vision and model.files and not model.audio
    assert model.response_formats == ("text", "json_object", "json_schema")
    assert model.max_tokens_field == "max_tokens"
    assert "max_completion_tokens" in model.accepts and "top_k" not in model.accepts
    assert not model.responses_only


def test_models_of_the_responses_operation_are_known() -> None:
    only = [
        entry.id
        for entry in catalogue.models("text")
        if (model := catalogue.text_model(entry.id)) and model.responses_only
    ]
    assert set(only) == {model["id"] for model in LISTED if model["endpoint"] == "POST /v1/responses"}
    assert "openai/gpt-5-pro" in only and "openai/o3-pro" in only
    model = catalogue.text_model("openai/o3-pro")
    assert model is not None and model.max_tokens_field == "max_output_tokens"
    assert "json_schema" in model.response_formats


def test_text_facts_are_only_for_text_models() -> None:
    assert catalogue.text_model("flux/schnell") is None
    assert catalogue.text_model("no/such-model") is None
    assert catalogue.find("no/such-model") is None


def test_a_numeral_default_is_a_number() -> None:
    for entry in catalogue.models(status=None):
        for param in entry.params.values():
            if param.types in (("integer",), ("number",)):
                assert not isinstance(param.default, str), (entry.id, param.name)


def test_where_an_operation_knows_another_name_that_is_sent() -> None:
    entry = catalogue.find("gc-document-ai")
    assert entry is not None and entry.wire_id == "google/gc-document-ai"
    others = [entry for entry in catalogue.models(status=None) if entry.wire_id != entry.id]
    assert [entry.id for entry in others] == ["gc-document-ai"]


@pytest.mark.parametrize("family", ["text", "embedding", "image", "3d", "video", "music", "tts", "stt", "ocr"])
def test_an_unknown_model_has_the_familys_endpoints(family: str) -> None:
    entry = catalogue.unknown("new/model", family)
    known = [model for model in catalogue.models(family) if model.endpoint == entry.endpoint]
    assert len(known) > len(catalogue.models(family)) / 2
    assert {model.poll_endpoint for model in known} == {entry.poll_endpoint}
    assert (entry.status, entry.wire_id) == ("unknown", "new/model")


def test_the_data_ships_beside_the_code() -> None:
    assert Path(catalogue.__file__).with_name("aimlapi.json.gz").stat().st_size < 60_000
