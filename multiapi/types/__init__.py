"""Values that users make and get."""

from multiapi._package import exports

__getattr__, __dir__, __all__ = exports(globals())
