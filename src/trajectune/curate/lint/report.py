"""What lint found in a file: rows by fault, the first places of each, and the findings as JSON lines.

Invariants: a row counts once for a fault, however often it has it; memory holds a few places for each
fault, whatever the size of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trajectune.curate.inspect import Rejections
from trajectune.curate.lint.finding import DataFault, Finding
from trajectune.curate.lint.lint import LintedRow, lint_rows
from trajectune.progress import OnProgress, Progress, silent

PLACES = 3
"""Places of each fault that are kept, unless more are asked for."""
_TELL_EVERY = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault was found."""

    line: int
    id: str
    finding: Finding


@dataclass(slots=True)
class LintReport:
    """The faults of one file."""

    path: Path
    rows: int = 0
    faulty: int = 0
    """Rows with at least one fault."""
    faults: Counter[DataFault] = field(default_factory=Counter)
    """Rows by fault; a row may have several."""
    first: dict[DataFault, list[Place]] = field(default_factory=dict)
    """The first places of each fault, one a row."""
    rejections: Rejections = field(default_factory=Rejections)
    """Rows that cannot be read."""
    notes: Counter[str] = field(default_factory=Counter)
    """Rows by what of them no reader knows, and lint therefore did not see."""

    def add(self, row: LintedRow, places: int) -> None:
        """Count a row."""
        self.rows += 1
        self.faulty += bool(row.findings)
        seen: set[DataFault] = set()
        for finding in row.findings:
            if finding.fault in seen:
                continue
            seen.add(finding.fault)
            self.faults[finding.fault] += 1
            kept = self.first.setdefault(finding.fault, [])
            if len(kept) < places:
                kept.append(Place(row.line, row.id, finding))

    def share(self, fault: DataFault) -> float:
        """The share of the rows that have a fault, in [0, 1]."""
        return self.faults[fault] / self.rows if self.rows else 0.0


def lint(
    path: Path | str,
    *,
    format: str | None = None,
    places: int = PLACES,
    each: Callable[[LintedRow], None] | None = None,
    on_progress: OnProgress = silent,
) -> LintReport:
    """Name the faults of a file of examples (any format that is read) or of trajectories.

    `trajectune.lint("db.jsonl").faults` counts rows by fault. `places` of each fault are kept; `each` is
    given every row with all its findings. Rows that cannot be read are counted in `rejections`. Raises
    `DataError` when the file cannot be read or has no known format.
    """
    report = LintReport(Path(path))
    for row in lint_rows(path, report.rejections, format, report.notes):
        report.add(row, places)
        if each is not None:
            each(row)
        if report.rows % _TELL_EVERY == 0:
            on_progress(Progress(f"lint {report.path.name}", report.rows, None))
    return report


def as_json(path: Path | str, row: LintedRow) -> Iterator[dict[str, Any]]:
    """The findings of a row as JSON objects."""
    for finding in row.findings:
        yield {
            "file": str(path),
            "line": row.line,
            "id": row.id,
            "source": row.source,
            "fault": finding.fault.value,
            "turn": finding.turn,
            "why": finding.why,
            "matched": finding.matched,
        }
