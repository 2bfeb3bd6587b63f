"""Makes the docs site from the files as they stand in the repository.

The pages are read in two places: in the repository, where their links go to other files of it, and on the
site. So the README becomes the site's first page, every file that a page links to outside `docs/` is
copied to the site, and those links are rewritten. The page of the public API lists what
`import trajectune as tt` gives, read from the package. Nothing is kept twice.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
LINKED = ("benchmarks/results/*.json", "examples/*.py", "recipes/*.yaml")
"""Files outside `docs/` that pages link to."""
PUBLIC = "<!-- public names -->"
"""Where the public names are listed."""
CHAIN = "trajectune.run.api."
"""Where the functions of the chain are; all else that is public has its place on another page."""
_OUTSIDE = re.compile(r"\]\(\.\./(?!/)")
_TO_README = re.compile(r"\]\(\.\./README\.md")
_FROM_README = re.compile(r"\]\(docs/")


def on_files(files: Files, config: Any) -> Files:
    """Add the README as the first page, and the files that pages link to."""
    files.append(File.generated(config, "index.md", content=(ROOT / "README.md").read_text("utf-8")))
    files.append(File.generated(config, "CHANGELOG.md", abs_src_path=str(ROOT / "CHANGELOG.md")))
    files.append(File.generated(config, "CONTRIBUTING.md", abs_src_path=str(ROOT / "CONTRIBUTING.md")))
    for pattern in LINKED:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite links that leave `docs/`, and those of the README that enter it; list the public names."""
    if PUBLIC in markdown:
        return markdown.replace(PUBLIC, listed_names())
    if page.file.src_uri in ("index.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        return _FROM_README.sub("](", markdown)
    if "/" in page.file.src_uri:
        return markdown
    return _OUTSIDE.sub("](", _TO_README.sub("](index.md", markdown))


def public_names() -> Iterator[tuple[str, str]]:
    """The names that the package offers, each with where it is defined, in their order there."""
    source = (ROOT / "src" / "trajectune" / "__init__.py").read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("trajectune."):
            for each in node.names:
                yield each.asname or each.name, f"{node.module}.{each.name}"


def listed_names() -> str:
    """The functions of the chain in full; links to what stands on the other pages."""
    names = list(public_names())
    links = [f"[`{name}`][{path}]" for name, path in names if not path.startswith(CHAIN)]
    whole = [f"::: {path}" for _, path in names if path.startswith(CHAIN)]
    return "\n\n".join([", ".join(links), *whole])
