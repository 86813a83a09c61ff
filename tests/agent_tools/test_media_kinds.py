"""What a field takes is checked for agents' tools and the command line by the same rule as for the core, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamaindex_multiapi import MultiApiToolSpec
from multiapi.errors import InvalidRequestError
from tests.agent_tools.conftest import Vendors
from tests.media_samples import SAMPLES


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("edit_image", {"image": "a.bin", "prompt": "night"}, "takes an image"),
        ("generate_video", {"image": "a.bin", "prompt": "night"}, "takes an image"),
        ("generate_3d_model", {"image": "a.bin"}, "takes an image"),
        ("transcribe_audio", {"audio": "a.bin"}, "takes a recording"),
        ("read_document", {"document": "a.bin"}, "takes a document"),
    ],
)
def test_a_tool_refuses_what_its_field_does_not_take(
    vendors: Vendors, tmp_path: Path, tool: str, arguments: dict[str, str], words: str
) -> None:
    wrong = {"takes an image": "mp4", "takes a recording": "pdf", "takes a document": "mp4"}[words]
    (tmp_path / "a.bin").write_bytes(SAMPLES[wrong].data)
    tools = MultiApiToolSpec("aimlapi", input_dir=str(tmp_path), **vendors.connection("aimlapi"))
    with pytest.raises(InvalidRequestError, match=words):
        getattr(tools, tool)(**arguments)
    assert not vendors.simulator.log
