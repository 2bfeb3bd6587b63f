"""Easy multiple-choice questions, made from a seed: sets on which even a 135M model knows something.

A measure of what a model keeps needs something the model has. Arithmetic puzzles, letter counting and
exam questions leave a 135M model at chance, before and after, so a loss would not show there. The reply
begins with a lead ("The capital of France is"), because a chat model answers in a sentence: with bare
options SmolLM2-135M-Instruct gets 42 % of the opposites, with the lead 98 %.

Measured on that model (60 questions each, bf16; a guess is right in 25 %): opposites 98 %, capitals 100 %,
sums 95 %, categories 85 %, number sequences 80 %, what comes next 46 %.

Tried and left out: odd one out 20 % and past tense 8 %
(at the floor), naming a member of a category 97 % (like categories, but slower), the largest of four
numbers 47 % (slower than it was worth), and plurals, young animals and work places (too few items).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trajectune.evaluate.suites import words

OPTIONS = 4
"""Options of each question; guessing is right once in four."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question: which of `options` follows `prompt` is right, `answer` says."""

    prompt: str
    lead: str
    """How the reply begins; an option follows it after a space."""
    options: tuple[str, ...]
    answer: int


def question_sets(items: int, seed: int) -> dict[str, list[Question]]:
    """`items` different questions (fewer where a set has no more) of each set, by name."""
    return {
        name: _different(make, items, random.Random(f"{name} {seed}")) for name, make in _MAKERS.items()
    }


def _different(make: Callable[[random.Random], Question], items: int, rng: random.Random) -> list[Question]:
    """Questions with different prompts; gives up on new ones after many repeats."""
    found: dict[str, Question] = {}
    for _ in range(items * 30):
        question = make(rng)
        found.setdefault(question.prompt, question)
        if len(found) == items:
            break
    return list(found.values())


def _question(rng: random.Random, prompt: str, lead: str, right: str, wrong: Sequence[str]) -> Question:
    options = [right, *rng.sample(sorted(set(wrong) - {right}), OPTIONS - 1)]
    rng.shuffle(options)
    return Question(prompt, lead, tuple(options), options.index(right))


def _opposite(rng: random.Random) -> Question:
    pairs = words.pairs(words.OPPOSITES)
    pair = rng.choice(pairs)
    word, right = rng.sample(pair, 2)
    other = [rng.choice(each) for each in pairs if each != pair]
    return _question(
        rng,
        f'What is the opposite of "{word}"?',
        f'The opposite of "{word}" is',
        right,
        [w for w in other if w != word],
    )


def _capital(rng: random.Random) -> Question:
    pairs = words.pairs(words.CAPITALS)
    country, right = rng.choice(pairs)
    return _question(
        rng,
        f"What is the capital of {country}?",
        f"The capital of {country} is",
        right,
        [city for _, city in pairs],
    )


def _category(rng: random.Random) -> Question:
    groups = words.groups(words.CATEGORIES)
    right, *others = rng.sample(sorted(groups), OPTIONS)
    word = rng.choice(groups[right])
    return _question(
        rng, f'What kind of thing is "{word}"?', f'"{word.capitalize()}" is a kind of', right, others
    )


def _next(rng: random.Random) -> Question:
    order = rng.choice(words.ORDERS.strip().splitlines()).split()
    start = rng.randrange(len(order) - 3)
    *shown, right = order[start : start + 4]
    return _question(rng, f"What comes next: {', '.join(shown)}?", f"{', '.join(shown)},", right, order)


def _sequence(rng: random.Random) -> Question:
    step, start = rng.choice([1, 2, 5, 10]), rng.randrange(1, 30)
    shown = [start + step * i for i in range(5)]
    right = start + step * 5
    wrong = {right + 1, right - 1, right + step, right + 3, right - 2, right + 10} - {right}
    return _question(
        rng,
        f"What number comes next: {', '.join(map(str, shown))}?",
        f"{', '.join(map(str, shown))},",
        str(right),
        [str(w) for w in wrong],
    )


def _sum(rng: random.Random) -> Question:
    a, b = rng.randrange(1, 10), rng.randrange(1, 10)
    wrong = [str(n) for n in range(max(1, a + b - 4), a + b + 5)]
    return _question(rng, f"What is {a} + {b}?", f"{a} + {b} =", str(a + b), wrong)


_MAKERS: dict[str, Callable[[random.Random], Question]] = {
    "opposites": _opposite,
    "capitals": _capital,
    "categories": _category,
    "what comes next": _next,
    "number sequences": _sequence,
    "sums": _sum,
}
