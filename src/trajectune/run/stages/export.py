"""The training rows of each source as a file that others read: `export/SOURCE.parquet`.

Invariant: what does not fit the format is said; the rows of `train.jsonl` stay the whole truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from trajectune.curate.formats import write_examples
from trajectune.example import Example


def export(folder: Path, rows: Iterable[Example], format: str, say: Callable[[str], object]) -> None:
    """Write the rows of each source in a format of `trajectune.curate.formats`."""
    by_source: defaultdict[str, list[Example]] = defaultdict(list)
    for row in rows:
        by_source[row.source].append(row)
    folder.mkdir(exist_ok=True)
    counts = [write_examples(folder / f"{name}.parquet", own, format) for name, own in by_source.items()]
    if misfits := sum(count.rejected for count in counts):
        say(f"{misfits:,} rows do not fit {format} and are not in {folder.name}")
    if lost := sorted({what for count in counts for what in count.lost}):
        say(f"what does not fit {format} is left out of {folder.name}: {', '.join(lost)}")
