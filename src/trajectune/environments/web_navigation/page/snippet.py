"""How a page is shown: the part of it around a few candidates, as AgentTuning's Mind2Web rows show it.

The idea: keep the candidates, what stands in them and near them, and the way down to them; leave out
everything else, and every tag that says nothing. Attributes are shown by their values alone, and only
candidates are numbered: `<input id=1 text city or airport />`. The form follows the pruning of Mind2Web
(arXiv 2306.06070, section 3.1 and appendix).

Invariant: a snippet has at most `MAX_SNIPPET` characters. One that would be longer shows fewer words of
each text, then nothing but the candidates, and is cut in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from trajectune.environments.web_navigation.page.element import CUT, Element, shortened
from trajectune.environments.web_navigation.page.page import Page

MAX_SNIPPET = 1_700
CHOICE_WORDS = 14
"""Words of a candidate in the list of choices."""
MAX_CHOICE = 120
DETAIL = ((True, 20), (True, 8), (False, 12), (False, 4))
"""Tried in turn: whether surroundings are shown, and how many words of each text."""
INNER = 16
"""Elements inside a candidate that are shown, such as the options of a list."""


def snippet(page: Page, chosen: Sequence[Element]) -> str:
    """The page around these candidates; they are numbered in the order of `chosen`."""
    numbers = {id(element): number for number, element in enumerate(chosen)}
    text = ""
    for near, words in DETAIL:
        text = _Writer(numbers, _shown(page, chosen, near), words).write(page.tree)
        if len(text) <= MAX_SNIPPET:
            return text
    return shortened(text, MAX_SNIPPET)


def choice(element: Element, number: int) -> str:
    """A candidate alone, on one line, as a choice."""
    inside = {id(each) for each, _ in zip(element.walk(), range(INNER + 1), strict=False)}
    text = _Writer({id(element): number}, (inside, frozenset()), CHOICE_WORDS).write(element)
    return shortened(" ".join(text.split()[:CHOICE_WORDS]), MAX_CHOICE)


def _shown(page: Page, chosen: Sequence[Element], near: bool) -> tuple[set[int], set[int]]:
    """Identities of the elements that are shown, and of those that are only on the way to them."""
    shown: set[int] = set()
    way: set[int] = set()
    for element in chosen:
        parts = [element]
        if near:
            label = page.label(element)
            parts += [page.nearby(element), *page.headings(element), *([label] if label else [])]
        for part in parts:
            shown.update(id(each) for each, _ in zip(part.walk(), range(INNER + 1), strict=False))
            way.update(map(id, page.above(part)))
    return shown, way - shown


class _Writer:
    """Writes the elements that are shown, and of those on the way what stands beside them."""

    def __init__(
        self, numbers: Mapping[int, int], kept: tuple[AbstractSet[int], AbstractSet[int]], words: int
    ) -> None:
        self._numbers = numbers
        self._shown, self._way = kept
        self._words = words

    def write(self, element: Element) -> str:
        whole = id(element) in self._shown
        children = element.children
        parts = [
            self._part(child, whole or self._is_beside(children, place))
            for place, child in enumerate(children)
        ]
        inner = " ".join(filter(None, parts))
        number = self._numbers.get(id(element))
        if number is None and element.tag != "html" and not element.words and _is_wrapper(children, parts):
            return inner
        identity = "" if number is None else f" id={number}"
        head = f"{element.tag}{identity} {element.words}".rstrip()
        return f"<{head}> {inner} </{element.tag}>" if inner else f"<{head} />"

    def _part(self, child: Element | str, is_said: bool) -> str:
        if isinstance(child, Element):
            return self.write(child) if id(child) in self._shown or id(child) in self._way else ""
        words = child.split() if is_said else ()
        return " ".join(words) if len(words) <= self._words else " ".join(words[: self._words]) + CUT

    def _is_beside(self, children: Sequence[Element | str], place: int) -> bool:
        """Whether a text has an element as its neighbour that is written."""
        return any(
            id(child) in self._shown or id(child) in self._way
            for child in children[max(0, place - 1) : place + 2]
            if isinstance(child, Element)
        )


def _is_wrapper(children: Sequence[Element | str], parts: Sequence[str]) -> bool:
    """Whether one element at most is written inside, and no text: then the tag around it says nothing."""
    written = [child for child, part in zip(children, parts, strict=True) if part]
    return not written or (len(written) == 1 and isinstance(written[0], Element))
