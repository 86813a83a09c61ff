"""`python -m multiapi.simulator`: serve the five simulated providers on a port."""

import argparse
import sys
import threading
import time
from contextlib import suppress


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is interrupted."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m multiapi.simulator", description="Serve five simulated providers.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: %(default)s)")
    add("--seed", type=int, default=0, help="seed of the ids that are given out (default: %(default)s)")
    add(
        "--as-seen",
        nargs="?",
        const=True,
        default=False,
        metavar="NAMES",
        help="also answer in the forms that users saw live: all of them, or the named ones, with commas",
    )
    add("--withdrawn", action="store_true", help="also serve operations that their provider has withdrawn")
    add(
        "--unknown",
        choices=("refuse", "drop"),
        default="refuse",
        help="what AI/ML API does about fields that it does not know: refuse them as the contract does, or drop them as seen live",
    )
    add("--answers", metavar="FILE", help="what the models say: a YAML file of scripted answers")
    add("--brain", metavar="URL", help="an OpenAI-compatible server on this machine that thinks for the models")
    add("--brain-model", default="", metavar="NAME", help="the model of that server")
    add("--brain-remote", action="store_true", help="let the server be on another machine")
    add("--strict", action="store_true", help="refuse prompts that the simulated model does not understand")
    add("--delay", type=float, default=0.0, metavar="SECONDS", help="how long every provider takes for each answer")
    add("--logs-after", type=float, default=0.0, metavar="SECONDS", help="after how long AI/ML API's logs show a call")
    add("--env", action="store_true", help='start in the background and print exports, for eval "$(...)"')
    options = parser.parse_args(given)
    try:
        from multiapi.simulator import startup
        from multiapi.simulator.server import Server
        from multiapi.simulator.simulator import Simulator
    except ImportError as error:
        from multiapi._package import install

        sys.stderr.write(f"the simulator needs the extra `simulator` ({error}); {install('simulator')}\n")
        return 1
    if options.env:
        try:
            print(startup.in_background([one for one in given if one != "--env"]))  # noqa: T201
        except RuntimeError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        return 0
    try:
        simulator = Simulator(
            seed=options.seed,
            as_seen=options.as_seen,
            withdrawn=options.withdrawn,
            unknown=options.unknown,
            brain=options.brain,
            brain_model=options.brain_model,
            brain_remote=options.brain_remote,
            strict=options.strict,
            delay=options.delay,
            logs_after=options.logs_after,
        )
        simulator.answers(*startup.script_of(options.answers))
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
        with suppress(BrokenPipeError):  # a program that has read the first line may close the pipe
            print(startup.first_line(server.origin), flush=True)  # noqa: T201  (the one line that others wait for)
            print(startup.instructions(server.base_url), file=sys.stderr, flush=True)  # noqa: T201

    threading.Thread(target=announce, daemon=True).start()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
