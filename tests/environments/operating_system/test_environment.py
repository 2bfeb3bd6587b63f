"""The environment keeps the contract, plays in every dialect, and can be collected from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.steps import check_read_back
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.contract import Opening
from trajectune.dialects.conversation import same_move
from trajectune.dialects.registry import get_dialect
from trajectune.environments.check import check_environment
from trajectune.environments.contract import Environment
from trajectune.environments.operating_system import OperatingSystemEnvironment
from trajectune.environments.operating_system import environment as module
from trajectune.environments.operating_system.demonstration import DEMONSTRATION
from trajectune.environments.operating_system.sandbox.identity import Identity
from trajectune.environments.play import run, start
from trajectune.environments.registry import environment_class, load_environment
from trajectune.errors import RecipeError
from trajectune.rollout.rollout import rollout
from trajectune.trajectory import Action, Step

NAMES = ("agentbench", "react", "json", "native")


@pytest.mark.usefixtures("bubblewrap")
def test_it_keeps_the_contract() -> None:
    kinds = ["count_files", "set_modes", "stop_program"]
    environment = OperatingSystemEnvironment(train=3, dev=3, test=3, kinds=kinds, limits={"seconds": 30})
    assert check_environment(environment, tasks_per_split=1) == []


def test_it_is_installed_by_name() -> None:
    assert environment_class("operating_system") is OperatingSystemEnvironment
    environment = load_environment("operating_system", {"train": 3, "limits": {"memory": 100}})
    assert isinstance(environment, Environment)
    assert len(environment.tasks("train")) == 3
    assert environment.max_steps == 8
    assert [tool.name for tool in environment.tools] == ["bash_action", "answer_action", "finish_action"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "docker"}, "no source"),
        ({"kinds": ["x"]}, "Unknown kinds"),
        ({"limits": {"colour": 1}}, "seconds, memory"),
        ({"limits": {"memory": "much"}}, "memory"),
        ({"limits": {"memory": -1}}, "above 0"),
        ({"source": "agentbench"}, "needs 'path'"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        OperatingSystemEnvironment(**options)  # type: ignore[arg-type]


def test_where_one_id_can_be_mapped_this_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", lambda: Identity("single", 1000, 1000, 1))
    environment = OperatingSystemEnvironment()
    assert "Only one id can be mapped here" in environment.note
    assert f"{environment.source.left_out()} tasks that need one are left out" in environment.note  # type: ignore[union-attr]
    assert len(environment.tasks("train")) < 600
    monkeypatch.undo()
    monkeypatch.setattr(module, "draw", lambda: Identity("range", 10**6, 10**6, 65536))
    assert OperatingSystemEnvironment().note == module.NOTES["generated"]


@pytest.mark.usefixtures("bubblewrap")
def test_an_experts_episode_is_written_and_read_back_in_every_dialect() -> None:
    environment = OperatingSystemEnvironment(train=0, dev=12, test=0, repair=0.5, limits={"seconds": 30})
    for task in environment.tasks("dev")[::4]:
        play, steps = start(environment, task, 3), []
        assert play is not None
        while (moved := play.advance()) is not None:
            move, result = moved
            action = Action(call=move.calls[0], observation=result.observation, fault=result.fault)
            steps.append(Step(thought=move.thought, actions=[action], trained=move.trained))
        play.episode.close()
        for name in NAMES:
            dialect = get_dialect(name, "operating_system")
            opening = Opening(
                environment.instruction(task), environment.tools, play.episode.observation, DEMONSTRATION
            )
            messages = dialect.open(opening)
            assert messages[-1].role == "user"
            assert messages[-1].content.endswith(play.episode.observation)
            assert not any(message.trained for message in messages)
            for step in steps:
                assert same_move(check_read_back(dialect, step), step)


@pytest.mark.usefixtures("bubblewrap")
def test_a_rollout_collects_it(tmp_path: Path) -> None:
    environment = OperatingSystemEnvironment(train=4, limits={"seconds": 30})
    dialect = get_dialect("agentbench", "operating_system")
    result = rollout(
        environment, environment.tasks("train"), ExpertAgent(environment), dialect, tmp_path / "t.jsonl"
    )
    assert result.successes == 4


@pytest.mark.usefixtures("bubblewrap")
def test_episodes_side_by_side_see_what_each_sees_alone() -> None:
    environment = OperatingSystemEnvironment(train=8, limits={"seconds": 30})
    tasks = environment.tasks("train")
    alone = [run(environment, task, seed=4) for task in tasks]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda task: run(environment, task, seed=4), tasks)) == alone


def test_the_demonstration_can_be_left_out() -> None:
    task = OperatingSystemEnvironment(train=1).tasks("train")[0]
    assert OperatingSystemEnvironment().demonstration(task) == DEMONSTRATION
    assert OperatingSystemEnvironment(demonstrate=False).demonstration(task) is None
