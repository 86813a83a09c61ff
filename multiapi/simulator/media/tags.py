"""What the files say about themselves: who made them, and text in a form every kind of file can hold."""

MAKER = "multiapi simulator"


def storable(text: str) -> str:
    """The text without what tags cannot hold: NUL becomes a space, lone surrogates a question mark."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
