"""vcrpy with our cassettes: registered for recording, and replayed strictly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vcr import VCR
from vcr.cassette import Cassette, CassetteContextDecorator

from multiapi.cassettes.comparing import register_matchers
from multiapi.cassettes.recording import Recording, contract_version, dumps, flat, loads, vendor_of
from multiapi.sending.waiting import without_waiting

_SIMULATOR = "x-multiapi-simulator"


class Serializer:
    """Reads and writes cassettes for vcrpy. What was recorded says itself where it came from: the simulator signs its answers."""

    @staticmethod
    def deserialize(text: str) -> dict[str, Any]:
        """From the text of a file to vcrpy's form."""
        return {"version": 1, "interactions": loads(text).interactions}

    @staticmethod
    def serialize(cassette: Mapping[str, Any]) -> str:
        """From vcrpy's form to the text of a file."""
        interactions = cassette["interactions"]
        provider = next((name for entry in interactions if (name := vendor_of(entry["request"]["uri"]))), None)
        simulated = any(_SIMULATOR in flat(entry["response"]["headers"]) for entry in interactions)
        return dumps(
            Recording(
                provider=provider,
                recorded_from="simulator" if simulated else "live",
                recorded_on=datetime.now(UTC).date().isoformat(),
                contract=contract_version(provider) if provider else None,
                interactions=interactions,
            )
        )


def register(vcr: Any) -> None:
    """Teach an instance of `vcr.VCR` our form of cassettes and our way of comparing.

    For pytest-recording, in `conftest.py`:

        def pytest_recording_configure(config, vcr):
            multiapi.cassettes.register(vcr)
    """
    vcr.register_serializer("yaml", Serializer)
    register_matchers(vcr)


class Tape(Cassette):  # type: ignore[misc]
    """vcrpy's cassette; it notes what was asked for and is not there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unknown: list[str] = []

    def can_play_response_for(self, request: Any) -> bool:
        """Whether the request is recorded and was not played before."""
        found = bool(super().can_play_response_for(request))
        if not found:
            self.unknown.append(self._explained(request))
        return found

    def complaints(self) -> str:
        """What was asked for and is not there, or else what is there and was not asked for; empty if all is well."""
        if self.unknown:
            return f"{self._path}: not in the cassette: " + "; ".join(dict.fromkeys(self.unknown))
        left = [request for index, request in enumerate(self.requests) if not self.play_counts[index]]
        if left:
            return f"{self._path}: not asked for: " + "; ".join(f"{each.method} {each.uri}" for each in left)
        return ""

    def _explained(self, request: Any) -> str:
        text = f"{request.method} {request.uri}"
        nearest = self.find_requests_with_most_matches(request)
        if not nearest:
            return text
        _, _, failures = nearest[0]
        if not failures:
            return f"{text} (once more than recorded)"
        differing = dict(failures)
        if "path" in differing:  # Then it is another call altogether.
            return text
        return f"{text} ({'; '.join(map(str, differing.values()))})"


class _Files:
    """Where vcrpy reads and writes: always UTF-8, and a missing file is an error."""

    @staticmethod
    def load_cassette(path: str, serializer: Any) -> Any:
        from vcr.serialize import deserialize

        return deserialize(Path(path).read_text(encoding="utf-8"), serializer)

    @staticmethod
    def save_cassette(path: str, *_: Any) -> None:
        raise AssertionError(f"{path}: a replay never records")


@contextmanager
def replay(path: str | Path, *, repeats: bool = False) -> Iterator[Tape]:
    """Answer every HTTP request of this process out of a cassette, beginning as the recording began.

    What the process has learned of providers (refused parameters, failed repetitions) is forgotten, and nothing is waited for.

    Args:
        path: The file.
        repeats: An exchange may be asked for more than once.

    Raises:
        AssertionError: Something was asked for that is not recorded, or recorded that was not asked for. When the code under
            test raises an error of its own, that one is raised, with the complaint as a note.
    """
    from multiapi.sending.kept import PROCESS

    PROCESS.forget()
    vcr = VCR(record_mode="none")
    register(vcr)
    vcr.register_persister(_Files)
    config = vcr.get_merged_config(path=str(path), allow_playback_repeats=repeats)
    config.pop("path_transformer")
    config.pop("func_path_generator")
    tape: Tape | None = None
    try:
        with CassetteContextDecorator(Tape, lambda: dict(config)) as tape, without_waiting():
            yield tape
    except Exception as error:
        if tape is not None and tape.unknown:
            error.add_note(tape.complaints())
        raise
    if complaints := tape.complaints():
        raise AssertionError(complaints)
