"""YAML as it stands in a cassette, and the texts that it gives back unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml


def dump(value: Any) -> str:
    """A value as YAML."""
    text: str = yaml.dump(
        value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1_000_000
    )
    return text


def load(text: str) -> Any:
    """A value out of YAML."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader


def survives(value: Any) -> bool:
    """Whether YAML gives it back unchanged; only odd letters make that a question."""
    if all(is_plain(text) for text in _texts(value)):
        return True
    return bool(load(dump(value)) == value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def is_plain(text: str) -> bool:
    """Whether all letters of a text are ordinary ones."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def as_text(body: bytes) -> str | None:
    """Bytes as the text that they are, if YAML gives it back unchanged."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if is_plain(text.replace("\r", "")) and survives(text) else None


class Dumper(yaml.SafeDumper):
    """Text of several lines as a block, lists indented, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, False)


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _list_node(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.SequenceNode:
    """Vectors on one line."""
    numbers = len(values) > 1 and all(type(value) in {int, float} for value in values)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=numbers or None)


Dumper.add_representer(str, _text_node)
Dumper.add_representer(list, _list_node)
