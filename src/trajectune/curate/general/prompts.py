"""Everyday prompts: a list of our own, and easy puzzles of reasoning-gym where it is installed.

The idea: what a model must not forget is shown by its own answers to ordinary questions, so the
prompts are short, varied, and mostly easy enough for a model of 135M parameters.

Invariants: prompts are distinct; whether a prompt may be trained or is held out depends on its text
alone, so no seed brings a held-out prompt into training; a seed gives the same prompts every time.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import random
import warnings
from importlib import resources
from itertools import zip_longest

from trajectune.errors import UnavailableError, install_extra

EASY_PUZZLES: dict[str, dict[str, object]] = {
    "chain_sum": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 2},
    "letter_counting": {"min_words": 1, "max_words": 3},
    "spell_backward": {"min_word_len": 3, "max_word_len": 5},
    "gcd": {"max_value": 30},
    "family_relationships": {"max_family_size": 4},
    "simple_equations": {"min_terms": 2, "max_terms": 2, "max_value": 20},
    "syllogism": {},
}
"""Data sets of reasoning-gym with the settings that keep them short and easy."""

_HELD_OUT_PARTS = 4
"""One of so many prompts is held out."""

_log = logging.getLogger(__name__)


def general_prompts(
    count: int, seed: int = 0, *, held_out: bool = False, at_least: int | None = None
) -> list[str]:
    """`count` distinct prompts, half of them puzzles while there are enough others, in a seeded order.

    Without reasoning-gym all are of our own list. `held_out` prompts and the others never meet,
    whatever the seeds. Raises UnavailableError when there are fewer than `at_least` (`count` if empty).
    """
    own = [text for text in own_prompts() if _is_held_out(text) == held_out]
    random.Random(seed).shuffle(own)
    puzzles = [text for text in puzzle_prompts(4 * count, seed) if _is_held_out(text) == held_out]
    own, puzzles = own[: max(count - len(puzzles), (count + 1) // 2)], puzzles[:count]
    woven = [text for pair in zip_longest(own, puzzles) for text in pair if text is not None]
    found = list(dict.fromkeys(woven))[:count]
    needed = count if at_least is None else at_least
    if len(found) < needed:
        raise UnavailableError(
            f"there are only {len(found)} general prompts, and {needed} are asked for",
            remedy=f"ask for fewer rows, name a file of conversations, or {install_extra('general')}",
        )
    return found


def own_prompts() -> list[str]:
    """Our own prompts, templates filled in, in a fixed order."""
    text = resources.files(__package__ or "").joinpath("prompts.json").read_text("utf-8")
    stored = json.loads(text)
    filled = [each["text"].format(word) for each in stored["templates"] for word in each["fill"]]
    return list(dict.fromkeys([*stored["prompts"], *filled]))


def puzzle_prompts(count: int, seed: int = 0) -> list[str]:
    """Up to `count` distinct questions of the easy data sets in turn; none without reasoning-gym."""
    try:
        with warnings.catch_warnings():  # a dependency of it is compiled with many warnings, once
            warnings.simplefilter("ignore", SyntaxWarning)
            gym = importlib.import_module("reasoning_gym")
    except ImportError:
        _log.warning("reasoning-gym is not installed: general prompts are of our own list alone")
        return []
    each = -(-count // len(EASY_PUZZLES))
    columns = [
        [
            str(item["question"]).strip()
            for item in gym.create_dataset(name, size=each, seed=seed, **settings)
        ]
        for name, settings in EASY_PUZZLES.items()
    ]
    return list(dict.fromkeys(text for row in zip(*columns, strict=True) for text in row))[:count]


def _is_held_out(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % _HELD_OUT_PARTS == 0
