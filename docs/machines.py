"""What the site holds for machines: `llms.txt`, the Markdown of every page, and `sitemap.xml`."""

import re
from pathlib import Path


def first_words(text: str) -> tuple[str, str]:
    """The title of a page and its first paragraph, without links and line breaks."""
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    plain = re.sub(r"^(`{3,}|:{3,}).*?^\1$|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    paragraphs = [each.strip() for each in plain.split("\n\n")]
    first = next((each for each in paragraphs if each and not each.startswith(("#", "|", ">", "!"))), "")
    words = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", " ".join(first.removeprefix("- ").split()))
    return (title[1] if title else ""), words.partition(". ")[0].rstrip(".:") + "."


def whole(page: Path) -> str:
    """The text of a page, with what it includes."""
    text = page.read_text(encoding="utf-8")
    return re.sub(
        r"```\{include\} (\S+)\n```", lambda found: (page.parent / found[1]).read_text(encoding="utf-8"), text
    )


def llms_text(pages: list[Path], folder: Path, base: str) -> str:
    """What llms.txt says: one line for each page, with the address of its Markdown."""
    lines = [
        "# multiapi",
        "",
        "> LangChain and LlamaIndex integrations of five AI API providers, with a simulator of all five.",
        "",
    ]
    for page in pages:
        title, words = first_words(whole(page))
        lines.append(f"- [{title}]({base}{page.relative_to(folder).as_posix()}): {words}")
    return "\n".join(lines) + "\n"


def sitemap(pages: list[Path], folder: Path, base: str) -> str:
    """The addresses of all pages."""
    places = (
        f"<url><loc>{base}{page.relative_to(folder).with_suffix('.html').as_posix()}</loc></url>" for page in pages
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return "\n".join([head, *places, "</urlset>"]) + "\n"


def write(folder: Path, site: Path, base: str) -> None:
    """Write all of it; the sitemap only where the address of the site is known."""
    base = f"{base.rstrip('/')}/" if base else ""
    pages = sorted(folder.rglob("*.md"))
    for page in pages:
        target = site / page.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(whole(page), encoding="utf-8")
    (site / "llms.txt").write_text(llms_text(pages, folder, base), encoding="utf-8")
    if base:
        (site / "sitemap.xml").write_text(sitemap(pages, folder, base), encoding="utf-8")
