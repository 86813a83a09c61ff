"""On whose behalf requests are made, for providers that count that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from multiapi.errors import InvalidRequestError

_WRITTEN = {
    "source": (r"(?:web|agent|mcp)/[a-z0-9-]{1,32}", "web/NAME, agent/NAME or mcp/NAME, with a-z, 0-9 and - in NAME"),
    "partner": (r"part_[A-Za-z0-9]{1,64}", "part_ID, with letters and digits in ID"),
    "referer": (r"https?://[!-~]{1,2000}", "the address of a web page"),
    "title": (r"[!-~](?:[ -~]{0,198}[!-~])?", "at most 200 printable ASCII characters"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Says to the provider which program makes requests; nothing of it is sent unless it is set.

    Sent to the provider's own host over https, and nowhere else. AI/ML API drops what is written otherwise without an error, so it
    is refused here.

    Attributes:
        source: As in "agent/my-program"; web, agent or mcp.
        partner: An id of a partner, as in "part_1a2B".
        referer: The address of the program's page.
        title: The program's name.

    Raises:
        InvalidRequestError: A value is not written like that.
    """

    source: str | None = None
    partner: str | None = None
    referer: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.items():
            pattern, wanted = _WRITTEN[name]
            if not isinstance(value, str) or not re.fullmatch(pattern, value):
                raise InvalidRequestError(f"attribution: {name} must be {wanted}, not {str(value)[:80]!r}")

    def items(self) -> Iterator[tuple[str, str]]:
        """What is set, by name."""
        for name in _WRITTEN:
            value = getattr(self, name)
            if value is not None:
                yield name, value
