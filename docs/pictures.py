"""Makes the pictures of the documentation: `python docs/pictures.py`. Needs Chromium and the groups `docs` and `test`.

- `simulator.png`: the simulator's page after some calls.
- `terminal.svg`: what the command line shows.
- `notebook.png`: the beginning of the media tour, as a notebook shows it.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from time import sleep

from PIL import Image

from multiapi import PROVIDERS, ChatRequest, Client, ImageRequest, Message, SpeechRequest, VideoRequest
from multiapi.simulator.server import Server

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
COMMANDS = (
    'multiapi chat -p binobox "Say hello in three words."',
    "multiapi models -p binobox",
    'multiapi image -p binobox "a red house by the sea" -o house --no-show',
    'multiapi image -p binom_router "a red house by the sea"',
)


def screenshot(url: str, target: Path, width: int, height: int) -> None:
    """A page as Chromium shows it, in few colours so that the file is small."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or "google-chrome"
    with tempfile.TemporaryDirectory() as profile:
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
        ]
        command = [chromium, *options, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        subprocess.run([*command, f"--screenshot={target}", url], check=True, capture_output=True, timeout=120)  # noqa: S603
    Image.open(target).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(target, optimize=True)


def picture_simulator() -> None:
    """Some calls, and the page that tells of them."""
    server = Server()
    Thread(target=server.run, daemon=True).start()
    while not server.started:
        sleep(0.01)
    clients = {name: Client(name, api_key="demo-key-1", base_url=server.base_url(name)) for name in PROVIDERS}
    for name, client in clients.items():
        client.chat(
            ChatRequest(
                model=PROVIDERS[name].default_models["chat"], messages=[Message("user", "What is an embedding?")]
            )
        )
    binobox, models = clients["binobox"], PROVIDERS["binobox"].default_models
    binobox.image(ImageRequest(model=models["image"], prompt="a red house by the sea"))
    binobox.speech(SpeechRequest(model=models["speech"], text="Hello from the harbour."))
    binobox.video(VideoRequest(model=models["video"], prompt="a cat on a roof", duration_s=4))
    screenshot(server.origin, PICTURES / "simulator.png", 1260, 1580)
    server.stop()


def picture_terminal() -> None:
    """Commands and what they print, with their colours."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=88, file=io.StringIO(), force_terminal=True)
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "88", "TERM": "xterm-256color"}
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            words = shlex.split(f"{command} --simulator")
            done = subprocess.run(  # noqa: S603
                [str(Path(sys.executable).with_name(words[0])), *words[1:]],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            said = [line for line in done.stderr.splitlines() if "simulator:" not in line]
            console.print(Text.from_ansi("\n".join([done.stdout.rstrip(), *said]).strip("\n")))
            console.print()
    svg = console.export_svg(title="multiapi")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no font is fetched from anywhere
    svg = re.sub(r"\bterminal-\d+\b", "terminal", svg).replace("Fira Code", "ui-monospace, Consolas, DejaVu Sans Mono")
    (PICTURES / "terminal.svg").write_text(
        "\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8"
    )


def picture_notebook() -> None:
    """The media tour as a page."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(ROOT / "examples" / "media_tour.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    wanted = ("picture = aimlapi", "speech = binobox", "transcript =", "binobox.wait")
    notebook.cells = [
        cell for cell in notebook.cells if cell.cell_type == "code" and any(word in cell.source for word in wanted)
    ]
    html, _ = HTMLExporter(
        template_name="lab", exclude_input_prompt=True, exclude_output_prompt=True
    ).from_notebook_node(notebook)
    html = re.sub(r"<script[^>]*src=.*?</script>", "", html, flags=re.DOTALL).replace(
        'preload="none"', 'preload="auto"'
    )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "notebook.html"
        page.write_text(html, encoding="utf-8")
        screenshot(page.as_uri(), PICTURES / "notebook.png", 1000, 1000)


def main() -> int:
    """Make all, or those that are named."""
    makers = {"simulator": picture_simulator, "terminal": picture_terminal, "notebook": picture_notebook}
    PICTURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or makers:
        makers[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
