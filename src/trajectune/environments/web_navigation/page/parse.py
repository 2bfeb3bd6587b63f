"""From text to trees: HTML as browsers read it, and the XML that Mind2Web keeps pages in.

HTML needs the extra `web-navigation` (selectolax); Mind2Web's `cleaned_html` is XML that was written by a
machine, so a strict parser reads it, as Mind2Web's own code does: an HTML parser would take its `<div/>`
for a tag that was never closed.

Invariants: a document that is too large or too deep, or that declares entities, is a `ValueError`; scripts,
styles and comments are left out.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from trajectune.environments.web_navigation.page.element import Element, tidy
from trajectune.errors import UnavailableError, install_extra

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MAX_CHARACTERS = 20_000_000
MAX_ELEMENTS = 200_000
MAX_DEPTH = 128
UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "iframe", "head", "link", "meta"})
NODE_ID = "backend_node_id"
"""Mind2Web's name of an element."""


def read_xml(text: str) -> Element:
    """A page of Mind2Web. Keys are its node ids. Raises `ValueError` where it is not sound XML."""
    builder = _Builder()
    parser = ET.XMLParser(target=builder)
    try:
        parser.feed(_bounded(text))
        parser.close()
    except ET.ParseError as error:
        raise ValueError(f"not XML: {error}") from None
    return builder.root


def read_html(text: str) -> Element:
    """A page as a browser would read it. Keys are numbers in the order of the page.

    Raises `UnavailableError` without the extra, `ValueError` for what is no bounded page.
    """
    require_parser()
    from selectolax.lexbor import LexborHTMLParser

    root = LexborHTMLParser(_bounded(text)).root
    if root is None:
        raise ValueError("an empty page")
    builder = _Builder()
    _copy(root, builder)
    return builder.root


def require_parser() -> None:
    """Raises `UnavailableError` where selectolax is not installed."""
    if find_spec("selectolax") is None:
        raise UnavailableError(
            "Reading HTML files needs selectolax, which is not installed.",
            where="missing: selectolax",
            remedy=install_extra("web-navigation"),
        )


def _bounded(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"a page of {len(text)} characters (at most {MAX_CHARACTERS})")
    return text


class _Builder:
    """Builds a tree from its beginnings and ends; what expat calls a target."""

    def __init__(self) -> None:
        self.root = Element("html")
        self._open: list[Element] = []
        self._text: list[str] = []
        self._count = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._flush()
        self._count += 1
        if len(self._open) >= MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise ValueError("the page is too large or its tags are nested too deeply")
        kept = {name: tidy(value) for name, value in attributes.items() if name != NODE_ID}
        element = Element(tag, kept, key=attributes.get(NODE_ID, ""))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def data(self, text: str) -> None:
        self._text.append(text)  # a parser may hand over one text in parts

    def end(self, tag: str) -> None:
        self._flush()
        done = self._open.pop()
        if tag == "text" and self._open:  # Mind2Web keeps text in elements of its own
            self._open[-1].children[-1:] = done.children

    def doctype(self, name: str, public: str | None, system: str | None) -> NoReturn:
        raise ValueError(f"a page that declares a document type ({name}, {public}, {system})")

    def close(self) -> Element:
        return self.root

    def _flush(self) -> None:
        words = tidy("".join(self._text))
        self._text.clear()
        if self._open and words:
            self._open[-1].children.append(words)


def _copy(root: LexborNode, builder: _Builder) -> None:
    """Tell the builder of a parsed tree, without recursion."""
    stack: list[LexborNode | str] = [root]
    number = 0
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            builder.end(node)
        elif node.tag == "-text":
            builder.data(node.text_content or "")
        elif node.tag and node.tag.isidentifier() and node.tag not in UNSEEN:
            number += 1
            attributes = {name: value or "" for name, value in node.attributes.items()}
            builder.start(node.tag, attributes | {NODE_ID: str(number)})
            stack.append(node.tag)
            stack += reversed(list(node.iter(include_text=True)))
