"""Looks for a marked key everywhere it must not be: texts, logs, exceptions, chains, and what the frames of a traceback hold."""

from __future__ import annotations

import contextlib
import logging
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic

from multiapi.sending.keys import ApiKey

HOLDERS = (ApiKey, pydantic.SecretStr)
"""Objects that may hold a key, because they show it to nobody."""

_WALKED = ("multiapi", "langchain", "llamaindex", "llama_index", "httpx", "httpcore", "pydantic", "collections")
_TESTS = str(Path(__file__).parent.parent)
_MOST_OBJECTS = 50_000


class Watch:
    """All log records at DEBUG while it lasts."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []

    def text(self) -> str:
        return "\n".join(self.lines)


@contextlib.contextmanager
def watched_logs() -> Iterator[Watch]:
    """Every logger at DEBUG, every record formatted with its arguments."""
    watch = Watch()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            watch.records.append(record)
            watch.lines.append(f"{record.name} {record.getMessage()} {record.args!r} {record.__dict__!r}")

    root = logging.getLogger()
    handler, level = Handler(level=logging.DEBUG), root.level
    changed = {
        name: logger.level
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and logger.level != logging.NOTSET
    }
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in changed:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield watch
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        for name, old in changed.items():
            logging.getLogger(name).setLevel(old)


def holds(value: Any, key: str) -> str | None:
    """Where inside of a value the key is, outside of its holders; None if nowhere. Goes through the objects of our own packages, of
    httpx and of the frameworks, as a reporter of errors would that prints everything.
    """
    seen: set[int] = set()
    queue: list[tuple[str, Any]] = [("", value)]
    needle = key.encode()
    while queue and len(seen) < _MOST_OBJECTS:
        path, item = queue.pop()
        if isinstance(item, HOLDERS) or id(item) in seen:
            continue
        if isinstance(item, str):
            if key in item:
                return path or "itself"
            continue
        if isinstance(item, (bytes, bytearray)):
            if needle in item:
                return path or "itself"
            continue
        if item is None or isinstance(item, (int, float, type, types.ModuleType, types.FunctionType, logging.Logger)):
            continue
        seen.add(id(item))
        if isinstance(item, dict):
            queue += [(f"{path}[{str(k)[:40]!r}]", v) for k, v in list(item.items())]
            queue += [(f"{path} key", k) for k in list(item)]
        elif isinstance(item, (list, tuple, set, frozenset)):
            queue += [(f"{path}[{i}]", v) for i, v in enumerate(list(item))]
        elif isinstance(item, BaseException):
            queue += [(f"{path}.{name}", v) for name, v in vars(item).items()]
            queue += [(f"{path}.args", item.args)]
        elif type(item).__module__.split(".")[0] in _WALKED:
            queue += [(f"{path}.{name}", v) for name, v in getattr(item, "__dict__", {}).items()]
            private = getattr(item, "__pydantic_private__", None)
            queue += [(f"{path}.private", private)] if private else []
            for cls in type(item).__mro__:
                slots = getattr(cls, "__slots__", ())
                for name in (slots,) if isinstance(slots, str) else slots:
                    if not name.startswith("__") and hasattr(item, name):
                        queue.append((f"{path}.{name}", getattr(item, name)))
    return None


def chain(error: BaseException) -> list[BaseException]:
    """An exception with all its causes and contexts, also those that are not shown."""
    found: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        each = queue.pop()
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        queue += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            queue += each.exceptions
    return found


def leak_in_error(error: BaseException, key: str) -> str | None:
    """Where an exception shows the key: its texts, its facts, its chain, its traceback with the locals of every frame."""
    for each in chain(error):
        name = type(each).__name__
        for text in (str(each), repr(each), "".join(traceback.format_exception(each)), repr(each.args)):
            if key in text:
                return f"the text of {name}: {text[:300]}"
        where = holds(vars(each), key)
        if where is not None:
            return f"{name}.{where}"
        trace = each.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if not frame.f_code.co_filename.startswith(_TESTS):
                for local, value in frame.f_locals.items():
                    at = f"local {local!r} of {frame.f_code.co_name} ({Path(frame.f_code.co_filename).name}:{trace.tb_lineno}) under {name}"
                    with contextlib.suppress(Exception):
                        if key in repr(value):
                            return f"{at}, in its repr"
                    where = holds(value, key)
                    if where is not None:
                        return f"{at}: {where}"
            trace = trace.tb_next
    return None
