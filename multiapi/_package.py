"""The version, how the package is installed, and the public names of a package: loaded when they are first asked for, and listed once, in its
`__init__.pyi`, where type checkers read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)


def exports(
    module: dict[str, Any], needed: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` for a package.

    Args:
        module: The package's `globals()`; what is loaded is kept there.
        needed: Modules whose names need another package, which an extra installs, as {module: package}. Where it is not installed
            their names are not in `__all__`; asking for one says what to install.
    """
    name = module["__name__"]
    stub = str(Path(module["__file__"]).with_suffix(".pyi"))
    text = module["__spec__"].loader.get_data(stub).decode()
    homes = {
        words.split(" as ")[-1].strip(): home
        for home, many, one in _IMPORT.findall(text)
        for words in (many or one).split(",")
        if words.strip()
    }
    absent = {home for home, package in (needed or {}).items() if find_spec(package) is None}
    public = sorted(each for each, home in homes.items() if home not in absent)

    def get(wanted: str) -> Any:
        home = homes.get(wanted)
        if home is None:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        module[wanted] = found = getattr(import_module(home), wanted)
        return found

    return get, lambda: sorted({*module, *public}), public


def install(extra: str) -> str:
    """Return what to do for an extra, as the end of every sentence that says so. The package is on no index yet, and a name on one may
    belong to somebody else.
    """
    return f"install multiapi[{extra}] from a copy of the repository: pip install '.[{extra}]'"
