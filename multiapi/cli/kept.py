"""What the command line keeps for its user: keys, short names of models, templates, and a history of what was asked and paid.

Nothing of it is read or written before a command of the user's says so, and everything is readable for its owner alone.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from multiapi.errors import InvalidRequestError

SERVICE = "multiapi"
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")
DEFAULT = "default"
"""The short name that stands for the model where none is named."""
_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)\}")
TEMPLATE_FIELDS = ("model", "system", "prompt")


def settings_folder() -> Path:
    """Where settings are kept."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    return (Path(folder) if folder else Path.home() / ".config") / "multiapi"


def state_folder() -> Path:
    """Where what happened is kept."""
    folder = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(folder) if folder else Path.home() / ".local" / "state") / "multiapi"


def checked_name(name: str, what: str) -> str:
    """A name that can be written without quotes and be the name of a file.

    Raises:
        InvalidRequestError: It cannot.
    """
    from multiapi.providers import known_providers

    if not NAME.fullmatch(name):
        raise InvalidRequestError(f"{name!r} is not a valid name of {what}: use letters, digits, `-`, `_` and `.`")
    if name in known_providers():
        raise InvalidRequestError(f"{name!r} is the name of a provider; choose another name for {what}")
    return name


def write_privately(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable for its owner alone.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(text)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _object_in(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequestError(f"{path} cannot be read; correct or delete it")
    return found


def _write_object(path: Path, value: Mapping[str, Any]) -> None:
    write_privately(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


# ------------------------------------------------------------------------------------------------ keys


def keys_file() -> Path:
    """Which keys are kept, and those that no keyring holds."""
    return settings_folder() / "keys.json"


def keep_key(provider: str, key: str) -> str:
    """Keep a key: in the system's keyring where the package `keyring` finds one, else in a file. Gives where it is."""
    ring = _keyring()
    kept = _object_in(keys_file())
    if ring is not None:
        ring.set_password(SERVICE, provider, key)
        kept[provider] = {"in": "keyring"}
        where = "the system's keyring"
    else:
        kept[provider] = {"key": key}
        where = str(keys_file())
    _write_object(keys_file(), kept)
    return where


def key_of(provider: str) -> str | None:
    """The key that is kept for a provider."""
    found = _object_in(keys_file()).get(provider)
    if not isinstance(found, dict):
        return None
    if found.get("in") != "keyring":
        key = found.get("key")
        return key if isinstance(key, str) else None
    ring = _keyring()
    if ring is None:
        raise InvalidRequestError(
            f"the key of {provider} is in the system's keyring, which the package `keyring` cannot open here; "
            f"install it, or run `multiapi login -p {provider}` again",
            provider=provider,
        )
    held = ring.get_password(SERVICE, provider)
    return held if isinstance(held, str) else None


def kept_keys() -> dict[str, str]:
    """The providers whose keys are kept, each with the place."""
    kept = _object_in(keys_file())
    return {
        name: "keyring" if isinstance(each, dict) and each.get("in") == "keyring" else str(keys_file())
        for name, each in kept.items()
    }


def forget_key(provider: str) -> bool:
    """Forget a key; whether there was one."""
    kept = _object_in(keys_file())
    found = kept.pop(provider, None)
    if found is None:
        return False
    if isinstance(found, dict) and found.get("in") == "keyring":
        ring = _keyring()
        if ring is not None:
            with suppress(Exception):  # it is not in the keyring any more
                ring.delete_password(SERVICE, provider)
    _write_object(keys_file(), kept)
    return True


def _keyring() -> Any:
    """The package `keyring`, if it is installed and finds a keyring of the system."""
    try:
        ring = import_module("keyring")
        return ring if ring.get_keyring().priority >= 1 else None
    except Exception:  # what is not there, or does not work, is not used
        return None


# ------------------------------------------------------------------------------------------------ short names of models


def aliases_file() -> Path:
    """The short names of models."""
    return settings_folder() / "aliases.json"


def aliases() -> dict[str, str]:
    """What the short names stand for."""
    return {name: str(model) for name, model in _object_in(aliases_file()).items()}


def expanded(model: str | None) -> str | None:
    """A model as it is written, or what it is the short name of."""
    if model is None or not NAME.fullmatch(model):
        return model
    return aliases().get(model, model)


def set_alias(name: str, model: str | None) -> None:
    """Let a short name stand for a model, or (None) for nothing any more.

    Raises:
        InvalidRequestError: The name cannot be one, or the model has no provider before it.
    """
    from multiapi.providers import split_model

    held = aliases()
    if model is None:
        if held.pop(name, None) is None:
            raise InvalidRequestError(f"{name!r} is not a short name of a model; `multiapi alias` lists them")
    else:
        split_model(model, None)
        held[checked_name(name, "a model")] = model
    _write_object(aliases_file(), held)


# ------------------------------------------------------------------------------------------------ templates


@dataclass(frozen=True)
class Template:
    """A prompt with gaps, and whom to ask: `{input}` is what is given with the command, `{name}` what `--set name=value` says."""

    model: str | None = None
    system: str | None = None
    prompt: str | None = None


def templates_folder() -> Path:
    """The templates, each a TOML file that may be written by hand."""
    return settings_folder() / "templates"


def template(name: str) -> Template:
    """A template by its name.

    Raises:
        InvalidRequestError: There is none, or it cannot be read.
    """
    import tomllib

    path = templates_folder() / f"{checked_name(name, 'a template')}.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidRequestError(f"{name!r} is not the name of a template; `multiapi template` lists them") from None
    except ValueError as error:
        raise InvalidRequestError(f"{path} is not valid TOML: {error}") from None
    strange = [key for key, value in found.items() if key not in TEMPLATE_FIELDS or not isinstance(value, str)]
    if strange:
        raise InvalidRequestError(
            f"{path}: {strange[0]} is not a valid field; texts called {', '.join(TEMPLATE_FIELDS)} are"
        )
    return Template(**found)


def templates() -> dict[str, Template]:
    """All templates that can be read."""
    found = {}
    for path in sorted(templates_folder().glob("*.toml")):
        with suppress(InvalidRequestError):
            found[path.stem] = template(path.stem)
    return found


def keep_template(name: str, made: Template) -> Path:
    """Keep a template; gives its file."""
    path = templates_folder() / f"{checked_name(name, 'a template')}.toml"
    lines = [
        f"{field} = {_toml_text(value)}\n" for field in TEMPLATE_FIELDS if (value := getattr(made, field)) is not None
    ]
    write_privately(path, "".join(lines))
    return path


def forget_template(name: str) -> None:
    """Delete a template.

    Raises:
        InvalidRequestError: There is none.
    """
    try:
        (templates_folder() / f"{checked_name(name, 'a template')}.toml").unlink()
    except FileNotFoundError:
        raise InvalidRequestError(f"{name!r} is not the name of a template; `multiapi template` lists them") from None


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def filled(text: str, values: Mapping[str, str], *, template: str) -> str:
    """A text with its gaps filled, once: what is filled in is not looked at again. `{{` and `}}` are single braces.

    Raises:
        InvalidRequestError: There is nothing for a gap.
    """

    def value(gap: re.Match[str]) -> str:
        name = gap[1]
        if name is None:
            return gap[0][0]
        if name not in values:
            how = "write the text behind the command" if name == "input" else f"say --set {name}=..."
            raise InvalidRequestError(f"template {template!r} needs {{{name}}}: {how}")
        return values[name]

    return _PLACE.sub(value, text)


def gaps(text: str) -> set[str]:
    """The names of the gaps of a text."""
    return {gap[1] for gap in _PLACE.finditer(text) if gap[1]}


# ------------------------------------------------------------------------------------------------ history


def history_file() -> Path:
    """The history; it is kept while this file is there."""
    return state_folder() / "history.jsonl"


def note_down(facts: Mapping[str, Any]) -> None:
    """Add one line to the history, if one is kept.

    Raises:
        OSError: It cannot be written.
    """
    with suppress(FileNotFoundError):
        handle = os.open(history_file(), os.O_WRONLY | os.O_APPEND)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")


def history() -> Iterator[dict[str, Any]]:
    """What was noted down, oldest first; lines that were cut off are left out.

    Raises:
        InvalidRequestError: No history is kept.
    """
    try:
        with history_file().open(encoding="utf-8", errors="replace") as file:
            for line in file:
                with suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        yield found
    except FileNotFoundError:
        raise InvalidRequestError("no history is kept; `multiapi history --on` begins one") from None
