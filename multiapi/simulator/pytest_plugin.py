"""The fixtures of `pytest_multiapi` under the name that they had first, for installations that still load them by it."""

from pytest_multiapi import *  # noqa: F403
from pytest_multiapi import _multiapi_server  # noqa: F401
