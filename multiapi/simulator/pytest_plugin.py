"""Fixtures for tests against the simulator; loading this costs nothing until one of them is used."""

from __future__ import annotations
