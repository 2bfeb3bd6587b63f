"""Which trajectories are shown side by side."""

from __future__ import annotations

from collections.abc import Mapping

import pages

from trajectune.report.sections.samples import choose_samples
from trajectune.trajectory import Outcome, Trajectory

Played = Mapping[str, Mapping[str, list[Trajectory]]]


def played(**systems: list[Trajectory]) -> Played:
    return {system: {"database": episodes} for system, episodes in systems.items()}


def test_solved_and_failed_take_turns() -> None:
    before = [pages.episode(name, 0.0) for name in "abcd"]
    after = [pages.episode(name, reward) for name, reward in zip("abcd", (0.0, 0.0, 1.0, 1.0), strict=True)]
    chosen = choose_samples(played(base=before, tuned=after), limit=3)
    assert [each.shown.task for each in chosen] == ["c", "a", "d"]
    assert [list(each.played) for each in chosen] == [["base", "tuned"]] * 3
    assert choose_samples({}) == choose_samples(played(base=[])) == []


def test_kinds_and_suites_are_spread() -> None:
    episodes = [pages.episode(f"{kind}{n}", 1.0, kind) for kind in ("x", "y") for n in range(3)]
    both = {"tuned": {"one": episodes, "two": episodes}}
    chosen = choose_samples(both, limit=4)
    assert [(each.suite, each.shown.kind) for each in chosen] == [
        ("one", "x"), ("one", "y"), ("two", "x"), ("two", "y"),
    ]  # fmt: skip


def test_of_many_systems_the_first_and_the_last_are_shown() -> None:
    one = [pages.episode("a", 1.0)]
    (chosen,) = choose_samples(played(base=one, middle=one, tuned=one))
    assert list(chosen.played) == ["base", "tuned"]


def test_a_task_that_only_one_played_is_shown_with_a_gap() -> None:
    (chosen,) = choose_samples(played(base=[pages.episode("a", 0.0)], tuned=[]))
    assert chosen.played["tuned"] is None
    assert chosen.shown.task == "a"


def test_infrastructure_errors_are_not_shown() -> None:
    broken = pages.episode("a", 1.0).model_copy(
        update={"reward": None, "outcome": Outcome.ENVIRONMENT_ERROR}
    )
    assert choose_samples(played(base=[broken], tuned=[broken])) == []
