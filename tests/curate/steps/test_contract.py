"""The law of curate steps: rows in = kept + rejected, for every step that a recipe can name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.steps.rows import EXAMPLES, TRAJECTORIES, example, trajectory
from trajectune.curate.steps.apply import Chain, apply_steps
from trajectune.curate.steps.contract import Context, CurateStep, Reject, StepCount
from trajectune.curate.steps.registry import BUILT_IN, build_steps
from trajectune.errors import DataError
from trajectune.example import Example

OPTIONS: dict[str, dict[str, Any]] = {"decontaminate": {"against": [{"environment": "database"}]}}
"""What steps need that do not go without options."""
ROWS: dict[str, st.SearchStrategy[list[Any]]] = {"trajectories": TRAJECTORIES, "examples": EXAMPLES}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_row_is_kept_or_rejected_with_a_reason(name: str) -> None:
    (step,) = build_steps([{name: OPTIONS.get(name)}])

    @given(rows=ROWS[step.level])
    def law(rows: list[Any]) -> None:
        done = apply_steps([step], rows, Context("db"))
        (count,) = done.counts
        assert count.step == name
        assert (count.rows_in, count.kept) == (len(rows), len(done.rows))
        assert count.rows_in == count.kept + count.rejected.total()
        assert Counter(each.reason for each in done.rejected) == count.rejected
        assert all(each.reason and each.source == "db" for each in done.rejected)
        everybody = Counter(row.id for row in done.rows) + Counter(each.id for each in done.rejected)
        assert everybody == Counter(row.id for row in rows)

    law()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_second_time_rejects_nothing(name: str) -> None:
    (step,) = build_steps([{name: OPTIONS.get(name)}])

    @given(rows=ROWS[step.level])
    def law(rows: list[Any]) -> None:
        once = apply_steps([step], rows).rows
        assert apply_steps([step], once).rows == once

    law()


@given(EXAMPLES)
def test_a_chain_accounts_for_each_of_its_steps(rows: list[Example]) -> None:
    done = apply_steps([NoLetter("a"), *build_steps(["deduplicate"])], rows)
    first, second = done.counts
    assert (first.rows_in, second.rows_in, second.kept) == (len(rows), first.kept, len(done.rows))
    assert len(done.rejected) == first.rejected.total() + second.rejected.total()


def test_rows_are_read_and_not_held() -> None:
    reads = 0

    class Source:
        def __iter__(self) -> Iterator[Any]:
            nonlocal reads
            reads += 1
            yield trajectory("a", 1, 1.0, 3)
            yield trajectory("a", 2, 0.0, 3)

    chain = Chain(build_steps(["filter"]), Source(), Context())
    with pytest.raises(RuntimeError, match="not read yet"):
        _ = chain.counts
    assert [row.id for row in chain] == [row.id for row in chain] == ["guess/a/1"]
    assert reads == 4, "once to look at all rows and once to judge them, each time"
    assert chain.counts == [StepCount("filter", 2, 1, Counter({"below the reward threshold": 1}))]
    assert len(chain.rejected) == 1


def test_no_steps_keep_everything() -> None:
    rows = [example(1, "a"), example(1, "a")]
    assert apply_steps([], rows).rows == rows


class NoLetter(CurateStep[Example]):
    """Rejects answers with a letter."""

    name = "no letter"
    level = "examples"

    def __init__(self, letter: str) -> None:
        super().__init__()
        self.letter = letter

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example | Reject]:
        del context
        for row in rows:
            found = self.letter in row.messages[1].content
            yield Reject(row.id, f"it has the letter {self.letter}") if found else row


class Loses(NoLetter):
    """Forgets to say what it rejects."""

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example | Reject]:
        return (row for row in super().judge(rows, context) if not isinstance(row, Reject))


class StopsEarly(NoLetter):
    """Judges the first row only."""

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example | Reject]:
        yield next(super().judge(rows, context))


@pytest.mark.parametrize("kind", [Loses, StopsEarly])
def test_a_step_that_loses_rows_is_an_error(kind: type[NoLetter]) -> None:
    with pytest.raises(DataError, match="was given 3 rows and gave 1 verdicts") as caught:
        apply_steps([kind("a")], [example(1, "b"), example(2, "a"), example(3, "a")])
    assert "one verdict for each row" in caught.value.remedy
