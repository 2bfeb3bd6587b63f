"""A page with its candidates: the elements that can be acted on, and what stands near each.

The idea: an element is often dumb (`Edit`, a bare box) and what it is for stands beside it: in its row, in
its label, in the heading above. `nearby` finds that for a tree of any origin, without knowing the site.

Invariants: candidates are in the order of the page; what is nearby is bounded in words and in candidates,
so that a question never shows a whole page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

from trajectune.environments.web_navigation.page.element import Element, tidy

CLICKABLE_TAGS = frozenset({"a", "button", "input", "select", "textarea", "summary"})
CLICKABLE_ROLES = frozenset(
    {"button", "link", "checkbox", "radio", "tab", "menuitem", "option", "switch", "combobox", "textbox",
     "searchbox", "slider", "treeitem"}
)  # fmt: skip
INPUT_ROLES = {"checkbox": "checkbox", "radio": "radio", "submit": "button", "button": "button"}
TAG_ROLES = {"a": "link", "select": "combobox", "textarea": "textbox"}
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption", "thead"})
NAMING = ("aria-label", "placeholder", "alt", "title", "value")
"""Attributes that may name an element which has neither label nor text."""
NEAR_WORDS = 40
"""Words that the surroundings of an element may have."""
NEAR_CANDIDATES = 4
"""Candidates that the surroundings of an element may hold, itself among them."""
SHOWN_HEADINGS = 2


class Page:
    """A tree and those of its elements that can be acted on."""

    def __init__(self, tree: Element, candidates: Iterable[Element] | None = None) -> None:
        """Takes the given candidates, or all elements that look as if they could be acted on."""
        self.tree = tree
        found = actionable(tree) if candidates is None else candidates
        self.candidates: dict[str, Element] = {element.key: element for element in found}
        self._above: dict[int, Sequence[Element]] = {}

    def nearby(self, element: Element) -> Element:
        """The largest part of the page around it that is still about it; itself where there is none."""
        near = element
        for above in self.above(element):
            if self._crowds[id(above)] > NEAR_CANDIDATES or above.text.count(" ") >= NEAR_WORDS:
                break
            near = above
        return near

    def headings(self, element: Element) -> list[Element]:
        """The headings under which it stands, the nearest first."""
        found: list[Element] = []
        below = element
        for above in self.above(element):
            before: Element | None = None
            for child in above.children:
                if child is below:
                    break
                if isinstance(child, Element) and child.tag in HEADINGS:
                    before = child
            found += [before] if before is not None else []
            below = above
        return found[:SHOWN_HEADINGS]

    def label(self, element: Element) -> Element | None:
        """The label that names it by its id."""
        return self._labels.get(element.attributes.get("id", ""))

    def name(self, element: Element) -> str:
        """What a reader would call it: its label, its text, or what its attributes say."""
        above = self.above(element)
        label = self.label(element) or next((each for each in above if each.tag == "label"), None)
        own = element.text
        said = [tidy(label.text.replace(own, " ") if own else label.text)] if label else []
        said += [own] if element.tag != "select" else []
        said += [element.attributes.get(key, "") for key in NAMING]
        return next((each for each in said if each), element.words)

    def above(self, element: Element) -> Sequence[Element]:
        """What it stands in, the nearest first."""
        chain = self._above.get(id(element))
        if chain is None:
            parent = self._parents.get(id(element))
            chain = () if parent is None else (parent, *self.above(parent))
            self._above[id(element)] = chain
        return chain

    def row(self, element: Element) -> str:
        """The words that its row of a table begins with, where they are no candidate themselves."""
        row = next((above for above in self.above(element) if above.tag == "tr"), None)
        cells = [child for child in row.children if isinstance(child, Element)] if row else []
        return next((cell.text for cell in cells if cell.text and id(cell) not in self._crowds), "")

    def describe(self, element: Element) -> str:
        """All that is said by it and near it, for a ranker."""
        label, near = self.label(element), self.nearby(element)
        parts = [element.tag, element.words, element.text, label.text if label else ""]
        parts += [near.text] if near is not element else []
        parts += [heading.text for heading in self.headings(element)]
        return " ".join(part for part in parts if part)

    @cached_property
    def descriptions(self) -> tuple[str, ...]:
        """`describe` of every candidate, in the order of the page."""
        return tuple(self.describe(element) for element in self.candidates.values())

    @cached_property
    def _parents(self) -> dict[int, Element]:
        return {
            id(child): element
            for element in self.tree.walk()
            for child in element.children
            if isinstance(child, Element)
        }

    @cached_property
    def _crowds(self) -> Counter[int]:
        """How many candidates each element holds, by its identity."""
        crowds: Counter[int] = Counter()
        for candidate in self.candidates.values():
            crowds.update(map(id, (candidate, *self.above(candidate))))
        return crowds

    @cached_property
    def _labels(self) -> dict[str, Element]:
        labels = (each for each in self.tree.walk() if each.tag == "label" and "for" in each.attributes)
        return {label.attributes["for"]: label for label in labels}


def role(element: Element) -> str:
    """What kind of thing it is to a reader: `link`, `textbox`, `checkbox`, …; else its tag."""
    given = element.attributes.get("role")
    if given and element.tag != "svg":
        return given
    if element.tag == "input":
        return INPUT_ROLES.get(element.attributes.get("type", "text"), "textbox")
    return TAG_ROLES.get(element.tag, element.tag)


def actionable(tree: Element) -> list[Element]:
    """The elements of a tree that can be clicked, typed into or selected from, in its order."""
    return [element for element in tree.walk() if element.key and _acts(element)]


def _acts(element: Element) -> bool:
    attributes = element.attributes
    if element.tag == "input" and attributes.get("type") == "hidden":
        return False
    if element.tag == "a":
        return "href" in attributes and bool(element.text or element.words)
    tag = element.tag in CLICKABLE_TAGS
    return tag or attributes.get("role") in CLICKABLE_ROLES or "onclick" in attributes
