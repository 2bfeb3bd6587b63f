"""The step `lint`: examples with the named faults go, and nothing else."""

from __future__ import annotations

import pytest

from support.linted import talk
from trajectune.curate.lint.finding import DataFault
from trajectune.curate.steps.apply import apply_steps
from trajectune.curate.steps.lint import Lint
from trajectune.curate.steps.registry import build_steps, on_examples
from trajectune.errors import RecipeError

GOOD = talk(("user", "Hi"), ("assistant", "Hello."))
EMPTY = talk(("user", ""), ("assistant", "Hello."))
FAILED = talk(("user", ""), ("assistant", "Hello."), success=False)


def test_examples_with_a_named_fault_are_rejected_for_the_first_of_them() -> None:
    (step,) = build_steps([{"lint": {"drop": ["failed", "empty_user_turn"]}}])
    done = apply_steps([step], [GOOD, EMPTY, FAILED, GOOD])
    assert done.rows == [GOOD, GOOD]
    assert done.counts[0].rejected == {"lint: empty_user_turn": 1, "lint: failed": 1}


def test_other_faults_are_let_through() -> None:
    (step,) = build_steps([{"lint": {"drop": ["loop"]}}])
    assert apply_steps([step], [GOOD, EMPTY, FAILED]).rows == [GOOD, EMPTY, FAILED]


def test_without_names_every_fault_counts() -> None:
    (step,) = build_steps(["lint"])
    assert isinstance(step, Lint)
    assert step.options.drop == list(DataFault)
    assert on_examples([step]) == [step]
    assert apply_steps([step], [GOOD, EMPTY]).rows == [GOOD]


@pytest.mark.parametrize("options", [{"drop": []}, {"drop": ["lop"]}, {"keep": ["loop"]}])
def test_names_are_checked(options: dict[str, list[str]]) -> None:
    with pytest.raises(RecipeError, match="options of the curate step 'lint'"):
        build_steps([{"lint": options}])
