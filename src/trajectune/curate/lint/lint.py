"""Lint agent data: name the faults of every row of any file that can be read.

The idea: each check looks at one row and says what is wrong in it; here they are run over rows and files.

Invariants: a file is streamed, memory does not grow with it; every row counts once, as read or as rejected;
a finding says nothing about turns that are not trained, unless it is about the row as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from trajectune.curate.formats import NumberedExample, is_trajectory, read_numbered
from trajectune.curate.formats.stored.containers import read_rows
from trajectune.curate.lint.calls import calls, orphans
from trajectune.curate.lint.ends import failures, truncations, untrained_ends
from trajectune.curate.lint.finding import Finding
from trajectune.curate.lint.forms import BY_NAME, Form
from trajectune.curate.lint.language import mixed_languages
from trajectune.curate.lint.moves import invented_observations, loops, no_action
from trajectune.curate.lint.pages import wrong_pages
from trajectune.curate.lint.talk import empty_user_turns
from trajectune.curate.lint.transcript import Transcript, of_example, of_trajectory
from trajectune.example import Example
from trajectune.storage import Rejected, RejectedSink, WarningSink, explain
from trajectune.trajectory import Trajectory

Check = Callable[[Transcript], Iterator[Finding]]
CHECKS: Sequence[Check] = (
    loops,
    empty_user_turns,
    no_action,
    calls,
    orphans,
    failures,
    truncations,
    mixed_languages,
    untrained_ends,
    invented_observations,
    wrong_pages,
)


@dataclass(frozen=True, slots=True)
class LintedRow:
    """One row of a file and what was found in it."""

    line: int
    id: str
    source: str
    findings: list[Finding]


def lint_example(example: Example) -> list[Finding]:
    """The faults of an example, by check and then by turn."""
    return lint_transcript(of_example(example))


def lint_trajectory(trajectory: Trajectory) -> list[Finding]:
    """The faults of a trajectory, from its structure; turns are numbers of steps."""
    return lint_transcript(of_trajectory(trajectory))


def lint_transcript(row: Transcript) -> list[Finding]:
    """The faults of a row that was viewed already."""
    return [finding for check in CHECKS for finding in check(row)]


def lint_rows(
    path: Path | str,
    rejected: RejectedSink | None = None,
    format: str | None = None,
    notes: Counter[str] | None = None,
) -> Iterator[LintedRow]:
    """Every row of a file with its findings: examples of any format, or trajectories.

    Rows that cannot be read go to `rejected`; what of the others is not read is counted in `notes` (both to
    the log when there is none). Raises `DataError` when the file cannot be read or has no known format.
    """
    path = Path(path)
    sink = WarningSink(path) if rejected is None else rejected
    first = next(read_rows(path, []), None)
    if format is None and first is not None and is_trajectory(first.value):
        return _trajectories(path, sink)
    return _examples(read_numbered(path, sink, format=format, notes=notes))


def _trajectories(path: Path, rejected: RejectedSink) -> Iterator[LintedRow]:
    for row in read_rows(path, rejected):
        try:
            trajectory = Trajectory.model_validate(row.value)
        except ValidationError as error:
            rejected.append(Rejected(row.line, explain(error)))
            continue
        yield LintedRow(row.line, trajectory.id, trajectory.environment, lint_trajectory(trajectory))


def _examples(rows: Iterable[NumberedExample]) -> Iterator[LintedRow]:
    hint: Form | None = None
    for numbered in rows:
        view = of_example(numbered.example, hint)
        hint = BY_NAME.get(view.form, hint)
        example = numbered.example
        yield LintedRow(numbered.line, example.id, example.source, lint_transcript(view))
