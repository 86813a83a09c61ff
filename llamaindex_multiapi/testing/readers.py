"""What every LlamaIndex reader of single files should do, as tests that anybody can subclass."""

# ruff: noqa: S301, ARG002

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.schema import Document


class ReaderConformance:
    """Subclass it, define `make` and `data`, and name the ending of the files that it reads."""

    ending: str = ".mp3"
    secrets: tuple[str, ...] = ()
    is_picklable: bool = True

    def make(self) -> Any:
        """The reader under test; it must not need a network."""
        raise NotImplementedError("the subclass says what is tested")

    def data(self) -> bytes:
        """The content of a file that it can read."""
        raise NotImplementedError("the subclass says what is tested")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / f"sample{self.ending}"
        path.write_bytes(self.data())
        return path

    def test_it_loads_documents(self, path: Path) -> None:
        documents = self.make().load_data(path)
        assert documents
        assert all(isinstance(document, Document) and document.text for document in documents)

    def test_async_and_lazy_give_the_same(self, path: Path) -> None:
        texts = [document.text for document in self.make().load_data(path)]

        async def load() -> list[str]:
            return [document.text for document in await self.make().aload_data(path)]

        assert asyncio.run(load()) == texts
        assert [document.text for document in self.make().lazy_load_data(path)] == texts

    def test_metadata_say_where_it_came_from(self, path: Path) -> None:
        document = self.make().load_data(path, extra_info={"shelf": "4"})[0]
        assert document.metadata["shelf"] == "4"
        assert path.name in str(document.metadata)

    def test_ids_are_stable(self, path: Path) -> None:
        first, second = (self.make().load_data(path) for _ in range(2))
        assert [document.id_ for document in first] == [document.id_ for document in second]

    def test_it_reads_from_the_file_system_that_is_given(self, path: Path) -> None:
        from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

        held = MemoryFileSystem()
        held.pipe(f"/only-in-memory{self.ending}", self.data())
        try:
            documents = self.make().load_data(Path(f"/only-in-memory{self.ending}"), fs=held)
        finally:
            held.rm(f"/only-in-memory{self.ending}")
        assert documents[0].text

    def test_a_directory_can_be_read_with_it(self, path: Path) -> None:
        reader = SimpleDirectoryReader(
            input_dir=str(path.parent), file_extractor={self.ending: self.make()}, raise_on_error=True
        )
        documents = reader.load_data()
        assert documents
        assert documents[0].metadata["file_name"] == path.name

    def test_no_secret_is_in_what_is_stored(self, path: Path) -> None:
        reader = self.make()
        stored = repr(reader) + (str(reader.to_dict()) if hasattr(reader, "to_dict") else "")
        stored += "".join(document.model_dump_json() for document in reader.load_data(path))
        assert not any(secret in stored for secret in self.secrets)

    def test_it_can_be_sent_to_a_worker(self, path: Path) -> None:
        if not self.is_picklable:
            pytest.skip("it holds something that cannot be sent")
        assert pickle.loads(pickle.dumps(self.make()))
