"""Stock clients of others on the simulator, each in an interpreter that has it.

`MULTIAPI_STOCK_PYTHONS` names further interpreters (separated as in PATH), such as one with openai 2 and one with openai 3; this one is always
tried. A client that none of them has is skipped with the reason. The Vercel AI SDK runs where Node has it (`MULTIAPI_STOCK_NODE`: the folder
with its `node_modules`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from multiapi.simulator.server import Server
from tests.simulator.stock_clients import CLIENTS, ONLY_FOR

FOLDER = Path(__file__).parent
VENDORS = {"aimlapi": "/v1", "aicredits": "/v1", "binom_router": ""}
MORE = {"aimlapi": ["embeddings", "responses"], "aicredits": ["embeddings", "responses"], "binom_router": []}
"""What the vendor has beside chat: Binom.Router documents neither."""
PYTHONS = [sys.executable, *filter(None, os.environ.get("MULTIAPI_STOCK_PYTHONS", "").split(os.pathsep))]
NOT_INSTALLED = 77

pytestmark = pytest.mark.stock_clients


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: f"python {PYTHONS.index(path)}")
@pytest.mark.parametrize(
    ("client", "vendor"),
    [(client, vendor) for client in CLIENTS for vendor in VENDORS if vendor in ONLY_FOR.get(client, VENDORS)],
)
def test_a_stock_client_gets_what_it_asks_for(
    client: str, vendor: str, python: str, server: Server, tmp_path: Path
) -> None:
    address = server.base_url(vendor) + VENDORS[vendor]
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "SYSTEMROOT", "LANG"}}
    environment = {
        **kept,
        "HOME": str(tmp_path),
        "LLM_USER_PATH": str(tmp_path),
        "PYTHONWARNINGS": "ignore",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = [python, str(FOLDER / "stock_clients.py"), client, address, *MORE[vendor]]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    if done.returncode == NOT_INSTALLED:
        pytest.skip(f"{client} is not installed: {done.stdout.strip()}")
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_vercel_ai_sdk_gets_what_it_asks_for(vendor: str, server: Server) -> None:
    node, folder = shutil.which("node"), os.environ.get("MULTIAPI_STOCK_NODE", "")
    if node is None:
        pytest.skip("Node is not installed")
    if not (Path(folder) / "node_modules/ai").is_dir() or not folder:
        pytest.skip(
            "the npm packages ai, @ai-sdk/openai and zod are not installed: MULTIAPI_STOCK_NODE names their folder"
        )
    address = server.base_url(vendor) + VENDORS[vendor]
    script = (FOLDER / "stock_client.mjs").read_text(encoding="utf-8")
    late = ["late-event"] if vendor == "aimlapi" else []
    command = [node, "--input-type=module", "-", address, *MORE[vendor], *late]
    done = subprocess.run(command, input=script, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
