"""Renews the dated copies of model lists that are shipped: prices, context windows and longest responses.

    multiapi models -p aicredits --json > aicredits.json
    python -m multiapi.cli.shipped_lists aicredits.json

Whatever a list says replaces what was shipped of its provider; what it does not say of a model stays. Beginnings of names in
`context_windows.py` that a list now says are named, so that they can be taken out of the table there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from multiapi.providers.context_windows import hand_kept

SHIPPED = Path(str(files("multiapi.money").joinpath("price_lists.json")))
_PRICED = ("input_tokens", "output_tokens", "cached_input_tokens", "call_at_least", "image")
_LIMITS = ("context_tokens", "max_output_tokens")


def renewed(shipped: Mapping[str, Any], listed: Mapping[str, Any], day: str) -> dict[str, Any]:
    """Return the shipped lists with one that `multiapi models --json` wrote.

    Prices with a condition (`when`) are left out: an estimate cannot know whether it holds.
    """
    provider = listed["provider"]
    before = shipped.get(provider, {})
    models, limits = dict(before.get("models", {})), dict(before.get("limits", {}))
    for row in listed["models"]:
        prices = [
            {
                name: str(each[name]) if name in ("amount", "per") else each[name]
                for name in ("amount", "currency", "what", "per")
                if each.get(name) is not None
            }
            for each in row.get("prices", ())
            if each["what"] in _PRICED and not each.get("when")
        ]
        if prices:
            models[row["id"]] = prices
        said = {name: row[name] for name in _LIMITS if row.get(name)}
        if said:
            limits[row["id"]] = {**limits.get(row["id"], {}), **said}
    entry = {"as_of": day, "source": "list of models, read with a key", "models": models, "limits": limits}
    return dict(sorted({**shipped, provider: entry}.items()))


def written(lists: Mapping[str, Any]) -> bytes:
    """Return the bytes of the shipped file."""
    return (json.dumps(lists, indent=1, ensure_ascii=False) + "\n").encode()


def now_listed(lists: Mapping[str, Any]) -> list[str]:
    """Return the beginnings of the table in `context_windows.py` that are whole names in a list."""
    said = {
        model.rpartition("/")[2].lower().replace("_", "-")
        for entry in lists.values()
        for model, limits in entry.get("limits", {}).items()
        if "context_tokens" in limits
    }
    return sorted(said & hand_kept())


def main(arguments: Sequence[str] | None = None) -> None:
    """Renew the shipped lists from files."""
    parser = argparse.ArgumentParser(prog="python -m multiapi.cli.shipped_lists", description=__doc__)
    parser.add_argument("lists", nargs="+", type=Path, help="what `multiapi models -p PROVIDER --json` wrote")
    parser.add_argument("--day", default=datetime.now(UTC).date().isoformat(), help="the day on which they were read")
    parser.add_argument("--shipped", type=Path, default=SHIPPED, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    lists = json.loads(options.shipped.read_bytes())
    for path in options.lists:
        lists = renewed(lists, json.loads(path.read_bytes()), options.day)
    options.shipped.write_bytes(written(lists))
    for name in now_listed(lists):
        sys.stdout.write(f"{name}: a list says it now; take it out of multiapi/providers/context_windows.py\n")


if __name__ == "__main__":
    main()
