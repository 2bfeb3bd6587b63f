"""Web navigation without a model: the ranker's recall, what blind agents earn, steps per second.

    python benchmarks/web_navigation.py --out benchmarks/results/web-navigation-cpu.json    # a minute

The expert plays the built-in tasks; before each of its acts, the place of the first right element in the
ranking is noted. Then agents without any knowledge play the test tasks: one that always refuses, one for
each letter that always clicks, and one that clicks at random.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from harness.machine import machine
from harness.results import run, write
from trajectune.environments.contract import Task
from trajectune.environments.play import start
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.episode import WebNavigationEpisode, ranked
from trajectune.environments.web_navigation.ranking.ranker import Ranker, recall_at
from trajectune.environments.web_navigation.scoring import measures
from trajectune.environments.web_navigation.tournament import LETTERS, NONE
from trajectune.trajectory import ToolCall

CUTS = (1, 5, 10, 20)
Policy = Callable[[WebNavigationEpisode], str]
"""The letter that an agent says."""


def main() -> None:
    """Measure and print, and write the result file where one is asked for."""
    options = _options()
    environment = WebNavigationEnvironment(
        train=options.tasks, dev=0, test=options.tasks, ranker=options.ranker, stray=0.0
    )
    report: dict[str, Any] = machine() | {"tasks": options.tasks, "ranker": options.ranker or "lexical"}
    report["expert_steps_per_second"] = round(speed(environment, environment.tasks("train")))
    ranker = environment.ranker
    found = {split: ranks(environment, environment.tasks(split), ranker) for split in ("train", "test")}
    found |= {"test, in the page's order": ranks(environment, environment.tasks("test"), _Unranked())}
    report["recall"] = {
        name: {str(k): recall_at(places, k) for k in CUTS} for name, places in found.items()
    }
    report["blind"] = {
        name: played(environment, policy, environment.tasks("test")) for name, policy in policies()
    }
    for part in ("expert_steps_per_second", "recall", "blind"):
        print(part, report[part])
    if options.out:
        write(options.out, report)


def speed(environment: WebNavigationEnvironment, tasks: Sequence[Task]) -> float:
    """Steps per second of whole episodes with the expert, which plays each step a second time."""
    begun, steps = time.perf_counter(), 0
    for task in tasks:
        play = start(environment, task, 0)
        while play is not None and play.advance() is not None:
            steps += 1
    return steps / (time.perf_counter() - begun)


def ranks(environment: WebNavigationEnvironment, tasks: Iterable[Task], ranker: Ranker) -> list[int]:
    """The place of the first right element before each act of the expert, counted from 0."""
    places: list[int] = []
    for task in tasks:
        play = start(environment, task, 0)
        assert play is not None
        assert isinstance(play.episode, WebNavigationEpisode)
        acts = -1
        while play.last is None or not play.last.done:
            if len(play.episode.judged) > acts:
                acts, walk = len(play.episode.judged), play.episode.walk
                order = ranked(walk, ranker, len(walk.page.candidates))
                places.append(min(order.index(act.key) for act in walk.wanted))
            play.advance()
    return places


def policies() -> Iterable[tuple[str, Policy]]:
    """Agents that know nothing."""
    yield "always none", lambda _: NONE
    for letter in LETTERS[1:]:
        yield f"always {letter}, CLICK", lambda _, said=letter: said
    rng = Random(0)
    yield "random, CLICK", lambda episode: rng.choice(LETTERS[1 : len(episode.choices) + 1])


def played(environment: WebNavigationEnvironment, policy: Policy, tasks: Sequence[Task]) -> list[float]:
    """Mean reward, element accuracy, action F1 and step success of an agent that clicks on letters."""
    rewards: list[float] = []
    judged = []
    for task in tasks:
        episode, reward = environment.open(task), 0.0
        for _ in range(environment.max_steps):
            letter = policy(episode)
            action = {} if letter == NONE else {"action": "CLICK"}
            result = episode.step(ToolCall(name="choose", arguments={"choice": letter, **action}))
            if result.done:
                reward = result.reward
                break
        rewards.append(reward)
        judged += episode.judged
    means = measures(judged)
    return [sum(rewards) / len(rewards), means.element_accuracy, means.action_f1, means.step_success]


class _Unranked(Ranker):
    """The order of the page, to compare with."""

    def scores(self, task: str, previous: Sequence[str], descriptions: Sequence[str]) -> list[float]:
        del task, previous
        return [0.0] * len(descriptions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=240, help="tasks of each split")
    parser.add_argument("--ranker", default="", help="a cross-encoder in place of the lexical ranker")
    parser.add_argument("--out", type=Path, help="where the result file goes")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
