"""Spending as bars in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from multiapi.cli.output import amount, one_line
from multiapi.types.account import UsageEntry

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 32
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(value: Decimal, most: Decimal, width: int = WIDTH) -> str:
    """A bar in eighths of a character. What is more than nothing shows at least the thinnest one."""
    if most <= 0 or value <= 0:
        return ""
    eighths = max(1, round(value / most * width * 8))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def spending(title: str, bars: Sequence[tuple[str, Decimal]], unit: str | None) -> RenderableType:
    """One bar per name."""
    from rich.table import Table
    from rich.text import Text

    most = max((value for _, value in bars), default=Decimal(0))
    made = Table.grid(padding=(0, 1))
    made.title, made.title_justify, made.title_style = f"{title}", "left", "bold"
    made.add_column(overflow="fold")
    made.add_column(width=WIDTH, no_wrap=True)
    made.add_column(justify="right", no_wrap=True)
    for name, value in bars:
        made.add_row(Text(one_line(name)), Text(bar(value, most), style="cyan"), Text(amount(value, unit)))
    return made


def by_model(entries: Sequence[UsageEntry]) -> list[tuple[str, Decimal]]:
    """What each model cost, the dearest first."""
    return sorted(_added(entries, "model"), key=lambda pair: pair[1], reverse=True)


def by_day(entries: Sequence[UsageEntry]) -> list[tuple[str, Decimal]]:
    """What each day cost, the earliest first."""
    return sorted(_added(entries, "day"))


def unit_of(entries: Sequence[UsageEntry]) -> str | None:
    """In which unit."""
    return next((entry.cost.unit for entry in entries if entry.cost is not None), None)


def _added(entries: Sequence[UsageEntry], by: str) -> list[tuple[str, Decimal]]:
    sums: dict[str, Decimal] = {}
    for entry in entries:
        name = getattr(entry, by)
        if name is not None and entry.cost is not None:
            sums[name] = sums.get(name, Decimal(0)) + entry.cost.amount
    return list(sums.items())
