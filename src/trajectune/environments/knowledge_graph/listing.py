"""How names are listed to an agent: all of them, or those that fit, with a word on the rest.

The idea: AgentBench shows every relation, and a busy node of Freebase has hundreds. Where they do not fit,
those stay that share words with the question, as far as there is room; no gold is looked at.

Invariant: a list depends on the names and the question alone, is sorted, and is at most `MAX_LIST` long.
"""

from __future__ import annotations

import re
from collections.abc import Collection

MAX_LIST = 3_500
_WORD = re.compile(r"[^\W_]{3,}")


def listed(names: Collection[str], question: str, noun: str) -> str:
    """The names in brackets, sorted; cut ones are counted behind."""
    whole = f"[{', '.join(sorted(names))}]"
    if len(whole) <= MAX_LIST:
        return whole
    asked = _stems(question)
    nearest = sorted(names, key=lambda name: (-len(asked & _stems(name)), name))
    kept: list[str] = []
    room = MAX_LIST - 60
    for name in nearest:
        room -= len(name) + 2
        if room < 0:
            break
        kept.append(name)
    return f"[{', '.join(sorted(kept))}] (and {len(names) - len(kept)} more {noun})"


def _stems(text: str) -> set[str]:
    """Beginnings of the words of a text: `countries` and `country` share one."""
    return {word[:5].lower() for word in _WORD.findall(text)}
