"""What the driver does when processes die, with processes that die on command in place of a cluster's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
import ray
from ray.exceptions import RayActorError

from support.guess import Guess, Scripted, know
from trajectune.environments.registry import load_environment
from trajectune.errors import BudgetError, EpisodeError, TrajectuneError, UnavailableError
from trajectune.rollout.cluster import crew as driver
from trajectune.rollout.cluster.crew import ClusterCrew
from trajectune.rollout.cluster.member import Member, why_dead
from trajectune.rollout.cluster.part import Part
from trajectune.rollout.cluster.player import Player
from trajectune.rollout.cluster.rollout import rollout_on_cluster
from trajectune.rollout.cluster.seats import Seat
from trajectune.rollout.jobs import Job
from trajectune.rollout.rollout import RolloutResult, gather, jobs_of
from trajectune.rollout.spending import Budget, Spending
from trajectune.storage import read_records
from trajectune.trajectory import Outcome, Trajectory

PART = Part("support.guess:Guess", {}, None, "react", 1, None, tries=3)
NODES = [
    {"NodeID": name, "NodeManagerHostname": name, "Alive": True, "Resources": {"CPU": 1.0}} for name in "ab"
]


class Here(Member):
    """Plays in this process; every process that `doomed` names dies in its turn of this number."""

    doomed: ClassVar[dict[str, int]] = {}
    unborn: ClassVar[set[str]] = set()

    def __init__(self, seat: Seat, part: Part) -> None:
        self.seat, self.ready, self.owed, self._took = seat, None, {}, 0
        self._player, self.turns = Player(part), 0
        self.answer = object()
        self._said: Any = RayActorError() if seat.node in self.unborn else self._player.prepare()

    def play(self, jobs: Sequence[Job]) -> None:
        self.owed.update((job.id, job) for job in jobs)
        self.answer = object()
        self.turns += 1
        dies = self.doomed.get(self.seat.node) == self.turns
        self._said = RayActorError() if dies else self._player.turn(jobs)

    def said(self) -> Any:
        if isinstance(self._said, Exception) and not isinstance(self._said, TrajectuneError):
            raise self._said
        return self._said

    def leave(self) -> list[Any]:
        self._player.leave()
        return []

    def kill(self) -> None:
        pass


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Here]]:
    members: list[Here] = []

    def born(seat: Seat, part: Part) -> Here:
        members.append(Here(seat, part))
        return members[-1]

    waits = itertools.count()

    def wait(answers: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return [answers[next(waits) % len(answers)]], []  # everyone is heard in turn

    def get(answer: Any) -> Any:
        return next(each for each in members if each.answer is answer).said()

    monkeypatch.setattr(driver, "Member", born)
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(Here, "doomed", {})
    monkeypatch.setattr(Here, "unborn", set())
    for name, value in {"wait": wait, "get": get, "nodes": lambda: NODES}.items():
        monkeypatch.setattr(ray, name, value)
    yield members
    for member in members:
        member.leave()


def play(path: Path, said: list[str]) -> RolloutResult:
    environment = Guess()
    return gather(
        jobs_of("guess", environment.tasks("train"), 2, 0),
        lambda jobs: ClusterCrew(PART, environment, jobs, said.append),
        path,
        what="guess",
        threshold=1.0,
        on_progress=lambda _: None,
    )


def stored(path: Path) -> list[Trajectory]:
    found = list(read_records(path, Trajectory))
    assert len({row.id for row in found}) == len(found) == 40
    return found


def test_what_a_dead_process_owed_is_played_by_others_and_its_successor(tmp_path: Path) -> None:
    Here.doomed = {"a": 2}
    said: list[str] = []
    result = play(tmp_path / "t.jsonl", said)
    assert (result.played, result.successes, result.errors) == (40, 40, 0)
    assert {row.reward for row in stored(result.path)} == {1.0}
    assert any(line.startswith("a process on a died; its ") for line in said)


def test_a_node_that_joins_gets_work(
    here: list[Here], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([NODES[:1], NODES[:1]])
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(ray, "nodes", lambda: next(looks, NODES))
    assert play(tmp_path / "t.jsonl", []).successes == 40
    assert [(member.seat.node, member.turns > 0) for member in here] == [("a", True), ("b", True)]


def test_an_episode_whose_processes_always_die_is_recorded_and_run_again(tmp_path: Path) -> None:
    Here.doomed = {"a": 1, "b": 1}
    said: list[str] = []
    with pytest.raises(EpisodeError, match="the last 20 episodes all failed"):
        play(tmp_path / "t.jsonl", said)
    broken = list(read_records(tmp_path / "t.jsonl", Trajectory))
    assert {(row.outcome, row.reward) for row in broken} == {(Outcome.ENVIRONMENT_ERROR, None)}
    assert "died 3 times" in broken[0].error
    Here.doomed = {}
    play(tmp_path / "t.jsonl", said)
    assert {row.reward for row in stored(tmp_path / "t.jsonl")} == {1.0}


def test_a_node_on_which_nothing_comes_to_work_is_told(tmp_path: Path) -> None:
    Here.unborn = {"a", "b"}
    with pytest.raises(EpisodeError, match="end before they are ready") as caught:
        play(tmp_path / "t.jsonl", [])
    assert caught.value.where in ("the node a", "the node b")


def test_a_cluster_without_cores_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "nodes", lambda: [{**NODES[0], "Resources": {}}])
    with pytest.raises(UnavailableError, match="no node with a core"):
        play(tmp_path / "t.jsonl", [])


@pytest.mark.parametrize("owed", [True, False])
def test_only_what_is_owed_counts(owed: bool) -> None:
    member = driver.Member(Seat("a", "a", 0, 1), PART)
    member.take(member.answer)
    job = next(iter(jobs_of("guess", Guess().tasks("train"), 1, 0).values()))
    member.play([job])
    if not owed:
        member.owed.clear()
    assert [each.id for each in member.take(member.answer).trajectories] == [job.id] * owed


def test_why_a_process_died_is_told_by_name_where_a_package_is_missing() -> None:
    seat = Seat("a", "host", 0, 1)
    lacking = why_dead(RayActorError(error_msg="…\nNo module named 'trajectune.rollout'"), seat)
    assert isinstance(lacking, UnavailableError)
    assert "'trajectune.rollout'" in lacking.what
    assert isinstance(why_dead(RayActorError(), seat), EpisodeError)


def test_a_budget_and_the_limit_of_the_history_hold_on_a_cluster_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trajectune.rollout.cluster.rollout.connected", lambda _: nullcontext())
    environment = load_environment("support.guess:Guess", {"size": 60})
    path = tmp_path / "t.jsonl"

    def collect(tokens: int) -> Spending:
        spending = Spending(tmp_path / "ledger.jsonl", budget=Budget(tokens=tokens))
        try:
            rollout_on_cluster(
                "local",
                environment,
                environment.tasks("train"),
                partial(Scripted, know),
                "react",
                path,
                history_limit=3500,
                spending=spending,
            )
        finally:
            spending.close()
        return spending

    with pytest.raises(BudgetError, match="episodes are left to play"):
        collect(5)
    first = list(read_records(path, Trajectory))
    assert 5 <= len(first) < 60
    assert {row.history_limit for row in first} == {3500}
    assert collect(1000).total.generated_tokens == 60
    assert len({row.id for row in read_records(path, Trajectory)}) == 60
