"""Writes the classes that have a provider's name, as `ChatBineric`: `python -m tests.packaging.named_classes`.

They are written out, and not made when a package is imported, so that type checkers and editors see them. A test fails where a file
does not hold what this says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from multiapi import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
STEMS = {
    "bineric": "Bineric",
    "binom_router": "BinomRouter",
    "aimlapi": "AimlApi",
    "aicredits": "AICredits",
    "binobox": "Binobox",
}
"""What each provider is called in the name of a class."""

KINDS = {
    "langchain_multiapi": (
        ("langchain_multiapi.chat_models", "ChatMultiApi", "Chat{}", "A chat model", "ChatModelKeywords"),
        ("langchain_multiapi.embeddings", "MultiApiEmbeddings", "{}Embeddings", "Embeddings", "EmbeddingsKeywords"),
    ),
    "llamaindex_multiapi": (
        ("llamaindex_multiapi.llms", "MultiApiLLM", "{}", "An LLM", "LLMKeywords"),
        ("llamaindex_multiapi.embeddings", "MultiApiEmbedding", "{}Embedding", "Embeddings", "EmbeddingKeywords"),
    ),
}
"""For each package: where the general class is, what it is called, what those of one provider are called, what they are, and the
arguments that they take."""

CLASS = '''
class {name}({base}):
    """{what} of {title}: `{base}` with the provider set."""

    provider: Literal["{provider}"] = "{provider}"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            {model}
            provider: Literal["{provider}"] | Provider = ...,
            **settings: Unpack[{keywords}],
        ) -> None: ...

        @overload
        def __init__(
            self,
            *,
            model_name: str,
            provider: Literal["{provider}"] | Provider = ...,
            **settings: Unpack[{keywords}],
        ) -> None: ...

        def __init__(self, *model: str, **settings: Any) -> None: ...
'''


def _classes(package: str) -> list[tuple[str, str, str, str, str]]:
    """Name, general class, provider, what it is, and its arguments."""
    return [
        (pattern.format(STEMS[provider.name]), base, provider.name, what, keywords)
        for _, base, pattern, what, keywords in KINDS[package]
        for provider in PROVIDERS.values()
        if "mbedding" not in pattern or "embed" in provider.operations
    ]


def module(package: str) -> str:
    """Return the text of a package's module."""
    imports = "\n".join(
        f"from {home} import {base}" for home, base, *_ in sorted(KINDS[package], key=lambda kind: kind[0])
    )
    _, base, pattern, *_ = KINDS[package][0]
    example = f'{pattern.format(STEMS["aicredits"])}(model="openai/gpt-4o")  # as {base}(provider="aicredits", model="openai/gpt-4o")'
    keywords = ", ".join(sorted(kind[-1] for kind in KINDS[package]))
    head = f'''"""The classes of this package for one provider each; written by `make tables`.

    {example}

Each takes what the general class takes, and refuses the name of another provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

{imports}

if TYPE_CHECKING:
    from {package}._keywords import {keywords}
    from multiapi.provider import Provider

'''
    return head + "\n".join(
        CLASS.format(
            name=name,
            base=base,
            provider=provider,
            title=PROVIDERS[provider].title,
            what=what,
            keywords=keywords,
            model="\n            ".join(
                ("model: str,", "*,") if package == "llamaindex_multiapi" else ("*,", "model: str,")
            ),
        )
        for name, base, provider, what, keywords in _classes(package)
    )


def stub(package: str, text: str) -> str:
    """Return the list of a package's names with these classes among them, each as type checkers want it."""
    home = f"{package}.by_provider"
    others = [block for block in _blocks(text) if not block.startswith(f"from {home} ")]
    own = [f"from {home} import (\n    {name} as {name},\n)\n" for name, *_ in _classes(package)]
    return "".join(sorted([*others, *own], key=lambda block: block.replace("(", "").split()[1:4]))


def _blocks(text: str) -> list[str]:
    return [f"from {block}" for block in ("\n" + text).split("\nfrom ")[1:] for block in [block.rstrip("\n") + "\n"]]


def main() -> int:
    """Write the modules and the lists of names."""
    for package in KINDS:
        (ROOT / package / "by_provider.py").write_text(module(package), encoding="utf-8")
        listed = ROOT / package / "__init__.pyi"
        listed.write_text(stub(package, listed.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
