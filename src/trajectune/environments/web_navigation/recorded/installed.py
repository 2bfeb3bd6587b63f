"""HTML pages that are installed here: documentation in Debian packages, pages inside wheels.

The idea: real pages, written by people for people, are on every development machine. A package is a folder
of HTML files under one of the roots; its links lead from file to file.

Invariants: only files inside the package's own folder are read; a page that is too large, or that has too
few or too many candidates, does not exist for us.
"""

from __future__ import annotations

import re
import sysconfig
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.page.parse import read_html

ROOTS = (Path("/usr/share/doc"), Path("/usr/share/gtk-doc/html"), Path(sysconfig.get_path("purelib")))
MAX_BYTES = 400_000
MAX_FILES = 500
CANDIDATES = range(20, 800)
"""How many candidates a page may have."""
MAX_LINK = 80
"""Characters of a link's text."""
SAME_LINKS = 2
_WORD = re.compile("[^\\W\\d_]{3}")
FORM_FIELDS = frozenset({"text", "search", "email", "tel", "url"})


@dataclass(frozen=True)
class Package:
    """A folder of pages."""

    name: str
    root: Path

    @cached_property
    def files(self) -> list[str]:
        """Paths of its pages from the root, sorted; those that are not too large."""
        found = sorted(path for path in self.root.rglob("*.htm*") if path.suffix in (".html", ".htm"))
        small = [path for path in found if path.is_file() and path.stat().st_size <= MAX_BYTES]
        return [str(path.relative_to(self.root)) for path in small[:MAX_FILES]]

    def page(self, file: str) -> Page | None:
        """A page; `None` where it is not one to act on."""
        return _page(self.root / file)

    def target(self, file: str, link: Element) -> str | None:
        """The file that a link leads to, from the root; `None` where it leads out of the package."""
        address = urlsplit(link.attributes.get("href", ""))
        if link.tag != "a" or address.scheme or address.netloc:
            return None
        if not address.path:
            return file if address.fragment else None
        there = (self.root / file).parent / unquote(address.path)
        try:
            name = str(there.resolve().relative_to(self.root.resolve()))
        except (ValueError, OSError, RuntimeError):
            return None
        return name if name in self.files else None


def find(names: list[str], roots: tuple[Path, ...] = ROOTS) -> tuple[list[Package], list[str]]:
    """The packages with these names that have pages here, and the names of the others."""
    found: list[Package] = []
    missing: list[str] = []
    for name in names:
        packages = [Package(name, root / name) for root in roots if (root / name).is_dir()]
        held = next((package for package in packages if package.files), None)
        found += [held] if held else []
        missing += [] if held else [name]
    return found, missing


def title(page: Page) -> str:
    """The first heading of a page."""
    headings = (each.text for each in page.tree.walk() if each.tag in ("h1", "h2"))
    return next((text for text in headings if text), "").rstrip(" ¶#")


def links(package: Package, file: str, page: Page) -> dict[str, str]:
    """Texts of the links to pages of the package, and where each leads.

    Left out are texts that lead to two places, that stand on the page more than `SAME_LINKS` times, and
    that have no word.
    """
    found: dict[str, list[str | None]] = {}
    for element in page.candidates.values():
        if element.tag == "a" and _WORD.search(element.text) and len(element.text) <= MAX_LINK:
            found.setdefault(element.text, []).append(package.target(file, element))
    alone = {
        text: there[0] for text, there in found.items() if len(there) <= SAME_LINKS and len({*there}) == 1
    }
    return {text: there for text, there in alone.items() if there is not None}


def fields(page: Page) -> dict[str, Element]:
    """Text fields by their names, those that are alone in having theirs."""
    found: dict[str, list[Element]] = {}
    for element in page.candidates.values():
        if element.tag == "input" and element.attributes.get("type", "text") in FORM_FIELDS:
            found.setdefault(page.name(element), []).append(element)
    return {name: same[0] for name, same in found.items() if name and len(same) == 1}


@lru_cache(maxsize=32)
def _page(path: Path) -> Page | None:
    try:
        page = Page(read_html(path.read_text(encoding="utf-8", errors="replace")))
    except (OSError, ValueError):
        return None
    return page if len(page.candidates) in CANDIDATES else None
