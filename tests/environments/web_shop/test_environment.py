"""The environment on its built-in shop: the contract, the numbers that its data must reach, its options."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.steps import check_read_back
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.conversation import same_move, to_example
from trajectune.dialects.registry import get_dialect
from trajectune.environments.check import check_environment
from trajectune.environments.contract import Task
from trajectune.environments.play import start
from trajectune.environments.registry import load_environment
from trajectune.environments.unearned import filled
from trajectune.environments.web_shop import WebShopEnvironment
from trajectune.environments.web_shop.generator.tasks import groups
from trajectune.errors import RecipeError, UnavailableError
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import ToolCall, Trajectory


def calls_of(environment: WebShopEnvironment, task: Task, seed: int = 0) -> list[ToolCall]:
    """What the expert does."""
    play = start(environment, task, seed)
    assert play is not None
    calls: list[ToolCall] = []
    while (moved := play.advance()) is not None:
        calls += moved[0].calls
    return calls


def run(code: str, **variables: str) -> str:
    """What a program prints in a process of its own."""
    own = {"PYTHONPATH": ":".join(sys.path)} | variables
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=own, text=True).stdout


def test_it_keeps_the_contract(environment: WebShopEnvironment) -> None:
    assert check_environment(environment) == []
    assert "not WebShop's products" in environment.note
    assert environment.rejected == []
    assert environment.reward_threshold == 1.0
    assert environment.max_steps == 10


def test_a_thousand_tasks_are_told_apart() -> None:
    tasks = WebShopEnvironment(train=1000, dev=0, test=0).tasks("train")
    told = {task.data["goal"]["instruction"] for task in tasks}
    assert len(told) >= 950
    assert len({task.kind for task in tasks}) >= 8
    assert Counter(task.kind for task in tasks).most_common()[-1][1] >= 60


def test_moves_of_experts_are_told_apart(environment: WebShopEnvironment) -> None:
    tasks = environment.tasks("train")
    moves = {json.dumps([call.arguments for call in calls_of(environment, task)]) for task in tasks}
    assert len(moves) >= 0.9 * len(tasks)


def test_test_tasks_ask_for_other_things_in_other_words(environment: WebShopEnvironment) -> None:
    goals = {
        split: [task.data["goal"] for task in environment.tasks(split)]
        for split in ("train", "dev", "test")
    }
    things = {split: {goal["query"] for goal in each} for split, each in goals.items()}
    assert not (things["train"] | things["dev"]) & things["test"]
    told = {split: {goal["instruction"] for goal in each} for split, each in goals.items()}
    assert not told["train"] & told["dev"]
    beginnings = {split: {" ".join(words.split()[:2]) for words in each} for split, each in told.items()}
    assert not beginnings["train"] & beginnings["test"]


def test_what_test_asks_for_is_not_on_sale_for_train(environment: WebShopEnvironment) -> None:
    train, test = environment.tasks("train")[0], environment.tasks("test")[0]
    search = ToolCall(name="search", arguments={"keywords": test.data["goal"]["title"]})
    assert test.data["goal"]["asin"] not in environment.open(train).step(search).observation
    assert test.data["goal"]["asin"] in environment.open(test).step(search).observation


def test_the_first_result_is_often_not_the_right_one(environment: WebShopEnvironment) -> None:
    opened = Counter()
    for task in environment.tasks("train"):
        calls = calls_of(environment, task)
        opened[sum(str(call.arguments.get("value", "")).startswith("B0") for call in calls)] += 1
    assert sum(count for number, count in opened.items() if number > 1) >= 0.2 * opened.total()


def test_the_moves_of_another_wish_earn_next_to_nothing(environment: WebShopEnvironment) -> None:
    tasks = environment.tasks("train")
    rewards: list[float] = []
    for number, task in enumerate(tasks):
        episode = environment.open(task)
        results = [episode.step(call) for call in calls_of(environment, tasks[number - 1])]
        rewards.append(results[-1].reward)
    assert max(rewards) < 1
    assert sum(rewards) / len(rewards) < 0.02
    assert sum(reward == 0 for reward in rewards) >= 0.9 * len(rewards)


def test_an_agent_that_looks_for_the_answer_inside_finds_none(environment: WebShopEnvironment) -> None:
    """Nothing of a task but its wish is shown, whatever is asked for."""
    task = environment.tasks("train")[0]
    goal = task.data["goal"]
    for text in (task.id, goal["asin"], "reward", "goal", "__class__", "../items_shuffle.json", "{self}"):
        episode = environment.open(task)
        for tool in environment.tools:
            result = episode.step(filled(tool, text))
            assert (result.done, result.reward) == (False, 0.0)
            assert goal["asin"] not in result.observation.replace(text.lower(), "")


@pytest.mark.parametrize("name", ["agentbench", "react", "json", "native"])
def test_an_experts_episode_is_written_and_read_back_in_every_dialect(
    environment: WebShopEnvironment, tmp_path: Path, name: str
) -> None:
    dialect = get_dialect(name, "web_shop")
    tasks = [*environment.tasks("train")[:3], *environment.tasks("test")[:3]]
    played = rollout(environment, tasks, ExpertAgent(environment), dialect, tmp_path / "t.jsonl")
    assert played.successes == 6
    trajectories = list(read_records(tmp_path / "t.jsonl", Trajectory))
    assert len(trajectories) == 6
    for trajectory in trajectories:
        assert all(same_move(check_read_back(dialect, step), step) for step in trajectory.steps)
        assert to_example(trajectory, dialect).messages[-1].role == "assistant"


def test_the_text_view_leaves_the_actions_out() -> None:
    environment = WebShopEnvironment(train=15, dev=0, test=0, view="text")
    for task in environment.tasks("train"):
        assert "Available Actions" not in environment.open(task).observation
        play = start(environment, task, 0)
        assert play is not None
        while play.advance() is not None:
            pass
        assert play.last is not None
        assert play.last.reward == 1


def test_the_same_seed_gives_the_same_tasks_in_another_process(environment: WebShopEnvironment) -> None:
    code = (
        "from trajectune.environments.web_shop import WebShopEnvironment as W\n"
        "import hashlib, json\n"
        "shop = W(train=30, dev=0, test=15)\n"
        "data = [[t.id, dict(t.data)] for split in ('train', 'test') for t in shop.tasks(split)]\n"
        "print(hashlib.sha256(json.dumps(data).encode()).hexdigest())\n"
    )
    printed = {run(code, PYTHONHASHSEED=seed) for seed in ("1", "2")}
    assert len(printed) == 1
    smaller = WebShopEnvironment(train=30, dev=0, test=0).tasks("train")
    assert list(smaller) == list(environment.tasks("train")[:30])
    assert WebShopEnvironment(seed=1, train=30, dev=0, test=0).tasks("train") != smaller


@pytest.mark.parametrize(
    "options",
    [{"source": "amazon"}, {"view": "html"}, {"goals": "mine"}, {"kinds": ["cars"]}, {"colour": 1}],
)
def test_wrong_options_say_what_is_right(options: dict[str, Any]) -> None:
    with pytest.raises(RecipeError) as caught:
        load_environment("web_shop", options)
    assert caught.value.remedy


def test_only_the_kinds_asked_for() -> None:
    tasks = WebShopEnvironment(train=10, kinds=["snacks", "pets"]).tasks("train")
    assert {task.kind for task in tasks} == {"snacks", "pets"}
    assert len(groups()) == 15


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trajectune.environments.options.find_spec", lambda _: None)
    environment = WebShopEnvironment()
    assert environment.tools  # can be listed and described
    with pytest.raises(UnavailableError, match=r"pip install .\.\[web-shop\]"):
        environment.tasks("train")


def test_importing_the_environment_imports_no_search_library() -> None:
    code = (
        "import sys, trajectune.environments.web_shop as w; w.WebShopEnvironment()\n"
        "assert not {'bm25s', 'Stemmer', 'rapidfuzz'} & set(sys.modules)"
    )
    run(code)
