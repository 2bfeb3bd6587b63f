"""The environment suite: a real decoder plays, its episodes are stored, scored and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest
from suite_toys import Payday

from trajectune.environments.registry import load_environment
from trajectune.errors import RecipeError
from trajectune.evaluate.contract import Measurement, System
from trajectune.evaluate.items import read_items, value_of
from trajectune.evaluate.run import evaluate
from trajectune.evaluate.suites.environment import EPISODES, EnvironmentSuite
from trajectune.evaluate.systems import load_system
from trajectune.storage import JsonlWriter, read_records
from trajectune.trajectory import Trajectory


def suite(environment: Payday, **options: object) -> EnvironmentSuite:
    chosen = {"tasks": 4, "dialect": "anywords", "threshold": 0.5, **options}
    return EnvironmentSuite(environment, **chosen)  # pyright: ignore[reportArgumentType]


def play(
    system: System, environment: Payday, folder: Path, seed: int = 0, **options: object
) -> Measurement:
    return evaluate(system, [suite(environment, **options)], folder, seed=seed)[0]


def episodes(folder: Path, name: str = "payday") -> list[Trajectory]:
    return list(read_records(folder / name / EPISODES, Trajectory))


def test_episodes_are_scored_and_say_who_acted(tuned: System, tmp_path: Path) -> None:
    measurement = play(tuned, Payday(), tmp_path)
    assert measurement.metrics["success"].value == 0.75
    assert measurement.metrics["success/even"].value == 1
    assert measurement.metrics["success/odd"].value == 0.5
    assert measurement.metrics["reward"].value == 0.625
    assert measurement.counts["successes"] == 3
    assert (measurement.headline, measurement.note) == ("success", "Not a real job.")
    assert measurement.system.dialect == "anywords"
    played = episodes(tmp_path)
    assert {each.agent for each in played} == {"tuned"}
    assert sum(each.usage.generated_tokens for each in played) == measurement.counts["generated_tokens"] > 0


def test_items_give_the_headline_again(base: System, tmp_path: Path) -> None:
    measurement = play(base, Payday(), tmp_path)
    items = read_items(tmp_path / "payday", measurement)
    assert measurement.value is not None
    assert value_of(items) == measurement.value.value
    assert [(item.task, item.kind, item.score) for item in items[:2]] == [
        ("test-0", "even", 1), ("test-1", "odd", 0),
    ]  # fmt: skip
    assert sum(item.tokens for item in items) == measurement.counts["generated_tokens"]


def test_a_stopped_measurement_goes_on_with_what_is_missing(base: System, tmp_path: Path) -> None:
    whole = play(base, Payday(), tmp_path / "whole")
    environment = Payday()
    environment.stop_at = 2
    one_at_a_time = load_system("base", base.composition.lead, batch_size=1, max_new_tokens=8)
    with pytest.raises(KeyboardInterrupt):
        play(one_at_a_time, environment, tmp_path / "cut")
    kept = len(episodes(tmp_path / "cut"))
    environment.stop_at, environment.opened = None, []
    measurement = play(one_at_a_time, environment, tmp_path / "cut")
    assert len(environment.opened) == 4 - kept < 4
    assert measurement.metrics == whole.metrics
    assert measurement.counts == whole.counts


def test_infrastructure_errors_are_counted_apart_and_are_no_items(base: System, tmp_path: Path) -> None:
    environment = Payday()
    environment.broken = {"test-1"}
    measurement = play(base, environment, tmp_path)
    assert measurement.counts["infrastructure_errors"] == 1
    assert measurement.counts["episodes"] == len(read_items(tmp_path / "payday", measurement)) == 3
    assert measurement.metrics["success"].value == 1
    (warning,) = measurement.warnings
    assert warning.startswith("1 of 4 episodes broke in the infrastructure and do not count: 1 × ")
    assert "the door is locked" in warning
    assert "the door is locked" in next(each for each in episodes(tmp_path) if each.reward is None).error


def test_nothing_but_errors_gives_no_metric(base: System, tmp_path: Path) -> None:
    environment = Payday()
    environment.broken = {task.id for task in environment.tasks("test")}
    measurement = play(base, environment, tmp_path)
    assert (measurement.status, measurement.metrics, measurement.value) == ("done", {}, None)


def test_bad_replies_are_errors_of_the_agent(base: System, tmp_path: Path) -> None:
    measurement = play(base, Payday(), tmp_path, dialect="nowords", bad_format_limit=2)
    assert measurement.metrics["valid_replies"].value == measurement.metrics["success"].value == 0
    assert measurement.metrics["error/bad format"].value == 1
    assert measurement.metrics["turns"].value == 2
    assert measurement.counts["outcome/bad_format"] == 4


def test_a_system_acts_in_its_own_dialect(base: System, tmp_path: Path) -> None:
    own = load_system("own", base.composition.lead, dialect="nowords", max_new_tokens=8)
    measurement = play(own, Payday(), tmp_path)
    assert measurement.system.dialect == "nowords"
    assert {each.dialect for each in episodes(tmp_path)} == {"nowords"}


def test_keys_tell_two_entries_of_one_environment_apart(base: System, tmp_path: Path) -> None:
    both = [suite(Payday(), key="easy"), suite(Payday(), key="hard", threshold=1.0)]
    easy, hard = evaluate(base, both, tmp_path)
    assert (easy.counts["successes"], hard.counts["successes"]) == (3, 2)
    ids = [each.id for name in ("easy", "hard") for each in episodes(tmp_path, name)]
    assert len(set(ids)) == 8


def test_a_damaged_row_is_counted(base: System, tmp_path: Path) -> None:
    play(base, Payday(), tmp_path)
    with JsonlWriter(tmp_path / "payday" / EPISODES) as writer:
        writer.write({"id": "broken"})
    (tmp_path / "payday" / "measurement.json").unlink()
    assert play(base, Payday(), tmp_path).counts["rejected"] == 1


def test_too_few_tasks_and_unknown_dialects_are_the_users_to_mend(base: System, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="5 tasks were asked for"):
        play(base, Payday(), tmp_path / "a", tasks=5)
    with pytest.raises(RecipeError, match="'swahili'"):
        play(base, Payday(), tmp_path / "b", dialect="swahili")


def test_other_tasks_under_the_same_ids_are_other_settings() -> None:
    one, two = (suite(Payday(rewards)).settings() for rewards in ((1, 0, 1, 1), (1, 0, 1, 0)))
    assert one != two
    assert suite(Payday()).settings() == suite(Payday()).settings()


def test_an_installed_environment_is_measured_with_its_own_threshold(base: System, tmp_path: Path) -> None:
    environment = load_environment("database", {"train": 1, "dev": 1, "test": 2})
    (measurement,) = evaluate(base, [EnvironmentSuite(environment, tasks=2)], tmp_path)
    assert measurement.suite == "database"
    assert measurement.counts["episodes"] == 2
    assert measurement.metrics["success"].value == 0
