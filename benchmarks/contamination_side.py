"""Trajectune's side of `contamination.py`, in a process of its own: the analysis, part by part."""

from __future__ import annotations

import time
from typing import Any

from harness.child import serve
from trajectune.curate.contamination.index import LENGTH, SKIPS, Index
from trajectune.curate.contamination.kept import Kept
from trajectune.curate.contamination.sources import evaluation_file, training_file
from trajectune.curate.contamination.tokens import Words


def main() -> None:
    serve({"analyse": analysed})


def analysed(asked: dict[str, Any]) -> dict[str, Any]:
    """Megabytes of training text per second: of the whole, and once the questions are indexed."""
    start, used = time.perf_counter(), time.process_time()
    samples = [row.texts for row in evaluation_file(asked["questions"])]
    kept = Kept(Index(samples, Words(), LENGTH, SKIPS))
    indexed = time.perf_counter()
    kept.read("training", training_file(asked["training"]))
    dirty = int(kept.dirty().sum())
    end = time.perf_counter()
    used = time.process_time() - used
    rates = {"whole": asked["megabytes"] / (end - start), "search": asked["megabytes"] / (end - indexed)}
    facts = {"rows": kept.rows, "samples": len(samples), "dirty_tokens": dirty}
    return {"rates": rates, "facts": facts | {"megabytes_per_cpu_second": asked["megabytes"] / used}}


if __name__ == "__main__":
    main()
