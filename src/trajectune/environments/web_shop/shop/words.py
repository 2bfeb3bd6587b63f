"""Words as the reward sees them: likeness, colours, and the nouns of a title.

WebShop compares with `thefuzz`, whose token-set ratio is computed here by RapidFuzz after the same
preparation (ASCII letters and digits alone, lower case, rounded to a whole number).

WebShop finds nouns with spaCy's large English model. Here a rule does: every word of a title is a noun
but numbers, single letters, function words, adverbs in -ly, and words that only describe (colours,
sizes, and endings such as -able, -ful, -less, -proof). spaCy takes most words of a title for proper
nouns because they are capitalised, so the two agree on most of them. Where they differ, the rule tends
to find more nouns and the share of common ones moves a little; that matters only for products of another
kind, since it is compared with 0.2, 0.1 and 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from trajectune.environments.web_shop.lists import words

ALIKE = 85
"""Two texts are the same thing above this ratio (0 to 100)."""

COLORS = tuple(words("color"))
FUNCTION_WORDS = frozenset(words("function"))
SIZES = frozenset(words("size"))
_WORD = re.compile(r"[^\W\d_]{2,}")
_DESCRIBES = re.compile(r".{2,}(?:able|ible|ful|less|proof|ous|ive|ish|ly)\Z")
_OTHER = re.compile(r"[^a-z0-9]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def alike(one: str, other: str) -> bool:
    """Whether the words of one text are, more or less, those of the other."""
    first, second = _prepared(one), _prepared(other)
    return bool(first and second) and round(_token_set_ratio()(first, second)) > ALIKE


def color(value: str) -> str:
    """The first colour (by the alphabet) that stands in a value, else the value itself."""
    return next((name for name in COLORS if name in value), value)


@lru_cache(maxsize=4096)
def nouns(title: str) -> frozenset[str]:
    """The nouns of a title, in lower case."""
    found = {word.lower() for word in _WORD.findall(title)}
    return frozenset(
        word for word in found - FUNCTION_WORDS - SIZES - _COLOR_SET if not _DESCRIBES.match(word)
    )


_COLOR_SET = frozenset(COLORS)


@lru_cache(maxsize=16384)
def _prepared(text: str) -> str:
    return _OTHER.sub(" ", _NOT_ASCII.sub("", text).lower()).strip()


@cache
def _token_set_ratio() -> Callable[[str, str], float]:
    """RapidFuzz's, imported when first used: it comes with an extra."""
    from rapidfuzz.fuzz import token_set_ratio

    return token_set_ratio
