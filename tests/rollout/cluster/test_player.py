"""A process of the cluster, called here as the driver calls it there."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.guess import Guess, know
from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.environments.registry import load_environment
from trajectune.errors import ModelError, RecipeError, TrajectuneError, UnavailableError
from trajectune.rollout.cluster.part import Part, agent_class
from trajectune.rollout.cluster.player import TURN_SECONDS, Player, Ready, Turn
from trajectune.rollout.rollout import jobs_of

GUESS = "support.guess:Guess"
JOBS = list(jobs_of("guess", Guess().tasks("train"), 1, 0).values())


class Scripted(Agent):
    """Knows the answers; `fault` is raised for the fourth task, `pause` is in seconds."""

    name = "scripted"

    def __init__(self, *, fault: TrajectuneError | None = None, pause: float = 0.0, lanes: int = 2) -> None:
        self.fault, self.pause, self.batch_size, self.closed = fault, pause, lanes, False

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        time.sleep(self.pause)
        if self.fault and any(each.task.id == "train-3" for each in conversations):
            raise self.fault
        logging.getLogger("trajectune.here").warning("%d at once", len(conversations))
        return [AgentReply(know(each)) for each in conversations]


def part(agent: partial[Agent] | None = None, **changes: Any) -> Part:
    given: dict[str, Any] = {"environment": GUESS, "options": {}, "agent": agent, "dialect": "react"}
    return Part(**(given | {"bad_format_limit": 1, "repetition_limit": None, "tries": 3} | changes))


def prepared(agent: partial[Agent] | None = None) -> Player:
    player = Player(part(agent))
    assert isinstance(player.prepare(), Ready)
    return player


def test_jobs_come_in_turns_and_each_ends_in_one_trajectory() -> None:
    player, found = prepared(), []
    for start in range(0, 20, 8):
        turn = player.turn(JOBS[start : start + 8])
        found += turn.trajectories
    while len(found) < 20:
        found += player.turn([]).trajectories
    assert sorted(each.id for each in found) == sorted(job.id for job in JOBS)
    assert {each.agent for each in found} == {"expert"}
    assert player.leave() == Turn()


def test_a_turn_ends_in_time_and_the_threads_play_on() -> None:
    player = prepared(partial(Scripted, pause=TURN_SECONDS / 2, lanes=1))
    start = time.monotonic()
    found = player.turn(JOBS[:8]).trajectories
    assert time.monotonic() - start < 4 * TURN_SECONDS
    assert len(found) < 8
    time.sleep(TURN_SECONDS)
    left = player.leave().trajectories
    assert left, "what ended between the turns is handed over"
    assert len(found) + len(left) < 8


def test_it_says_how_it_is_driven_and_what_it_warned_of() -> None:
    player = Player(part(partial(Scripted, lanes=3)))
    assert player.prepare() == Ready("scripted", 3, 1)
    assert "3 at once" in player.turn(JOBS[:3]).notices
    player.leave()


def test_an_error_for_the_user_names_the_node() -> None:
    player = prepared(partial(Scripted, fault=ModelError("no such model", where="hub", remedy="load it")))
    turn = player.turn(JOBS[:4])
    while turn.error is None:
        turn = player.turn([])
    player.leave()
    assert isinstance(turn.error, ModelError)
    assert turn.error.where.startswith("hub, the node ")
    again = pickle.loads(pickle.dumps(turn.error))
    assert (again.what, again.where, again.remedy) == ("no such model", turn.error.where, "load it")


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"version": "0.0.1"}, UnavailableError, "and 0.0.1 is where it was called"),
        ({"options": {"seize": 3}}, RecipeError, "has no option 'seize'"),
        ({"dialect": "klingon"}, RecipeError, "klingon"),
    ],
)
def test_what_cannot_be_built_is_told(changes: Any, kind: type[TrajectuneError], said: str) -> None:
    error = Player(part(**changes)).prepare()
    assert isinstance(error, kind)
    assert said in error.what
    assert "the node " in error.where


def missing() -> Agent:
    raise ModuleNotFoundError("No module named 'brain'", name="brain")


def test_a_missing_package_is_told_by_name() -> None:
    error = Player(part(partial(missing))).prepare()
    assert isinstance(error, UnavailableError)
    assert "'brain'" in error.what


def test_paths_mean_what_they_mean_to_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = part()
    monkeypatch.chdir("/")
    here.build()
    assert Path.cwd() == tmp_path


def test_a_part_is_plain_data_without_what_was_loaded() -> None:
    whole = part(partial(Scripted, lanes=2))
    assert pickle.loads(pickle.dumps(whole)) is not whole
    assert len(pickle.dumps(whole)) < 1000
    assert load_environment(GUESS, {"size": 4}).origin == (GUESS, {"size": 4})
    assert Guess().origin is None


def test_only_a_class_of_agents_is_built_elsewhere() -> None:
    assert agent_class(partial(Scripted, lanes=2)) is Scripted
    with pytest.raises(RecipeError, match="'missing' is no class of agents"):
        agent_class(partial(missing))
