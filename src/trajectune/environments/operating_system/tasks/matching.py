"""The five named checks of AgentBench's OS task, written anew, and its plain `match`.

The idea: a check compares the agent's answer with the gold one and is a pure function of two texts. It
never raises, whatever an answer holds.

One difference: sizes with a decimal point (`4.0K`, as `du -h` prints them) are read here, where
AgentBench's script fails on them, so that its own gold answers count.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

LONGEST = 10_000
"""Characters of an answer that are looked at."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,300}(?:\.[0-9]{1,300})?)\s*(bytes?|[kmgtp]?i?b?)", re.ASCII | re.IGNORECASE)
_UNITS = "bkmgtp"


def integer_match(answer: str, gold: str) -> bool:
    """Both are whole numbers, and equal."""
    both = [_INTEGER.fullmatch(text.strip()) for text in (answer, gold)]
    return all(both) and int(answer) == int(gold)


def string_match(answer: str, gold: str) -> bool:
    """Equal but for space around and the form of line ends."""
    return _plain(answer) == _plain(gold)


def containing(answer: str, gold: str) -> bool:
    """The gold answer stands in the answer."""
    return _plain(gold) in _plain(answer)


def contained(answer: str, gold: str) -> bool:
    """The answer stands in the gold answer (AgentBench's `in`)."""
    return _plain(answer) in _plain(gold)


def size_match(answer: str, gold: str) -> bool:
    """Equal sizes, in bytes or with a unit (`2K`, `2048`, `2.0 KB`)."""
    left, right = _bytes(answer), _bytes(gold)
    return left is not None and left == right


def regex_match(answer: str, gold: str) -> bool:
    """The expression is found in the answer.

    The expression comes from the task's file, not from an agent.
    """
    return re.search(gold, answer) is not None


CHECKS: dict[str, Callable[[str, str], bool]] = {
    "integer-match": integer_match,
    "string-match": string_match,
    "containing": containing,
    "in": contained,
    "size-match": size_match,
    "match": lambda answer, gold: answer.strip() == gold.strip(),
    "regex": regex_match,
}
"""By the names that AgentBench's files use."""


def passes(check: str, answer: str, gold: str) -> bool:
    """Whether an answer passes a check of `CHECKS`."""
    return len(answer) <= LONGEST and CHECKS[check](answer, gold)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _bytes(text: str) -> Decimal | None:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    unit = found[2].lower()
    power = 0 if unit.startswith("byte") or not unit else _UNITS.index(unit[0])
    return Decimal(found[1]) * 1024**power
