"""Runs the public conformance kit on our LlamaIndex classes and on others, and writes the scores to docs/llamaindex_conformance.md.

    python benchmarks/llamaindex_conformance.py                              # what this environment has
    python benchmarks/llamaindex_conformance.py --openrouter PYTHON          # and OpenRouter, with the Python that has it

OpenRouter's package wants an older OpenAILike than the current one, so it lives in an environment of its own:

    python -m venv .venv-openrouter
    .venv-openrouter/bin/pip install llama-index-llms-openrouter llama-index-embeddings-openai-like pytest orjson filetype

Each subject is made the way its documentation tells. Where a class needs switches to be usable at all (`is_chat_model`,
`is_function_calling_model`), they are set, except in the tests that ask for the defaults (b04).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pytest  # noqa: E402

from llamaindex_multiapi.testing import EmbeddingConformance, LLMConformance  # noqa: E402

PAGE = ROOT / "docs" / "llamaindex_conformance.md"
TEST_LIMIT_S = 30
ADDRESS = "https://vendor.example/v1"


# ------------------------------------------------------------------------------------------------ subjects


def _ours(name):
    def find():
        from tests.llamaindex import test_conformance

        return getattr(test_conformance, name)

    return find


def _clients(wire, base_url):
    if base_url:
        return {}
    return {"http_client": wire.client(), "async_http_client": wire.async_client()}


def _asks_for_defaults():
    return "test_b04" in os.environ.get("PYTEST_CURRENT_TEST", "")


def _openailike():
    from llama_index.llms.openai_like import OpenAILike

    class Subject(LLMConformance):
        def make(self, wire, *, base_url=None, **settings):
            switches = {} if _asks_for_defaults() else {"is_chat_model": True, "is_function_calling_model": True}
            return OpenAILike(api_base=base_url or ADDRESS, **switches, **_clients(wire, base_url), **settings)

    return Subject


def _openrouter():
    from llama_index.llms.openrouter import OpenRouter

    class Subject(LLMConformance):
        def make(self, wire, *, base_url=None, **settings):
            switches = {} if _asks_for_defaults() else {"is_function_calling_model": True}
            return OpenRouter(api_base=base_url or ADDRESS, **switches, **_clients(wire, base_url), **settings)

    return Subject


def _openai_embedding():
    from llama_index.embeddings.openai import OpenAIEmbedding

    class Subject(EmbeddingConformance):
        model = "text-embedding-3-small"

        def make(self, wire, *, base_url=None, model_name, **settings):
            model = {"model": model_name}
            return OpenAIEmbedding(api_base=base_url or ADDRESS, **model, **_clients(wire, base_url), **settings)

    return Subject


def _openailike_embedding():
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    class Subject(EmbeddingConformance):
        def make(self, wire, *, base_url=None, **settings):
            return OpenAILikeEmbedding(api_base=base_url or ADDRESS, **_clients(wire, base_url), **settings)

    return Subject


LLMS = {
    "AI/ML API": (_ours("TestAimlapi"), "multiapi"),
    "AICredits": (_ours("TestAicredits"), "multiapi"),
    "Binom.Router": (_ours("TestBinomRouter"), "multiapi"),
    "Bineric": (_ours("TestBineric"), "multiapi"),
    "Binobox": (_ours("TestBinobox"), "multiapi"),
    "OpenAILike": (_openailike, "llama-index-llms-openai-like"),
    "OpenRouter": (_openrouter, "llama-index-llms-openrouter"),
}
EMBEDDINGS = {
    "AI/ML API (embeddings)": (_ours("TestAimlapiEmbedding"), "multiapi"),
    "AICredits (embeddings)": (_ours("TestAicreditsEmbedding"), "multiapi"),
    "OpenAIEmbedding": (_openai_embedding, "llama-index-embeddings-openai"),
    "OpenAILikeEmbedding": (_openailike_embedding, "llama-index-embeddings-openai-like"),
}
SUBJECTS = LLMS | EMBEDDINGS

if os.environ.get("CONFORMANCE_SUBJECT"):
    TestSubject = SUBJECTS[os.environ["CONFORMANCE_SUBJECT"]][0]()


# ------------------------------------------------------------------------------------------------ one run


class Collector:
    """Outcomes by test; a test that takes too long has failed."""

    def __init__(self):
        self.outcomes = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item):
        def late(*_):
            raise TimeoutError(f"more than {TEST_LIMIT_S} s")

        signal.signal(signal.SIGALRM, late)
        signal.alarm(TEST_LIMIT_S)
        yield
        signal.alarm(0)

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.rpartition("::")[2]
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[name] = report.outcome


def run_here(out):
    """Run the subject of the environment in this process."""
    collector = Collector()
    subject = os.environ["CONFORMANCE_SUBJECT"]
    target = f"{Path(__file__).resolve()}::TestSubject"
    options = ["-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-W", "ignore", "-c", os.devnull]
    pytest.main([target, *options, f"--rootdir={ROOT}"], plugins=[collector])
    distribution = SUBJECTS[subject][1]
    try:
        found = version(distribution)
    except Exception:
        from multiapi import __version__ as found
    facts = {"outcomes": collector.outcomes, "version": found, "core": version("llama-index-core")}
    Path(out).write_text(json.dumps(facts))


def run(subject, python):
    """Run one subject in a process of its own."""
    out = Path(os.environ.get("TMPDIR", "/tmp")) / f"conformance-{os.getpid()}.json"
    environment = {**os.environ, "CONFORMANCE_SUBJECT": subject, "PYTHONPATH": str(ROOT)}
    command = [python, str(Path(__file__).resolve()), "--out", str(out)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    if not out.exists():
        raise SystemExit(f"{subject} did not run:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    facts = json.loads(out.read_text())
    out.unlink()
    return facts


# ------------------------------------------------------------------------------------------------ the page

GROUPS = {
    "b02": "B2 keys are shown nowhere",
    "b03": "B3 a key goes to its vendor only",
    "b04": "B4 metadata of any model",
    "b05": "B5 retries plus one attempts",
    "b06": "B6 tool calls of every shape",
    "b07": "B7 all ways give the same",
    "b08": "B8 reasoning, there and back",
    "b09": "B9 token counts everywhere",
    "b10": "B10 structured output",
    "b11": "B11 content blocks",
    "b12": "B12 embeddings",
    "b13": "B13 loops and threads",
    "b14": "B14 pickles, copies, changes",
    "b15": "B15 typed errors",
    "odd": "odd answers that are answers",
    "": "everything else",
}


def group_of(test):
    found = re.match(r"test_(b\d\d|odd)", test)
    return found.group(1) if found and found.group(1) in GROUPS else ""


def table(results):
    lines = ["| | " + " | ".join(results) + " |", "| --- |" + " --- |" * len(results)]
    for group, title in GROUPS.items():
        cells = []
        for facts in results.values():
            counts = Counter(outcome for test, outcome in facts["outcomes"].items() if group_of(test) == group)
            ran = counts["passed"] + counts["failed"]
            cells.append(f"{counts['passed']}/{ran}" if ran else "")
        if any(cells):
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    totals = []
    for facts in results.values():
        counts = Counter(facts["outcomes"].values())
        totals.append(f"**{counts['passed']}/{counts['passed'] + counts['failed']}**")
    lines.append("| **all** | " + " | ".join(totals) + " |")
    return lines


def failures(results):
    lines = []
    for subject, facts in results.items():
        failed = Counter(test.partition("[")[0] for test, outcome in facts["outcomes"].items() if outcome == "failed")
        if not failed:
            continue
        lines += ["", f"### {subject} {facts['version']}", ""]
        for test, count in sorted(failed.items()):
            ran = sum(each.partition("[")[0] == test for each in facts["outcomes"])
            lines.append(f"- `{test}`" + (f" ({count} of {ran} cases)" if ran > 1 else ""))
    return lines


def page(llms, embeddings):
    versions = ", ".join(
        f"{subject} {facts['version']}" for subject, facts in {**llms, **embeddings}.items() if subject in _OTHERS
    )
    skipped = sum(outcome == "skipped" for facts in llms.values() for outcome in facts["outcomes"].values())
    return "\n".join(
        [
            "# LlamaIndex conformance",
            "",
            "`llamaindex_multiapi.testing` is a public conformance kit for LlamaIndex LLMs, embeddings, tool specs and readers. It plays what",
            "vendors answer from a script, without network and keys; anybody can subclass its classes and run them on an integration of",
            "their own. This page is what `benchmarks/llamaindex_conformance.py` wrote after running it on this package and on others.",
            "",
            f"Run on {date.today().isoformat()} with llama-index-core {next(iter(llms.values()))['core']}, Python "
            f"{'.'.join(map(str, sys.version_info[:3]))}; {versions}.",
            "",
            "Cells are tests passed of tests run. A test that cannot apply is not counted: Bineric and Binobox have no streams and no tool",
            f"calls of their own on the wire, two vendors do not count streams ({skipped} such cases). The other classes have every",
            "feature claimed for them and the switches set that they need (`is_chat_model`, `is_function_calling_model`), except in B4,",
            "which is about defaults.",
            "",
            "The tests come from what users of LlamaIndex's integrations reported and asked for, and this package was written against",
            "them, so that it passes says little. What the others fail is worth reading one by one: each test is short, and a few ask",
            "for what only this package offers so far (vectors of finished batches on the error, an answer's body as a plain dict).",
            "",
            "## LLMs",
            "",
            *table(llms),
            "",
            "## Embeddings",
            "",
            *table(embeddings),
            "",
            "## What failed",
            *(failures({**llms, **embeddings}) or ["", "Nothing."]),
            "",
        ]
    )


_OTHERS = {"OpenAILike", "OpenRouter", "OpenAIEmbedding", "OpenAILikeEmbedding"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--openrouter", metavar="PYTHON", help="a Python that has llama-index-llms-openrouter")
    parser.add_argument("--out", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.out:
        run_here(arguments.out)
        return
    results = {}
    for subject in SUBJECTS:
        python = arguments.openrouter if subject == "OpenRouter" else sys.executable
        if python is None:
            continue
        results[subject] = run(subject, python)
        counts = Counter(results[subject]["outcomes"].values())
        print(f"{subject:24} {dict(counts)}")
    llms = {subject: facts for subject, facts in results.items() if subject in LLMS}
    embeddings = {subject: facts for subject, facts in results.items() if subject in EMBEDDINGS}
    PAGE.write_text(page(llms, embeddings))
    print(f"written to {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
