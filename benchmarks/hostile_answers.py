"""Tries the hostile answers of tests/langchain/hostile on our chat models and on others, and writes docs/hostile_answers.md.

    python benchmarks/hostile_answers.py                          # what this environment has
    python benchmarks/hostile_answers.py --openrouter PYTHON      # and langchain-openrouter, with the Python that has it

langchain-openrouter wants an older pydantic than the current one, so it lives in an environment of its own:

    python -m venv .venv-openrouter
    .venv-openrouter/bin/pip install langchain-openrouter

Each model is made the way its documentation tells for an address of one's own, with no retries unless a case is about them.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import traceback
import warnings
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PAGE = ROOT / "docs" / "hostile_answers.md"
CASE_LIMIT_S = 30
SUBJECTS = {"multiapi": "langchain_multiapi", "openai": "langchain-openai", "openrouter": "langchain-openrouter"}
KINDS = {
    "answers": "Whole answers",
    "streams": "Streams",
    "tools": "Tool calls",
    "reasoning": "Reasoning",
    "errors": "Errors",
    "requests": "What is sent",
    "embeddings": "Embeddings",
    "care": "Keys, copies, connections",
}


# ------------------------------------------------------------------------------------------------ subjects


class OpenAI:
    name = "langchain-openai"

    def model(self, address, *, stall_s=None, replays_reasoning=False, **settings):
        from langchain_openai import ChatOpenAI

        held = {"model": "m-1", "api_key": "test-key", "max_retries": 0, "base_url": f"{address}/v1"}
        if stall_s is not None:
            held |= {"stream_chunk_timeout": stall_s, "timeout": stall_s}
        return ChatOpenAI(**{name: value for name, value in {**held, **settings}.items() if value is not None})

    def embeddings(self, address, **settings):
        """With the switch that its documentation names for other servers; without it a tokenizer is downloaded."""
        from langchain_openai import OpenAIEmbeddings

        held = {"model": "e-1", "api_key": "test-key", "max_retries": 0, "base_url": f"{address}/v1"}
        return OpenAIEmbeddings(**{**held, "check_embedding_ctx_length": False, **settings})


class OpenRouter:
    name = "langchain-openrouter"

    def model(self, address, *, stall_s=None, replays_reasoning=False, **settings):
        from langchain_openrouter import ChatOpenRouter

        held = {"model": "m-1", "api_key": "test-key", "max_retries": 0, "base_url": f"{address}/v1"}
        if stall_s is not None:
            held["timeout"] = round(stall_s * 1000)
        return ChatOpenRouter(**{name: value for name, value in {**held, **settings}.items() if value is not None})

    def embeddings(self, address, **settings):
        from tests.langchain.hostile.cases import NotThereError

        raise NotThereError


def subject(key):
    if key == "openai":
        return OpenAI()
    if key == "openrouter":
        return OpenRouter()
    from tests.langchain.hostile.test_hostile import MultiApi

    return MultiApi()


# ------------------------------------------------------------------------------------------------ trying


class TooLongError(Exception):
    pass


def try_all(key):
    """Run every case in this process; prints one JSON object at the end."""
    from tests.langchain.hostile.cases import CASES, NotThereError

    def too_long(*_):
        raise TooLongError(f"not done in {CASE_LIMIT_S} s")

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, too_long)
    tried = subject(key)
    results = {}
    for case in CASES:
        signal.alarm(CASE_LIMIT_S)
        try:
            case.check(tried)
            outcome = ["passed", ""]
        except NotThereError:
            outcome = ["absent", ""]
        except BaseException as error:  # noqa: BLE001 - whatever happens is the result
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome = ["failed", told(error)]
        finally:
            signal.alarm(0)
        results[case.name] = outcome
    package = "langchain-core" if key == "multiapi" else SUBJECTS[key]
    versions = {"package": version(package), "core": version("langchain-core"), "python": sys.version.split()[0]}
    print("RESULT " + json.dumps({"results": results, "versions": versions}))


def told(error):
    """What went wrong: the error, or the line of the check that was not met."""
    said = " ".join(str(error).split())
    if isinstance(error, AssertionError):
        line = traceback.extract_tb(error.__traceback__)[-1].line or ""
        said = said or line.removeprefix("assert ")
        return f"not so: {said}"[:140]
    return f"{type(error).__name__}: {said}"[:140]


def tried_by(python, key):
    command = [python, str(Path(__file__).resolve()), "--worker", key]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"{SUBJECTS[key]} could not be tried:\n{done.stderr[-3000:]}")
    return json.loads(lines[-1][len("RESULT ") :])


# ------------------------------------------------------------------------------------------------ the page


def page(found):
    from tests.langchain.hostile.cases import CASES

    from multiapi._package import __version__

    keys = list(found)
    names = [SUBJECTS[key] for key in keys]
    packages = [
        f"{SUBJECTS[key]} {__version__ if key == 'multiapi' else found[key]['versions']['package']} on langchain-core {found[key]['versions']['core']}"
        for key in keys
    ]
    mark = {"passed": "yes", "failed": "no", "absent": ""}
    lines = [
        "# Hostile answers",
        "",
        "What servers behind one API key really send, and what a LangChain chat model makes of it. The cases are in",
        "`tests/langchain/hostile/cases.py`, this page is what `benchmarks/hostile_answers.py` wrote after trying them; each case",
        "is a server on loopback, an answer byte by byte, and a check in terms of LangChain's own interface.",
        "",
        f"Run on {date.today().isoformat()} with Python {found[keys[0]]['versions']['python']}: {'; '.join(packages)}.",
        "",
        "Our models were written against these cases, so that they pass says little. langchain-openai states that it covers OpenAI's",
        "own API and drops what other servers add, and langchain-openrouter expects OpenRouter's own answers: a no is not always a",
        "defect of theirs, but it is what you get when you point them at another vendor. An empty cell is something the package",
        "does not have, and is not counted.",
        "",
        f"| | {' | '.join(names)} |",
        f"| --- |{' --- |' * len(keys)}",
    ]
    for kind, title in [*KINDS.items(), (None, "**all**")]:
        cells = []
        for key in keys:
            results = [found[key]["results"][case.name][0] for case in CASES if kind in (None, case.kind)]
            counted = [result for result in results if result != "absent"]
            cells.append(f"{counted.count('passed')}/{len(counted)}" if counted else "")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    for kind, title in KINDS.items():
        lines += ["", f"## {title}", "", f"| expected | {' | '.join(names)} |", f"| --- |{' --- |' * len(keys)}"]
        for case in CASES:
            if case.kind == kind:
                cells = [mark[found[key]["results"][case.name][0]] for key in keys]
                lines.append(f"| {case.about} (`{case.name}`) | {' | '.join(cells)} |")
    for key in keys:
        failed = {name: words for name, (result, words) in found[key]["results"].items() if result == "failed"}
        if failed:
            lines += ["", f"## What {SUBJECTS[key]} did instead", "", "| case | |", "| --- | --- |"]
            lines += [f"| `{name}` | {escaped(words)} |" for name, words in failed.items()]
    return "\n".join(lines) + "\n"


def escaped(words):
    words = re.sub(r"lc_run--[0-9a-f-]*", "lc_run--...", words)
    return words.replace("|", "\\|").replace("<", "&lt;").replace(str(ROOT), "").replace("127.0.0.1", "localhost")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--worker", choices=SUBJECTS)
    options.add_argument(
        "--openrouter", metavar="PYTHON", help="the Python of an environment with langchain-openrouter"
    )
    options.add_argument("--no-write", action="store_true", help="print the page instead of writing it")
    given = options.parse_args()
    if given.worker:
        try_all(given.worker)
        return
    found = {"multiapi": tried_by(sys.executable, "multiapi")}
    try:
        version("langchain-openai")
    except PackageNotFoundError:
        print("langchain-openai is not installed and is left out")
    else:
        found["openai"] = tried_by(sys.executable, "openai")
    if given.openrouter:
        found["openrouter"] = tried_by(given.openrouter, "openrouter")
    text = page(found)
    if given.no_write:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")
    sys.exit(any(result == "failed" for result, _ in found["multiapi"]["results"].values()))


if __name__ == "__main__":
    main()
