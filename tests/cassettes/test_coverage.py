"""The folder holds a cassette for everything that the contracts offer, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from multiapi.providers import PROVIDERS
from tests.cassettes.chats import variants
from tests.cassettes.coverage import gaps
from tests.cassettes.scenario import FOLDER
from tests.cassettes.table import SCENARIOS


def test_nothing_is_missing_and_nothing_is_orphaned() -> None:
    assert gaps() == []


def test_names_are_unique() -> None:
    names = [str(scenario) for scenario in SCENARIOS]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, to be spoilt."""
    return Path(shutil.copytree(FOLDER, tmp_path_factory.mktemp("copy") / "cassettes"))


def test_deleting_any_one_cassette_is_noticed(copied: Path) -> None:
    unnoticed = []
    for path in sorted(copied.glob("*/*.yaml")):
        kept = path.read_bytes()
        path.unlink()
        if f"{path.parent.name}/{path.stem}: no cassette" not in gaps(copied):
            unnoticed.append(path)
        path.write_bytes(kept)
    assert unnoticed == []
    assert gaps(copied) == []


def test_a_cassette_without_a_scenario_is_noticed(copied: Path) -> None:
    orphan = copied / "aimlapi" / "chat_of_old.yaml"
    shutil.copy(copied / "aimlapi" / "chat.yaml", orphan)
    assert gaps(copied) == ["aimlapi/chat_of_old: no scenario records it"]
    orphan.unlink()


def test_an_operation_without_a_cassette_is_noticed(copied: Path) -> None:
    """Also where the table has forgotten it: the contracts are asked, not only the table."""
    for name in ("image", "image_inline", "seen_sizes", "seen_jpeg"):
        (copied / "aicredits" / f"{name}.yaml").write_bytes((copied / "aicredits" / "chat.yaml").read_bytes())
    assert "aicredits: createImage is never answered with success" in gaps(copied)


def test_every_vendor_holds_every_conversation_that_it_can() -> None:
    """What a vendor lacks by its capabilities is left out; nothing else is."""
    asked = {
        "": "chat",
        "system": "chat",
        "conversation": "chat",
        "unicode": "chat",
        "settings": "chat",
        "length": "chat",
        "stop": "chat",
        "tools": "chat",
        "tools_parallel": "chat",
        "tools_forced": "chat",
        "tools_required": "chat",
        "tools_result": "chat",
        "structured": "chat",
        "image": "vision",
        "document": "documents",
        "audio": "audio_in",
        "reasoning": "reasoning",
    }
    for provider in PROVIDERS.values():
        held = {variant for variant, _ in variants(provider.name)}
        assert {name for name, capability in asked.items() if provider.has(capability)} <= held, provider.name
