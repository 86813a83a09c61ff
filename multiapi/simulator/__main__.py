"""`python -m multiapi.simulator`: serve the five simulated vendors on a port."""

import argparse
import sys
import threading
import time


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m multiapi.simulator", description="Serve five simulated vendors.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the ids that are given out (default: %(default)s)")
    parser.add_argument(
        "--as-seen",
        nargs="?",
        const=True,
        default=False,
        metavar="NAMES",
        help="also answer in the forms that users saw live: all of them, or the named ones, with commas",
    )
    parser.add_argument(
        "--withdrawn", action="store_true", help="also serve operations that their vendor has withdrawn"
    )
    parser.add_argument(
        "--unknown",
        choices=("refuse", "drop"),
        default="refuse",
        help="what AI/ML API does about fields that it does not know: refuse them as the contract does, or drop them as seen live",
    )
    options = parser.parse_args(arguments)
    try:
        from multiapi.simulator.server import Server
        from multiapi.simulator.simulator import Simulator
    except ImportError as error:
        sys.stderr.write(f"the simulator needs the extra `simulator`: pip install 'multiapi[simulator]' ({error})\n")
        return 1
    try:
        simulator = Simulator(
            seed=options.seed, as_seen=options.as_seen, withdrawn=options.withdrawn, unknown=options.unknown
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        server = Server(simulator, options.host, options.port)
    except OSError as error:
        sys.stderr.write(f"error: {error.strerror or error}\n")
        return 1

    def announce() -> None:
        while not server.started:
            time.sleep(0.005)
        print(f"multiapi simulator on {server.origin}", flush=True)  # noqa: T201  (the one line that others wait for)

    threading.Thread(target=announce, daemon=True).start()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
