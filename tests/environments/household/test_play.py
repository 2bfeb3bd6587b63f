"""Real games on ALFWorld's engine: winning, losing, hostile commands, several at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments import unearned
from trajectune.environments.contract import MAX_OBSERVATION_CHARS, StepResult, Task
from trajectune.environments.household import HouseholdEnvironment
from trajectune.environments.household.engine.pool import POOL
from trajectune.environments.household.episode import HouseholdEpisode, normal, opening, spellings, tidy
from trajectune.environments.play import Play, start
from trajectune.errors import EpisodeError
from trajectune.rollout.rollout import rollout
from trajectune.trajectory import Fault, ToolCall

pytest.importorskip("alfworld")


def act(episode: HouseholdEpisode, command: object) -> StepResult:
    return episode.step(ToolCall(name="act", arguments={"command": command}))  # type: ignore[dict-item]


def play(environment: HouseholdEnvironment, task: Task, seed: int = 0) -> tuple[Play, list[str]]:
    played, commands = start(environment, task, seed), []
    assert played is not None
    while (moved := played.advance()) is not None:
        commands.append(str(moved[0].calls[0].arguments["command"]))
        assert 0 < len(moved[0].thought.split()) <= 25
    played.episode.close()
    return played, commands


def test_the_explorer_wins_all_six_kinds_in_unseen_rooms(environment: HouseholdEnvironment) -> None:
    with ThreadPoolExecutor(2) as threads:
        for played, _ in threads.map(lambda task: play(environment, task), environment.tasks("test")):
            assert played.last is not None
            assert played.last.done
            assert played.last.reward == 1.0


def test_the_explorer_examines_a_place_that_shares_its_spot() -> None:
    environment = HouseholdEnvironment(train=62, dev=0, test=0)
    played, commands = play(environment, environment.tasks("train")[61], seed=2)
    assert "examine shelf 2" in commands  # the lamp is there; from shelf 3, "go to shelf 2" does nothing
    assert played.last is not None
    assert played.last.reward == 1.0


def test_the_planner_wins_all_six_kinds_without_searching() -> None:
    planner = HouseholdEnvironment(train=6, expert="planner")
    with ThreadPoolExecutor(2) as threads:
        for played, commands in threads.map(lambda task: play(planner, task), planner.tasks("train")):
            assert played.last is not None
            assert played.last.reward == 1.0
            assert len(commands) <= 12


def test_side_by_side_in_threads_nothing_is_shared(environment: HouseholdEnvironment) -> None:
    tasks = list(environment.tasks("dev"))[:2]
    alone = [play(environment, task)[0].observations for task in tasks]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda task: play(environment, task)[0].observations, tasks))
    assert alone == together


def test_an_episode_is_opened_once_for_agent_and_expert(
    environment: HouseholdEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openings: list[str] = []

    def counted(task: Task, seed: int = 0) -> HouseholdEpisode:
        openings.append(task.id)
        return type(environment).open(environment, task, seed)

    monkeypatch.setattr(environment, "open", counted)
    tasks = environment.tasks("dev")[:2]
    taken = workers_taken(monkeypatch)
    dialect = get_dialect("agentbench", "household")
    result = rollout(environment, tasks, ExpertAgent(environment), dialect, tmp_path / "t.jsonl")
    assert result.successes == 2
    assert openings == [task.id for task in tasks]
    assert len(taken) == 2


def workers_taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every process of the engine that is asked for from now on."""
    taken: list[str] = []
    take = POOL.take

    def counted() -> object:
        taken.append("one")
        return take()

    monkeypatch.setattr(POOL, "take", counted)
    return taken


def test_a_game_pays_nobody_for_nothing(environment: HouseholdEnvironment) -> None:
    task = environment.tasks("test")[0]
    for agent in (unearned.nothing, unearned.at_once, unearned.echo):
        assert list(agent(environment, task, task)) == []


def test_the_expert_seed_changes_the_route_not_the_room(environment: HouseholdEnvironment) -> None:
    task = environment.tasks("train")[1]
    first, same, other = (play(environment, task, seed) for seed in (0, 0, 1))
    assert first[1] == same[1]
    assert first[1] != other[1]
    assert first[0].episode.observation == other[0].episode.observation


@pytest.fixture(scope="module")
def episode(environment: HouseholdEnvironment) -> HouseholdEpisode:
    return environment.open(environment.tasks("train")[0])


def test_the_opening_names_places_and_the_task(episode: HouseholdEpisode) -> None:
    room, _, task = episode.observation.partition("\n")
    assert room.startswith("You are in the middle of a room.")
    assert task.startswith("Your task is to: ")


