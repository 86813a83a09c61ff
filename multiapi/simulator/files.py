"""Files that the simulator made or was given, kept in memory and handed out below `/files/`."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from multiapi._package import new_lock

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/aac": "aac",
    "video/mp4": "mp4",
    "model/gltf-binary": "glb",
    "application/pdf": "pdf",
    "text/plain": "txt",
    "application/json": "json",
}


@dataclass
class StoredFile:
    """One file. A signed file is only handed out with its signature, and until it expires."""

    name: str
    mime_type: str
    data: bytes
    vendor: str
    made_at: float
    about: str = ""
    signature: str = ""
    expires_at: float = 0.0


@dataclass
class Files:
    """The newest files, up to a total size; older ones are forgotten."""

    limit_bytes: int = 256_000_000
    kept: "OrderedDict[str, StoredFile]" = field(default_factory=OrderedDict)
    total_bytes: int = 0
    _lock: Any = field(default_factory=new_lock, repr=False)

    def add(self, file: StoredFile) -> StoredFile:
        """Keep a file."""
        with self._lock:
            self.kept[file.name] = file
            self.total_bytes += len(file.data)
            while self.total_bytes > self.limit_bytes and len(self.kept) > 1:
                _, oldest = self.kept.popitem(last=False)
                self.total_bytes -= len(oldest.data)
        return file

    def get(self, name: str) -> StoredFile | None:
        """The file of a name."""
        return self.kept.get(name)


def extension(mime_type: str) -> str:
    """The usual ending of a file's name."""
    return EXTENSIONS.get(mime_type, mime_type.rsplit("/", 1)[-1].removeprefix("x-") or "bin")
