"""Parts of messages against their bytes."""

from __future__ import annotations

import base64

import pytest

from multiapi.errors import InvalidRequestError
from multiapi.formats.media_parts import fitted
from multiapi.types.chat import MediaPart

FORMATS = {"image": ("image/png",)}


def test_a_few_letters_do_not_contradict_what_a_part_is_said_to_be() -> None:
    said = MediaPart("image", data="aGVsbG8=", mime_type="image/png")
    assert fitted(said, "aimlapi", FORMATS) == said
    text = base64.b64encode(b"a,b\n1,2\n" * 4).decode()
    with pytest.raises(InvalidRequestError):
        fitted(said._replace(data=text), "aimlapi", FORMATS)