@pytest.mark.parametrize(
    "command",
    ["", " \n ", "fly to the moon 1", "go to " * 20_000, "\x00\x1b[2J", "import os", "热"],
)
def test_impossible_commands_change_nothing(episode: HouseholdEpisode, command: str) -> None:
    result = act(episode, command)
    assert result == StepResult("Nothing happens.", fault=Fault.BAD_ARGUMENTS)


@pytest.mark.parametrize("arguments", [{}, {"command": 1}, {"command": None}, {"command": "look", "x": 1}])
def test_ill_typed_calls_are_faults(episode: HouseholdEpisode, arguments: dict[str, object]) -> None:
    result = episode.step(ToolCall(name="act", arguments=arguments))  # type: ignore[arg-type]
    assert (result.fault, result.done) == (Fault.BAD_ARGUMENTS, False)


def test_an_unknown_tool_is_a_fault(episode: HouseholdEpisode) -> None:
    assert episode.step(ToolCall(name="bash")).fault is Fault.UNKNOWN_TOOL


def test_three_equal_commands_after_the_third_move_lose(environment: HouseholdEnvironment) -> None:
    episode = environment.open(environment.tasks("train")[0])
    results = [act(episode, command) for command in ("inventory", "look", "look", "look", "look")]
    assert [result.done for result in results] == [False, False, False, True, True]
    assert results[3].fault is Fault.REPETITION
    assert results[3].reward == 0.0
    assert results[3].observation != "The game is over."
    episode.close()
    episode.close()


def test_snap_takes_the_nearest_command() -> None:
    snapping = HouseholdEnvironment(train=6, snap=True)
    episode = snapping.open(snapping.tasks("train")[0])
    place = episode.observation.partition("you see a ")[2].partition(",")[0]
    result = act(episode, f"Go to the {place}")
    assert result.fault is None
    assert place in result.observation
    assert act(episode, "qqq zzz").fault is Fault.BAD_ARGUMENTS
    episode.close()


def test_a_crash_of_the_engine_is_an_error_of_the_infrastructure(environment: HouseholdEnvironment) -> None:
    episode = environment.open(environment.tasks("train")[0])
    worker = episode._worker
    assert worker is not None
    worker._process.kill()
    with pytest.raises(EpisodeError, match="engine failed"):
        act(episode, "look")
    episode.close()
    again = environment.open(environment.tasks("train")[0])
    assert act(again, "look").fault is None
    again.close()
    with pytest.raises(EpisodeError, match="closed"):
        again._ask("plan")


def test_a_broken_game_is_an_error_of_the_infrastructure() -> None:
    broken = {"pddl_domain": "(", "grammar": "", "pddl_problem": ""}
    with pytest.raises(EpisodeError):
        HouseholdEpisode(POOL, broken, snap=False)


def test_official_games_are_won_by_the_explorer(
    shared_data: Path, record_property: Callable[[str, object], None]
) -> None:
    archive = shared_data / "agentbench" / "alfworld" / "dev_games.tar.gz"
    official = HouseholdEnvironment(source="official", path=archive)
    tasks = official.tasks("test")
    assert len(tasks) == 20
    assert len({task.kind for task in tasks}) == 6
    assert all(task.id.startswith("official/") for task in tasks)
    with ThreadPoolExecutor(2) as threads:
        played = list(threads.map(lambda task: play(official, task)[0], tasks[::10]))
    won = sum(p.last is not None and p.last.reward == 1.0 for p in played)
    record_property("official_games_won_by_the_explorer", f"{won}/{len(played)}")
    assert won == len(played)


def test_words_about_arriving_are_cut() -> None:
    assert (
        tidy("You arrive at loc 12. On the desk 1, you see a mug 1.") == "On the desk 1, you see a mug 1."
    )
    assert tidy("You arrive at desk 1. The desk 1 is closed.") == "The desk 1 is closed."
    assert opening("-= hello =-\n\nYou see a bed 1.\n\nYour task is to: x.") == (
        "You see a bed 1.\nYour task is to: x."
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=5_000))
def test_observations_and_commands_are_bounded(text: str) -> None:
    assert len(tidy(text * 2)) <= MAX_OBSERVATION_CHARS
    assert len(normal(text)) <= 200
    assert "\n" not in normal(text)


def test_put_and_move_are_one_command() -> None:
    assert "move mug 1 to desk 2" in spellings("put mug 1 in/on desk 2")
    assert "put mug 1 in/on desk 2" in spellings("move mug 1 to desk 2")
    assert spellings("put mug 1 on desk 2")[1] == "move mug 1 to desk 2"
    assert spellings("look") == ["look"]
