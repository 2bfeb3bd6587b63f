"""Many failures in few words: the most frequent reasons, each with its number.

The idea: reasons that differ in numbers and in quoted names alone are one, told by its first example.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from trajectune.harmless import one_line

LONGEST = 160
"""Characters of a reason that are shown."""
_PARTICULAR = re.compile(r"\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"")


def top_reasons(reasons: Iterable[str], most: int = 3) -> str:
    """`12 × the endpoint answers 400: …; 3 × …; 2 of other kinds`; empty without any."""
    first: dict[str, str] = {}
    counts: dict[str, int] = {}
    for reason in reasons:
        kind = _PARTICULAR.sub("…", reason)
        first.setdefault(kind, reason)
        counts[kind] = counts.get(kind, 0) + 1
    ranked = sorted(counts.items(), key=lambda each: -each[1])
    shown = [f"{count:,} × {_short(first[kind])}" for kind, count in ranked[:most]]
    rest = sum(count for _, count in ranked[most:])
    return "; ".join(shown + ([f"{rest:,} for other reasons"] if rest else []))


def _short(reason: str) -> str:
    text = one_line(reason)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
