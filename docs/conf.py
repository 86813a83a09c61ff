"""Settings of the documentation site; `make docs` builds it into `site/`.

Beside the pages it holds `llms.txt` (what there is, for machines), the Markdown of every page under its own name, and, where the address of the
site is known (`DOCS_URL`, or Read the Docs' own variable), `sitemap.xml`.
"""

import os
import re
import runpy
from pathlib import Path
from typing import Any

# Before autodoc loads anything: it loads modules as type checkers see them, which these do not survive.
import langchain_core  # noqa: F401
import llama_index.core  # noqa: F401
from pydantic import BaseModel
from sphinx.application import Sphinx

from multiapi import __version__

ROOT = Path(__file__).resolve().parent.parent
MACHINES = runpy.run_path(str(ROOT / "docs" / "machines.py"))
IN_WORDS = runpy.run_path(str(ROOT / "docs" / "tables.py"))["in_words"]
REPOSITORY = runpy.run_path(str(ROOT / "hatch_build.py"))["repository"](ROOT)

project = "multiapi"
author = "the multiapi authors"
copyright = "the multiapi authors, MIT licence"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["*.py"]

# Markdown
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings: single backticks are code, as in the source
default_role = "code"
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
maximum_signature_line_length = 100
autodoc_default_options = {"members": True, "exclude-members": "model_config, model_post_init"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# The site
html_theme = "furo"
html_baseurl = os.environ.get("DOCS_URL") or os.environ.get("READTHEDOCS_CANONICAL_URL") or ""
html_title = f"multiapi {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_theme_options = {
    "sidebar_hide_name": False,
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-brand-primary": "#0b6e69",
        "color-brand-content": "#0b6e69",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5fd0c5",
        "color-brand-content": "#5fd0c5",
    },
}
if REPOSITORY:
    html_theme_options |= {"source_repository": REPOSITORY, "source_branch": "main", "source_directory": "docs/"}
copybutton_exclude = ".linenos, .gp, .go"
copybutton_selector = "div:not(.highlight-output) > div.highlight > pre"


_SECTION = re.compile(r"^((?:Args|Attributes|Raises|Returns|Yields):)$", re.MULTILINE)
_EXAMPLE = re.compile(r"\n\n((?: {4,}\S.*(?:\n|$)|\n(?= {4,}))+)")
"""Lines that are set in, before the first section."""

# Docstrings are written as plain text with backticks and fences; Sphinx reads reStructuredText.


def to_rst(_app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Fences become literal blocks, single backticks literals, and names of arguments that go on in the next line one line."""
    text = re.sub(r",\n +(?=[a-z_, \n]+: )", ", ", IN_WORDS("\n".join(lines)))
    head, section, rest = _SECTION.split(text, maxsplit=1) if _SECTION.search(text) else (text, "", "")
    text = _EXAMPLE.sub(lambda found: f"\n\n::\n\n{found[1]}", head) + section + rest
    text = re.sub(r"^( *)```\w*\n(.*?)\n\1```$", _literal_block, text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(
        r"(?<![`:\w])`([^`\n]+)`(?!`)(\w)?", lambda span: f"``{span[1]}``" + (rf"\ {span[2]}" if span[2] else ""), text
    )
    lines[:] = text.split("\n")


def _literal_block(block: re.Match[str]) -> str:
    indented = "\n".join(f"    {line}" for line in block[2].split("\n"))
    return f"\n{block[1]}::\n\n{indented}\n"


def plain_signature(
    _app: object, what: str, name: str, obj: Any, _options: object, arguments: str, result: str | None
) -> tuple[str, str | None] | None:
    """What a reader can use of a signature.

    The clients' methods are written as flows of requests; shown is what a flow ends with. The settings of pydantic's models are
    described below their signature, which would repeat all that the frameworks add.
    """
    if name.startswith("multiapi.client.operations.Operations.") and result:
        ends_with = re.sub(
            r"^~?(?:[\w.]*\.)?(?:Flow\[|Generator\[(?:~typing\.)?Any, (?:~typing\.)?Any, )(.*)\]$", r"\1", result
        )
        return arguments, "Media" if ends_with.endswith("M") else ends_with
    if what == "class" and isinstance(obj, type) and issubclass(obj, BaseModel):
        named = [field for field in ("provider", "model") if field in obj.model_fields]
        return f"({', '.join([*named, '**settings'])})", None
    if arguments and "<factory>" in arguments:
        return arguments.replace("<factory>", "..."), result
    return None


def no_fields_of_tuples(
    _app: object, _what: str, _name: str, obj: object, _skip: bool, _options: object
) -> bool | None:
    """Python documents them as "Alias for field number 0"."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def for_machines(app: Sphinx, failed: Exception | None) -> None:
    """Write what machines read."""
    if not failed and app.builder.format == "html":
        MACHINES["write"](Path(app.srcdir), Path(app.outdir), html_baseurl)


def setup(app: Sphinx) -> None:
    """Registered by Sphinx."""
    app.connect("build-finished", for_machines)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-skip-member", no_fields_of_tuples)
    app.connect("autodoc-process-docstring", to_rst, priority=400)
