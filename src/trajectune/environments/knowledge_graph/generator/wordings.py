"""How questions about the built-in graph are put, apart for train and test.

The idea: a line of `wordings_train.txt` or `wordings_test.txt` gives one form. A relation that leads to one
thing has noun phrases (`the capital[|s] of {x}`), one that leads to many has clauses behind a noun (`that
border {x}`), so that clauses can be joined, counted and ranked. `[one|many]` agrees with what is found,
`<one|many>` with what stands inside. Phrases fill phrases, so a chain of any length has words.

Invariant: no form of `TEST` is in `TRAIN`; both have forms for every relation and attribute.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from random import Random

_CHOICE = re.compile(r"\[([^|\]]*)\|([^|\]]*)\]")
LONG = 4
"""Words of a phrase behind which no verb should have to be waited for."""
_INNER = re.compile(r"<([^|>]*)\|([^|>]*)>")


@dataclass(frozen=True)
class Wordings:
    """All forms of a split, by key (`country.capital`, `most city.population`, `ask one`, `and`)."""

    forms: dict[str, tuple[str, ...]]

    def pick(self, rng: Random, key: str) -> str:
        """One form."""
        return rng.choice(self.forms[key])

    def around(self, rng: Random, key: str, inside: str) -> str:
        """A form to put words inside: where they are long, nothing follows them if that can be had."""
        forms = self.forms[key]
        ending = tuple(form for form in forms if form.endswith("{x}"))
        return rng.choice(ending if ending and len(inside.split()) > LONG else forms)

    def joined(self, rng: Random, one: str, other: str) -> str:
        """Two clauses that must both hold: `in Asia that border Iran`, `that use … and that border …`."""
        # The shorter comes first: what follows a long clause seems to belong to its end.
        first, second = sorted((one, other), key=lambda clause: len(clause.split()))
        if _opens_a_sentence(second) and not _opens_a_sentence(first):
            return f"{first} {second}"
        if first.startswith("that ") and second.startswith("that "):
            second = second.removeprefix("that ")  # said once, for both
        return self.pick(rng, "and").replace("{a}", first).replace("{b}", second)

    def noun(self, kind: str, plural: bool) -> str:
        """The noun of a class."""
        one, _, many = self.forms[f"noun {kind}"][0].partition(" / ")
        return many if plural else one


def _opens_a_sentence(clause: str) -> bool:
    """Whether a clause has a verb of its own, and so may follow a plain one without `and`."""
    return clause.startswith(("that ", "where ", "whose ", "with which "))


def agree(form: str, found: bool, inside: bool) -> str:
    """A form in the number of what is found and of what stands inside (`True`: plural)."""
    form = _CHOICE.sub(lambda m: m[2 if found else 1], form)
    return _INNER.sub(lambda m: m[2 if inside else 1], form)


def _read(file: str) -> Wordings:
    package = "trajectune.environments.knowledge_graph.generator"
    forms: dict[str, list[str]] = {}
    for line in resources.files(package).joinpath(file).read_text(encoding="utf-8").splitlines():
        if line.strip():
            key, _, form = line.partition(" = ")
            forms.setdefault(key.strip(), []).append(form.strip())
    return Wordings({key: tuple(found) for key, found in forms.items()})


TRAIN = _read("wordings_train.txt")
TEST = _read("wordings_test.txt")
