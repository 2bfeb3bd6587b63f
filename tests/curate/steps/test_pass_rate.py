"""Tasks by how often they are solved: neither never nor always, whatever the order of the attempts."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.steps.rows import TRAJECTORIES, trajectory
from trajectune.curate.steps.apply import apply_steps
from trajectune.curate.steps.contract import Context
from trajectune.curate.steps.filter import INFRASTRUCTURE
from trajectune.curate.steps.pass_rate import TOO_EASY, TOO_FEW, TOO_HARD, PassRate, PassRateOptions
from trajectune.curate.steps.registry import build_steps
from trajectune.errors import RecipeError
from trajectune.trajectory import Trajectory

ROWS = [
    *(trajectory("easy", seed, 1.0, 1) for seed in range(4)),
    *(trajectory("hard", seed, 0.0, 1) for seed in range(4)),
    *(trajectory("half", seed, float(seed % 2), 1) for seed in range(4)),
    trajectory("half", 4, None),
    trajectory("broken", 0, None),
]


def kept(rows: list[Trajectory], own: float = 1.0, **options: object) -> tuple[set[str], dict[str, str]]:
    """Tasks with episodes that are kept, and the reason against each of the others."""
    step = PassRate(PassRateOptions.model_validate(options))
    done = apply_steps([step], rows, Context(threshold=own))
    reasons = {each.id.split("/")[1]: each.reason for each in reversed(done.rejected)}
    tasks = {row.task for row in done.rows}
    return tasks, {task: reason for task, reason in reasons.items() if task not in tasks}


def test_tasks_that_are_never_or_always_solved_are_rejected_with_the_reason() -> None:
    assert kept(ROWS) == ({"half"}, {"easy": TOO_EASY, "hard": TOO_HARD, "broken": INFRASTRUCTURE})
    assert kept(ROWS, above=None) == ({"half", "hard"}, {"easy": TOO_EASY, "broken": INFRASTRUCTURE})
    assert kept(ROWS, below=None)[0] == {"half", "easy"}
    assert kept(ROWS, above=0.5)[1]["half"] == TOO_HARD
    assert kept(ROWS, below=0.5)[1]["half"] == TOO_EASY
    assert kept(ROWS, least_attempts=5)[1] == dict.fromkeys(("easy", "hard", "half"), TOO_FEW) | {
        "broken": INFRASTRUCTURE
    }


def test_the_threshold_says_what_is_solved() -> None:
    rows = [trajectory("a", 0, 0.5, 1), trajectory("a", 1, 0.2, 1)]
    assert kept(rows)[1] == {"a": TOO_HARD}
    assert kept(rows, own=0.5)[0] == kept(rows, threshold=0.4)[0] == {"a"}
    assert kept(rows, own=0.1)[1] == {"a": TOO_EASY}


def test_bounds_between_which_no_rate_lies_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"no pass rate is above 0\.5 and below 0\.5"):
        build_steps([{"pass_rate": {"above": 0.5, "below": 0.5}}])


@given(TRAJECTORIES, st.sampled_from([0.0, 0.25, 0.5]), st.sampled_from([0.6, 1.0]))
def test_the_verdict_is_the_tasks_rate_in_any_order(
    rows: list[Trajectory], above: float, below: float
) -> None:
    step = PassRate(PassRateOptions(above=above, below=below))
    there, back = apply_steps([step], rows), apply_steps([step], rows[::-1])
    assert there.rows == back.rows[::-1]
    assert there.counts[0].rejected == back.counts[0].rejected
    solved: defaultdict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row.reward is not None:
            solved[row.task].append(row.reward >= 1 and bool(row.steps))
    between = {
        task
        for task, each in solved.items()
        if Fraction(above) < Fraction(sum(each), len(each)) < Fraction(below)
    }
    judged = [row for row in rows if row.reward is not None]
    assert there.rows == [row for row in judged if row.task in between]
