"""The version, read by the build, and how the package is installed. It is on no index yet, and a name on one may belong to somebody else."""

__version__ = "0.1.0"


def install(extra: str) -> str:
    """Return what to do for an extra, as the end of every sentence that says so."""
    return f"install multiapi[{extra}] from a copy of the repository: pip install '.[{extra}]'"
