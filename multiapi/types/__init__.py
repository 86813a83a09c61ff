"""Values that users make and get."""

from multiapi._exports import exports

__getattr__, __dir__, __all__ = exports(globals())
