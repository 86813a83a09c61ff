"""The forms that users of a vendor saw live, beside or against its page: off by default, each on its own name.

`Simulator(as_seen=True)` switches on all of them, `Simulator(as_seen={"credits", "wall"})` those two;
`python -m multiapi.simulator --as-seen` and `POST /_simulator/as-seen` do the same for a running one.

| name | provider | what changes when it is on |
| --- | --- | --- |
| `structured` | aicredits | `json_schema` on ids of Google: content `""` and `"{}"` by turns, finish_reason stop, charged |
| `wall` | aicredits | an unstreamed chat whose response takes more than 30 s by the simulator's clock: a bare 500 at 30 s |
| `credits` | aicredits | `/v1/credits` is 404 as text, `/api/v1/credits` answers |
| `models` | aicredits | the live names in the list, one inactive model; `/v1/models` with the key |
| `hosts` | aicredits | the same service below `/v1` and `/api/v1`, on both hosts |
| `cost` | aicredits | `usage.cost`, `latency_ms`, and a total above the sum |
| `schema` | aicredits | 400 in Go's words for a list as `type` |
| `transcript` | aicredits | `transcript` and `language_code` for Sarvam's models; `segments` and `duration` for whisper |
| `choices` | bineric | OpenAI's form for every chat, speech and transcript |
| `sizes`, `jpeg` | aicredits | the sizes of dall-e-2; JPEG whatever was asked for |
| `upstream` | aicredits | every tenth chat is a 429 without headers; a model named `no-such-model` is 404 "No endpoints found" |
| `reasoning` | aicredits | `reasoning_content` and `reasoning` in responses and streams |

Source: the contracts' fields `x-seen-live`, with the grade of each; November 2026.
"""

from collections.abc import Iterable

PROVIDER_OF = {
    "structured": "aicredits",
    "wall": "aicredits",
    "credits": "aicredits",
    "models": "aicredits",
    "hosts": "aicredits",
    "cost": "aicredits",
    "schema": "aicredits",
    "transcript": "aicredits",
    "choices": "bineric",
    "sizes": "aicredits",
    "jpeg": "aicredits",
    "upstream": "aicredits",
    "reasoning": "aicredits",
}
"""Each name and the provider whose responses it changes."""


def read(given: bool | str | Iterable[str]) -> frozenset[str]:
    """The names that are on: all for True, none for False, else the given ones (a text may hold several, with commas).

    Raises:
        ValueError: A name that is not in the table.
    """
    if isinstance(given, bool):
        return frozenset(PROVIDER_OF) if given else frozenset()
    names = [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)
    chosen = frozenset(filter(None, names))
    unknown = sorted(chosen - PROVIDER_OF.keys())
    if unknown:
        raise ValueError(f"as_seen does not know {', '.join(unknown)}; known are {', '.join(PROVIDER_OF)}")
    return chosen
