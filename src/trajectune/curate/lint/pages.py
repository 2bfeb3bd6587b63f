"""Answers that belong to another page: the known fault of AgentInstruct's Mind2Web rows.

The idea: a page offers choices and words. An answer that names a choice the page does not have, enters a
value that stands nowhere in the question, or clicks what is not shown was given to some other page. A
thought that shares no telling word with the question gives the same away.

Invariant: an answer is compared with what the agent had seen before it, never with what came after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from trajectune.curate.lint.finding import DataFault, Finding, found
from trajectune.curate.lint.transcript import Transcript, Turn

_CHOICE = re.compile(r"^[ \t]*([A-Z])[.)][ \t]", re.MULTILINE)
_LETTER = re.compile(r"^[ \t]*Answer:[ \t]*([A-Z])\b", re.MULTILINE)
_VALUE = re.compile(r"^[ \t]*Value:[ \t]*(.+)", re.MULTILINE)
_WORD = re.compile(r"[^\W_]+")
_TELLING = re.compile(r"[^\W\d_]{4,}")
FEW = 3
"""Telling words that a thought must have, none of which the question has."""
_COMMON_WORDS = (
    "need needs should next action click type select choose option choices button link page field "
    "enter search first then have already been this that with from will must none above correct "
    "answer task step want find there where which what because since proceed complete given here into "
    "before after would could also make currently element fill input submit view open show item items "
    "list continue right order start same nothing missing press these still give look looks looking "
    "something brings forward lead elsewhere listed the them they their your about more most well "
    "does only than very when"
)
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words of any thought on any page."""
_ASKED_WORDS = (
    "based html webpage above complete following task previous actions what should next action please "
    "select from choices correct page none these"
)
_ASKED = frozenset(_ASKED_WORDS.split())
"""Words of the question's own frame, which stand under every page."""


def wrong_pages(row: Transcript) -> Iterator[Finding]:
    """Choices, values and clicks that the page does not offer."""
    if row.form == "web_navigation" or _has_tool(row, "choose"):
        yield from _each(row, _choice)
    elif row.form == "web_shop" or (_has_tool(row, "click") and _has_tool(row, "search")):
        yield from _each(row, _click)


def _has_tool(row: Transcript, name: str) -> bool:
    return row.tools is not None and name in row.tools


def _each(row: Transcript, check: Callable[[Turn, str], Iterator[Finding]]) -> Iterator[Finding]:
    """What is wrong with each move, given the page that was shown last."""
    seen, before = "", None
    for turn in row.turns:
        if not turn.is_agent:
            seen = turn.text
            continue
        repeats = (
            before is not None and turn.calls[:1] == before.calls[:1]
        )  # a loop, which has a name of its own
        if turn.trained and turn.calls and seen.strip() and not repeats:
            yield from check(turn, seen)
        before = turn


def _choice(turn: Turn, page: str) -> Iterator[Finding]:
    arguments = turn.calls[0].arguments
    offered = sorted(set(_CHOICE.findall(page)))
    letter, value = _text(arguments.get("choice")), _text(arguments.get("value"))
    if not value and (written := _VALUE.search(turn.text)):
        value = written[1]  # an action that the grammar does not have may have one
    if letter and offered and letter not in offered:
        why = f"{letter} is not one of the choices {', '.join(offered)}"
        yield found(DataFault.WRONG_PAGE, turn.place, why, *_at(turn, _LETTER, letter))
    elif value and not _shares(value, page):
        yield found(
            DataFault.WRONG_PAGE,
            turn.place,
            "the value stands nowhere in the question",
            *_at(turn, _VALUE, value),
        )
    elif letter > "A" and (words := _strange(thought := turn.thought or turn.text, page)):
        why = f"the thought shares no word with the question: {', '.join(words[:5])}"
        yield found(DataFault.WRONG_PAGE, turn.place, why, thought)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _click(turn: Turn, page: str) -> Iterator[Finding]:
    call = turn.calls[0]
    value = call.arguments.get("value")
    if call.name == "click" and isinstance(value, str) and _flat(value) not in _flat(page):
        why = "what is clicked does not stand on the page"
        start = max(turn.text.find(value), 0)
        text = turn.text if value in turn.text else value
        yield found(DataFault.WRONG_PAGE, turn.place, why, text, start, start + len(value))


def _flat(text: str) -> str:
    return " ".join(text.lower().split())


def _at(turn: Turn, pattern: re.Pattern[str], otherwise: str) -> tuple[str, int, int]:
    place = pattern.search(turn.text)
    if place is None:
        return otherwise, 0, len(otherwise)
    return turn.text, place.start(1), place.end(1)


def _shares(value: str, page: str) -> bool:
    """Whether any word of a value stands in the question; a number counts by its digits."""
    words, known = _words(value), _words(page)
    return not words or not words.isdisjoint(known)


def _words(text: str) -> set[str]:
    """The words of a text in lower case; numbers without the zeros before them."""
    return {word.lstrip("0") for word in _WORD.findall(text.lower())} - {""}


def _strange(thought: str, page: str) -> list[str]:
    """The telling words of a thought, where there are some and the question has none of them."""
    words = list(dict.fromkeys(_TELLING.findall(thought.lower())))
    telling = [word for word in words if word not in _COMMON]
    known = page.lower()
    if len(telling) < FEW or any(word[:5] in known for word in words if word not in _ASKED):
        return []
    return telling
