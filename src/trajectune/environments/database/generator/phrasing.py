"""Fill the frames of `wordings`: columns, values and conditions as a person would write them.

The idea: each question has one manner (`Manner`): how values are quoted, whether everything is in
lower case, whether columns are named as in the header or in plain words. The gold statement uses the
values exactly as the question shows them, so the right thing to learn is to copy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from trajectune.environments.database.engine.problem import Condition
from trajectune.environments.database.engine.tables import Value
from trajectune.environments.database.generator import wordings
from trajectune.environments.database.generator.wordings import Wordings

QUOTES = ("{}", "{}", "{}", "'{}'", "'{}'", '"{}"')


class Manner:
    """The manner of one question, drawn once.

    A `plain` one puts values in quotes and names in back quotes, and asks one thing at a time.
    """

    def __init__(self, rng: Random, words: Wordings, plain: bool = False) -> None:
        self.rng = rng
        self.words = words
        self.plain = plain
        self.quotes = "'{}'" if plain else rng.choice(QUOTES)
        self.lower = not plain and rng.random() < 0.2
        self.plain_columns = not plain and rng.random() < 0.35
        self.joint = rng.choice((" and ", ", and ", " and "))

    def fill(self, kind: str, **slots: str) -> str:
        """A sentence of this kind with its slots filled."""
        frame = self.rng.choice(self.words.frames[kind])
        sentence = re.sub(
            r"\{(\w+)\}", lambda m: slots[m[1]] if m[1] in slots else _upper(slots, m[1]), frame
        )
        sentence = re.sub(r"\b([Aa]) (?=[aeiouAEIO])", r"\1n ", sentence)
        if self.lower:
            return sentence.lower().rstrip(self.rng.choice(("", ".", "?.")))
        return sentence[:1].upper() + sentence[1:]

    def column(self, name: str) -> str:
        """A column's name, as the header has it or in plain words."""
        if self.plain:
            return f"`{name}`"
        if not self.plain_columns:
            return f"'{name}'" if self.quotes == "'{}'" and self.rng.random() < 0.3 else name
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " "))
        return re.sub(r"\s+", " ", spaced).strip(" :#").lower() or name

    def table(self, name: str) -> str:
        """A table's name."""
        return f"`{name}`" if self.plain else self.rng.choice(("{}", "'{}'", "{}", "`{}`")).format(name)

    def asked(self, value: Value) -> Value:
        """A value of a condition as this question writes it; the gold statement takes it from here."""
        return value.lower() if self.lower and isinstance(value, str) else value

    def value(self, value: Value) -> str:
        """A value, quoted in this question's way."""
        return self.quotes.format(value) if isinstance(value, str) else str(value)

    def conditions(self, conditions: Sequence[Condition]) -> dict[str, str]:
        """The conditions as `where`, `having` and `Having`."""
        return {
            "where": self.joint.join(self._condition(c, clause=True) for c in conditions),
            "having": self.joint.join(self._condition(c, clause=False) for c in conditions),
        }

    def pairs(self, columns: Sequence[str], values: Sequence[Value], assign: bool = False) -> str:
        """`name value` pairs, all in one form."""
        form = self.rng.choice(self.words.assign if assign else self.words.pair)
        parts = [
            _slots(form, c=self.column(c), v=self.value(v)) for c, v in zip(columns, values, strict=True)
        ]
        return ", ".join(parts[:-1]) + self.joint + parts[-1] if len(parts) > 1 else parts[0]

    def _condition(self, condition: Condition, clause: bool) -> str:
        words = self.words
        slots = {"c": self.column(condition.column), "v": self.value(condition.value)}
        if condition.operator in "<>":
            forms = words.where_than if clause else words.having_than
            return _slots(self.rng.choice(forms), op=self._operator(condition), **slots)
        return _slots(self.rng.choice(words.where if clause else words.having), **slots)

    def _operator(self, condition: Condition) -> str:
        year = isinstance(condition.value, int) and 1400 < condition.value < 2100
        if condition.operator == ">":
            return self.rng.choice(wordings.LATER if year else wordings.MORE)
        return self.rng.choice(wordings.EARLIER if year else wordings.LESS)


def _slots(form: str, **slots: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: slots[m[1]], form)


def _upper(slots: dict[str, str], name: str) -> str:
    """`{Having}` is `{having}` at the start of a sentence."""
    text = slots[name.lower()]
    return text[:1].upper() + text[1:]
