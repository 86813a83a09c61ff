"""Five simulated vendors that answer from their contracts: for tests, examples and a look around.

    from multiapi.simulator import Simulator

    simulator = Simulator(seed=0)
    client = httpx.Client(transport=simulator.transport)                # in process, no socket
    client.post(f"{simulator.base_url('aimlapi')}/v1/chat/completions", ...)

or on a port, `python -m multiapi.simulator --port 8000`. Any key is good but three: `invalid-key`, `expired-key`
and `empty-wallet`. Three have less than others: `free-account` (Bineric), `only-chat-image` (Binobox: these scopes), and
on AI/ML API only keys that start with `management` may manage keys. The model `no-such-model` is nowhere. Needs the extra `simulator`. It imports nothing of the clients that it is there to test.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiapi.simulator.clock import Clock
    from multiapi.simulator.simulator import Simulator

__all__ = ["Clock", "Simulator"]


def __getattr__(name: str) -> Any:
    """Load the simulator when it is first asked for: the pytest plugin lies in this package and must load fast."""
    if name == "Simulator":
        from multiapi.simulator.simulator import Simulator

        return Simulator
    if name == "Clock":
        from multiapi.simulator.clock import Clock

        return Clock
    raise AttributeError(name)
