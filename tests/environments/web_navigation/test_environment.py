"""The environment as a whole: the contract, its options, and agents that know nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random

import pytest

from support import mind2web
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments.check import check_environment
from trajectune.environments.play import Play, start
from trajectune.environments.registry import load_environment
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.tournament import LETTERS
from trajectune.errors import RecipeError
from trajectune.rollout.rollout import rollout
from trajectune.trajectory import ToolCall


def test_it_keeps_the_contract() -> None:
    assert check_environment(load_environment("web_navigation", {"train": 12, "dev": 3, "test": 12})) == []


def test_recorded_tasks_keep_the_contract_too(tmp_path: Path) -> None:
    mind2web.write(tmp_path, [mind2web.row("a"), mind2web.row("b")])
    mind2web.write(tmp_path, [mind2web.row("c")], "test_task_0.json")
    assert check_environment(WebNavigationEnvironment("mind2web", path=tmp_path)) == []


def answers(
    environment: WebNavigationEnvironment, task: int, said: Callable[[int], dict[str, str]]
) -> float:
    """What an agent earns on a test task that gives these answers, whatever it is asked."""
    episode = environment.open(environment.tasks("test")[task])
    for number in range(environment.max_steps):
        result = episode.step(ToolCall(name="choose", arguments={**said(number)}))
        if result.done:
            return result.reward
    return 0.0


@pytest.mark.parametrize(
    ("letter", "action"), [("A", ""), *product(LETTERS[1:], ("CLICK", "TYPE", "SELECT"))]
)
def test_the_same_answer_each_time_earns_nothing(
    environment: WebNavigationEnvironment, letter: str, action: str
) -> None:
    said = {"choice": letter} | ({"action": action} if action else {})
    said |= {"value": "2"} if action not in ("", "CLICK") else {}
    for task in range(24):
        assert answers(environment, task, lambda _: said) == 0


def test_the_same_answer_each_time_earns_nothing_on_recorded_pages(tmp_path: Path) -> None:
    mind2web.write(tmp_path, [mind2web.row(str(n)) for n in range(20)], "test_task_0.json")
    recorded = WebNavigationEnvironment("mind2web", path=tmp_path)
    for letter, task in product(LETTERS, range(20)):
        click = {"action": "CLICK"} if letter != "A" else {}
        assert answers(recorded, task, lambda _, said={"choice": letter, **click}: said) == 0


def test_another_tasks_answers_earn_nothing(environment: WebNavigationEnvironment) -> None:
    tasks = environment.tasks("test")
    for task in tasks:
        play = start(environment, task, 0)
        assert play is not None
        gold: list[ToolCall] = []
        while (moved := play.advance()) is not None:
            gold += moved[0].calls
        assert play.last is not None
        assert play.last.reward == 1
        for other in tasks[::3]:
            results = environment.open(other).steps(gold)
            assert other is task or results[-1].reward == 0


def test_clicking_at_random_hardly_ever_earns_anything(environment: WebNavigationEnvironment) -> None:
    rng = Random(0)
    earned = [
        answers(environment, n % 24, lambda _: {"choice": rng.choice(LETTERS), "action": "CLICK"})
        for n in range(240)
    ]
    assert sum(earned) <= 3


def test_a_task_opens_the_same_whatever_the_seed(environment: WebNavigationEnvironment) -> None:
    task = environment.tasks("dev")[3]
    assert environment.open(task, 1).observation == environment.open(task, 2).observation


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "nowhere"}, "one of: sites, mind2web, documents"),
        ({"source": "mind2web"}, "set path"),
        ({"kinds": ["shopping"]}, "Choose among: form, poll, shop"),
        ({"top_k": 0}, "at least one"),
    ],
)
def test_wrong_options_come_with_a_remedy(options: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_environment("web_navigation", options)
    assert said in caught.value.remedy
    assert caught.value.where.startswith("option ")


def test_kinds_can_be_limited() -> None:
    limited = WebNavigationEnvironment(train=6, dev=0, test=0, kinds=["mail", "shop"])
    assert [task.kind for task in limited.tasks("train")] == ["mail", "shop"] * 3
    assert limited.rejected == ()


@pytest.mark.parametrize("name", ["agentbench", "react", "json", "native"])
def test_episodes_are_gathered_in_every_dialect(name: str, tmp_path: Path) -> None:
    home = WebNavigationEnvironment(train=4, dev=0, test=0)
    spoken = get_dialect(name, "web_navigation")
    file = tmp_path / "played.jsonl"
    rollout(home, home.tasks("train"), ExpertAgent(home), spoken, file)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["reward"] for row in rows] == [1.0] * 4


def test_fewer_candidates_at_once_still_lead_to_the_goal(expert_play: Callable[..., Play]) -> None:
    few = WebNavigationEnvironment(train=12, dev=0, test=0, top_k=3)
    for task in range(12):
        play = expert_play(task, other=few)
        assert play.last is not None
        assert play.last.reward == 1 or play.moves_left == 0
