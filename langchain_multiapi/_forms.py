"""The form of a response, from every way in which users of LangChain say it: a class, a `TypedDict`, a JSON schema, a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from langchain_core.utils.function_calling import convert_to_openai_function
from langchain_core.utils.pydantic import is_basemodel_subclass

from multiapi.formats.openai.wishes import read_response_format
from multiapi.formats.schemas import description
from multiapi.types.chat import ResponseFormat


class _Form(NamedTuple):
    """What was written, unchanged."""

    name: str | None
    schema: Mapping[str, Any]
    description: str = ""
    strict: bool | None = None


def to_response_format(wanted: Any, method: str | None = None, strict: bool | None = None) -> ResponseFormat:
    """The form as the core's wish. Names, titles, descriptions and references stay as they were written."""
    how: Any = method or "auto"
    if isinstance(wanted, ResponseFormat):
        return wanted
    found = read_response_format(wanted, how) if isinstance(wanted, dict) else None
    if found is not None:
        return found if found.strict is not None else replace(found, strict=strict)
    form = _form_of_dict(wanted) if isinstance(wanted, dict) else _form_of_type(wanted)
    return ResponseFormat(
        form.schema, form.name or "answer", strict if form.strict is None else form.strict, how, form.description
    )


def _form_of_type(wanted: Any) -> _Form:
    if isinstance(wanted, type) and is_basemodel_subclass(wanted):
        make = getattr(wanted, "model_json_schema", None) or wanted.schema  # type: ignore[attr-defined]
        schema = make()
        return _Form(wanted.__name__, schema, description(schema))
    function = convert_to_openai_function(wanted)
    return _Form(function["name"], function.get("parameters") or {}, function.get("description") or "")


def _form_of_dict(wanted: Mapping[str, Any]) -> _Form:
    """A function in OpenAI's form, {"name", "schema"} as its own library has it, or a JSON schema."""
    inner = wanted.get("function")
    named = inner if isinstance(inner, dict) else wanted
    schema = next(
        (named[key] for key in ("schema", "parameters", "input_schema") if isinstance(named.get(key), dict)), None
    )
    if schema is not None and (named is inner or "name" in named):
        return _Form(named.get("name"), schema, named.get("description") or "", named.get("strict"))
    if named is inner or "name" in named or "toolSpec" in named:
        function = convert_to_openai_function(named)
        return _Form(function["name"], function.get("parameters") or {}, function.get("description") or "")
    return _Form(wanted.get("title"), wanted, wanted.get("description") or "")
