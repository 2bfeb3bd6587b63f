"""The filter keeps what is worth learning, with a reason against every other episode."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from curate.steps.rows import TRAJECTORIES, trajectory
from trajectune.curate.steps.apply import apply_steps
from trajectune.curate.steps.contract import Context
from trajectune.curate.steps.filter import (
    BELOW,
    INFRASTRUCTURE,
    NO_STEP,
    OVER_CAP,
    SAME_CALLS,
    Filter,
    FilterOptions,
)
from trajectune.trajectory import Step, Trajectory

ROWS = [
    trajectory("a", 1, 1.0, 3, 5),
    trajectory("a", 2, 1.0, 3, 5, thought="the same calls"),
    trajectory("a", 3, 1.0, 5),
    trajectory("a", 4, 1.0, 4, 4, 5),
    trajectory("b", 1, 0.5, 1),
    trajectory("b", 2, 0.0),
    trajectory("b", 3, None),
    trajectory("c", 1, 1.0),
]


def keep(
    rows: list[Trajectory], per_task: int = 1, threshold: float | None = None, own: float = 1.0
) -> list[str]:
    step = Filter(FilterOptions(per_task=per_task, threshold=threshold))
    return [row.id for row in apply_steps([step], rows, Context(threshold=own)).rows]


def test_every_episode_has_one_reason() -> None:
    done = apply_steps([Filter(FilterOptions(per_task=2))], ROWS)
    assert [row.id for row in done.rows] == ["guess/a/1", "guess/a/3"]
    reasons = {each.id.removeprefix("guess/"): each.reason for each in done.rejected}
    assert reasons == {
        "a/2": SAME_CALLS,
        "a/4": OVER_CAP,
        "b/1": BELOW,
        "b/2": BELOW,
        "b/3": INFRASTRUCTURE,
        "c/1": NO_STEP,
    }


@pytest.mark.parametrize(
    ("option", "own", "tasks"), [(None, 1.0, {"a"}), (None, 0.5, {"a", "b"}), (0.5, 1.0, {"a", "b"})]
)
def test_the_threshold_is_the_environments_unless_it_is_given(
    option: float | None, own: float, tasks: set[str]
) -> None:
    ids = keep(ROWS, 9, option, own)
    assert {name.split("/")[1] for name in ids} == tasks


@given(TRAJECTORIES)
def test_the_order_of_the_rows_does_not_matter(rows: list[Trajectory]) -> None:
    rows = list({row.id: row for row in rows}.values())
    assert set(keep(rows)) == set(keep(rows[::-1]))


@given(TRAJECTORIES)
def test_no_more_than_the_cap_of_each_task_also_where_ids_are_not_unique(rows: list[Trajectory]) -> None:
    kept = Counter(name.split("/")[1] for name in keep(rows, 2))
    assert all(count <= 2 for count in kept.values())


def test_words_to_the_user_tell_episodes_apart() -> None:
    said = [
        trajectory("a", seed, 1.0).model_copy(update={"steps": [Step(message=words)]})
        for seed, words in enumerate(("yes", "no", "yes"))
    ]
    assert keep(said, 9) == ["guess/a/0", "guess/a/1"]
