"""Keys for all vendors and no waiting, as among the tests of reliability."""

from __future__ import annotations

from tests.reliability.conftest import loaded, waits

__all__ = ["loaded", "waits"]
