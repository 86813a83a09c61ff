"""Cassettes: recorded exchanges with the providers as YAML that people can read, and their replay in tests.

    from multiapi.cassettes import replay

    with replay("cassettes/aimlapi/chat.yaml"):
        Client("aimlapi", api_key="not-a-key").chat(...)

A replay opens no connection. It fails when a request is not in the cassette and when something of the cassette was not asked
for, and it does not wait where a recorded job was waited for. Requests are compared by method, address and body: JSON as
values, forms part by part. Needs the extra `cassettes`; recording is described in `docs/cassettes.md`.
"""

try:
    import vcr  # noqa: F401  (whether it is there, said before anything fails on it)
    import yaml  # noqa: F401
except ImportError as error:  # pragma: no cover - depends on what is installed
    from multiapi._package import install

    raise ImportError(f"multiapi.cassettes needs vcrpy; {install('cassettes')}") from error

from multiapi.cassettes.bodies import body_from_yaml, body_to_yaml, looks_like_base64
from multiapi.cassettes.comparing import MATCHED, same_json
from multiapi.cassettes.forms import form_parts
from multiapi.cassettes.recording import FORMAT, MOST_BYTES, Recording, contract_version, dumps, loads, read, vendor_of
from multiapi.cassettes.replaying import Serializer, Tape, register, replay

__all__ = [
    "FORMAT",
    "MATCHED",
    "MOST_BYTES",
    "Recording",
    "Serializer",
    "Tape",
    "body_from_yaml",
    "body_to_yaml",
    "contract_version",
    "dumps",
    "form_parts",
    "loads",
    "looks_like_base64",
    "read",
    "register",
    "replay",
    "same_json",
    "vendor_of",
]
