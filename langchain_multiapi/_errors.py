"""Where the core's errors become LangChain's."""

from __future__ import annotations

from types import TracebackType

from multiapi.errors import MultiApiError


class langchain_errors:  # noqa: N801
    """A context in which the core's errors are raised as those of `langchain_multiapi.errors`, which are both."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, MultiApiError):
            from langchain_multiapi.errors import from_error

            translated = from_error(error)
            if translated is not error:
                raise translated from error.__cause__
