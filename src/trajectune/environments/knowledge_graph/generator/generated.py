"""Tasks without end: seeded questions over the built-in graph.

The idea: a task is a seed and a kind; `make` turns it into the same `Problem` wherever the same versions of
the packages are installed. Train and dev start from the same things and use the same wordings (with other
seeds), test from things and in words that training never sees. What is right is what the graph answers.

Invariants: a problem depends on nothing but its task's seed, split and kind; its gold calls make its
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random

from trajectune.environments.contract import Split, Task
from trajectune.environments.knowledge_graph.facts.geography import BASE
from trajectune.environments.knowledge_graph.generator import wordings
from trajectune.environments.knowledge_graph.generator.atlas import atlas, world
from trajectune.environments.knowledge_graph.generator.draft import Draft, Node, Unlucky
from trajectune.environments.knowledge_graph.generator.kinds import KINDS
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph
from trajectune.environments.knowledge_graph.sources.problem import Problem
from trajectune.environments.knowledge_graph.sources.replay import answers_of
from trajectune.errors import RecipeError
from trajectune.storage import Rejected

MAX_WORDS = 45
"""Words of a question; a longer one is drawn again."""
KEPT = 1_024


class GeneratedSource:
    """Generated tasks: `sizes` of them in each split, limited to `kinds`."""

    rejected: Sequence[Rejected] = ()

    def __init__(self, seed: int, sizes: dict[Split, int], kinds: Sequence[str] | None = None) -> None:
        if unknown := sorted(set(kinds or ()) - set(KINDS)):
            raise RecipeError(
                f"Unknown kinds of question about the built-in graph: {', '.join(unknown)}.",
                where="option kinds",
                remedy=f"Choose among: {', '.join(KINDS)}.",
            )
        self.seed = seed
        self.sizes = sizes
        self.kinds = [kind for kind in KINDS if kind in (kinds or KINDS)]

    @property
    def graph(self) -> EmbeddedGraph:
        """The built-in graph, built when it is first asked for."""
        return world()

    def tasks(self, split: Split) -> list[Task]:
        """The first `sizes[split]` tasks of the endless list; a shorter list is a prefix of a longer."""
        return [
            Task(
                id=f"geography-{self.seed}-{split}-{number}",
                split=split,
                kind=self.kinds[number % len(self.kinds)],
                data={"seed": f"{self.seed}/{split}/{number}"},
            )
            for number in range(self.sizes[split])
        ]

    def problem(self, task: Task) -> Problem:
        """The problem of a task of `tasks`."""
        return make(str(task.data["seed"]), task.kind, task.split == "test")


@lru_cache(maxsize=KEPT)
def make(seed: str, kind: str, unseen: bool) -> Problem:
    """The problem with this seed; `unseen` takes the things and wordings of the test split."""
    rng = Random(seed)
    words = wordings.TEST if unseen else wordings.TRAIN
    while True:  # ends: every kind succeeds in a fair share of draws
        draft = Draft(rng, atlas(), words, unseen)
        try:
            node = KINDS[kind](draft)
        except Unlucky:
            continue
        question = _question(draft, node)
        if len(question.split()) > MAX_WORDS:
            continue
        names = dict(sorted(draft.entities.items()))
        entities = {name: BASE + thing for name, thing in names.items()}
        gold = tuple(draft.calls)
        answers = answers_of(world(), entities, gold)
        if answers:
            return Problem(question, kind, entities, answers, gold)


def _question(draft: Draft, node: Node) -> str:
    """The words around what is asked for."""
    made_by = draft.calls[-1].tool
    key = {"count": "ask how_many", "argmax": "ask extreme", "argmin": "ask extreme"}.get(
        made_by, "ask many" if node.plural else "ask one"
    )
    slots = {
        "{np}": node.words,
        "{clause}": node.clause,
        "{nouns}": draft.words.noun(node.kind, plural=True) if node.kind != "number" else "",
    }
    if node.kind == "number":
        slots["{nouns}"] = node.words.removesuffix(f" {node.clause}").removeprefix("the ")
    question = draft.words.pick(draft.rng, key)
    for slot, text in slots.items():
        question = question.replace(slot, text)
    return question
