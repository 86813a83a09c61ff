"""Writes the tables of profiles from the contracts and the catalogue: `python -m langchain_multiapi.profiles.build`.

Needs the extra `simulator` (PyYAML). A test compares what is committed with what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from multiapi.provider import Provider
from multiapi.providers import PROVIDERS

FOLDER = Path(__file__).parent


def vendor_profile(provider: Provider) -> dict[str, Any]:
    """What holds for all models of a provider. Tools that are asked for in the prompt work with any model."""
    profile: dict[str, Any] = {"text_inputs": True, "text_outputs": True, "temperature": True}
    if not provider.native_tools:
        profile |= {
            "tool_calling": True,
            "tool_choice": True,
            "tool_call_streaming": False,
            "structured_output": False,
        }
    for capability, keys in (
        ("vision", ("image_inputs", "image_url_inputs", "image_tool_message")),
        ("documents", ("pdf_inputs", "pdf_tool_message", "attachment")),
        ("audio_in", ("audio_inputs",)),
        ("video_in", ("video_inputs",)),
    ):
        if not provider.has(capability):
            profile |= dict.fromkeys(keys, False)
    return profile


def catalogue_models(catalogue: Any, base: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the schemas of a provider's chat models take, for a provider of which this package has a catalogue."""
    for entry in catalogue.models("text", None):
        model = catalogue.text_model(entry.id)
        if model is None or model.responses_only:
            continue
        profile = {
            **base,
            "status": {"current": "active"}.get(entry.status, entry.status),
            "temperature": "temperature" in model.accepts,
            "image_inputs": model.vision,
            "image_url_inputs": model.vision,
            "image_tool_message": model.vision,
            "audio_inputs": model.audio,
            "video_inputs": model.video,
            "pdf_inputs": model.files,
            "pdf_tool_message": model.files,
            "attachment": model.files,
            "audio_outputs": model.audio_out,
            "tool_calling": model.tools,
            "tool_choice": "tool_choice" in model.accepts,
            "tool_call_streaming": model.tools,
            "structured_output": "json_schema" in model.response_formats,
        }
        if model.reasoning_efforts:
            profile |= {"reasoning_output": True, "reasoning_effort_levels": list(model.reasoning_efforts)}
        limit = entry.params.get(model.max_tokens_field)
        if limit is not None and limit.maximum:
            profile["max_output_tokens"] = int(limit.maximum)
        yield entry.id, profile


def known_models(contract: dict[str, Any], base: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The chat models that the provider's page lists, with its tags."""
    for model in contract["x-known-models"]["models"]:
        if model["kind"] == "chat":
            vision = "vision" in model["tags"]
            yield model["id"], {**base, "image_inputs": vision, "image_url_inputs": False, "image_tool_message": vision}


def example_models(contract: dict[str, Any], base: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The chat models in the example of a provider's list."""
    for item in contract["paths"].values():
        operation = item.get("get", {})
        if operation.get("operationId") == "listModels":
            for example in operation["responses"]["200"]["content"]["application/json"]["examples"].values():
                for model in example["value"].get("data", ()):
                    if "chat" in model.get("capabilities", ["chat"]):
                        yield model["id"], base


def table(provider: Provider) -> dict[str, Any]:
    """The table of one provider; models that can do the same share one entry."""
    base = vendor_profile(provider)
    contract = _contract(provider.name)
    if files("multiapi.providers").joinpath(provider.name, "catalogue").is_dir():
        models = dict(catalogue_models(import_module(f"multiapi.providers.{provider.name}.catalogue"), base))
    elif "x-known-models" in contract:
        models = dict(known_models(contract, base))
    else:
        models = dict(example_models(contract, base))
    sets: list[dict[str, Any]] = []
    for profile in models.values():
        if profile not in sets:
            sets.append(profile)
    return {"vendor": base, "sets": sets, "models": {name: sets.index(models[name]) for name in sorted(models)}}


def _contract(vendor: str) -> dict[str, Any]:
    import yaml

    text = files("multiapi.simulator").joinpath("contracts", f"{vendor}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def packed(provider: Provider) -> bytes:
    """The table as it is committed."""
    return orjson.dumps(table(provider), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    for provider in PROVIDERS.values():
        FOLDER.joinpath(f"{provider.name}.json").write_bytes(packed(provider))
