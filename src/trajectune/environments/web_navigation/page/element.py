"""A page as a tree of elements: what is parsed, drawn, ranked and shown.

The idea: one small tree for pages of every origin (Mind2Web's XML, HTML files, sites of our own), so that
the questions asked about them do not know where they came from.

Invariants: a `key` names one element of a page and stays the same while the page changes around it; text is
kept with its spaces tidied, empty text is not kept. A tree is not changed after it was built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

SPOKEN = (
    "role",
    "aria-role",
    "aria_role",
    "type",
    "alt",
    "aria-description",
    "aria_description",
    "aria-label",
    "aria_label",
    "label",
    "title",
    "name",
    "text_value",
    "value",
    "placeholder",
    "checked",
    "input_checked",
    "input_value",
    "selected",
    "option_selected",
)
"""Attributes that say something to a reader, in the order in which they are shown. Mind2Web writes some of
them with an underscore."""
SILENT = frozenset({"hidden", "none", "presentation", "null", "undefined", "link"})
"""Values that say nothing."""
ATTRIBUTE_WORDS = 8
"""Words of one attribute's value that are shown."""
CUT = " …"
LONGEST_WORD = 30
"""Letters of a word in an attribute; longer ones are codes and addresses."""


@dataclass(eq=False)
class Element:
    """A tag with its attributes and what stands inside it.

    `Element("a", {"href": "/help"}, ["Help"], key="nav/help")`.
    """

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    key: str = ""
    """Names the element in its page; empty for those that nobody acts on."""

    _text: str | None = None
    _words: str | None = None

    @property
    def text(self) -> str:
        """All words inside it, in the order of reading."""
        if self._text is None:  # kept by hand: a cached_property locks, and pages ask thousands of times
            parts = [child if isinstance(child, str) else child.text for child in self.children]
            self._text = " ".join(filter(None, parts))
        return self._text

    @property
    def words(self) -> str:
        """What its attributes say, in lower case; nothing is said twice."""
        if self._words is None:
            said = [_spoken(name, self.attributes[name]) for name in SPOKEN if name in self.attributes]
            self._words = " ".join(filter(None, dict.fromkeys(said)))
        return self._words

    def walk(self) -> Iterator[Element]:
        """It and every element below it, in the order of the page."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            stack += [child for child in reversed(element.children) if isinstance(child, Element)]


def _spoken(name: str, value: str) -> str:
    if name in ("checked", "selected"):
        return name
    lowered = value.lower()
    if lowered in SILENT or lowered.startswith("http"):
        return ""
    kept = [word for word in lowered.split() if len(word) <= LONGEST_WORD]
    return " ".join(kept[:ATTRIBUTE_WORDS])


def tidy(text: str) -> str:
    """Text with single spaces, and none at its ends."""
    return " ".join(text.split())


def shortened(text: str, limit: int) -> str:
    """A text of at most `limit` characters, with a sign where it was cut."""
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT
