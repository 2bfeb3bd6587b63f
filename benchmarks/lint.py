"""What lint finds: seeded mutants and clean rows (precision, recall, false hits), and real files.

    python benchmarks/lint.py --out benchmarks/results/lint.json --data ../shared/data

Clean rows are the experts' trajectories of the six environments in four dialects, and made-up conversations
(`lint_rows.py`); mutants are such rows with one fault each (`lint_mutants.py`). A hit of a fault on a
clean row, or on a mutant of another fault, is false.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.machine import machine
from harness.results import dumps, run, write
from lint_mutants import mutants
from lint_rows import clean_rows
from trajectune.curate.lint.finding import DataFault
from trajectune.curate.lint.lint import lint_example
from trajectune.curate.lint.report import lint
from trajectune.example import Example
from trajectune.storage import open_binary

SIX = ["database", "household", "operating_system", "knowledge_graph", "web_shop", "web_navigation"]
FILES = {
    "AgentInstruct db": ["agentinstruct/db.jsonl"],
    **{
        f"AgentInstruct {name}, 5 rows": [f"agentinstruct/sample_{name}.json"]
        for name in ("os", "db", "alfworld", "webshop", "kg", "mind2web")
    },
    "AgentTraj-L": ["agentgym_trajectories/all.jsonl.gz"],
    "FireAct": ["fireact/hotpotqa.jsonl"],
    "ToolBench": ["toolbench/answer/*/*.json"],
    "glaive": ["glaive/glaive_toolcall_en_demo.json"],
}

ROUNDS = 3
"""Each file is read so often; the quickest counts, as the others were disturbed."""


def main() -> None:
    """Measure, print and keep the numbers."""
    options = _options()
    rows = clean_rows(options.environments, options.tasks, options.made_up)
    report = machine(environments=options.environments, tasks=options.tasks, mutants=options.mutants)
    report["lint"] = measured(rows, options.mutants)
    if options.data:
        report["files"] = {name: _file(options.data, globs) for name, globs in FILES.items()}
    print(dumps({key: report[key] for key in ("lint", "files") if key in report}))
    if options.out:
        write(options.out, report)


def measured(rows: Sequence[Example], count: int, seed: int = 0) -> dict[str, Any]:
    """Precision and recall of each fault, and the clean rows with a hit."""
    clean = Counter(fault for row in rows for fault in faults_of(row))
    hits = {fault: [faults_of(row) for row in mutants(rows, fault, count, seed)] for fault in DataFault}
    faults = {}
    for fault, own in hits.items():
        right = sum(fault in each for each in own)
        elsewhere = sum(fault in each for other, found in hits.items() if other != fault for each in found)
        wrong = clean[fault] + elsewhere
        faults[fault.value] = {
            "mutants": len(own),
            "recall": right / max(len(own), 1),
            "precision": right / max(right + wrong, 1),
        }
    hit = sum(bool(faults_of(row)) for row in rows)
    return {"clean_rows": len(rows), "false_hits": hit, "faults": faults}


def faults_of(row: Example) -> set[DataFault]:
    """What lint finds in a row."""
    return {finding.fault for finding in lint_example(row)}


def _file(data: Path, globs: Iterable[str]) -> dict[str, Any]:
    """Faults of real files of one kind, and how fast they were read."""
    found = []
    paths = [path for glob in globs for path in sorted(data.glob(glob))]
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = [lint(path) for path in paths]
        seconds.append(time.perf_counter() - began)
    size = sum(_size(path) for path in paths)
    faults: Counter[str] = Counter()
    for each in found:
        faults.update({fault.value: rows for fault, rows in each.faults.items()})
    rows = sum(each.rows for each in found)
    return {
        "rows": rows,
        "rejected": sum(each.rejections.count for each in found),
        "faulty": sum(each.faulty for each in found),
        "faults": dict(faults.most_common()),
        "rows_per_second": rows / min(seconds),
        "mb_per_second": size / 1e6 / min(seconds),
    }


def _size(path: Path) -> int:
    """Bytes of a file, unpacked."""
    with open_binary(path) as file:
        return sum(len(block) for block in iter(lambda: file.read(1 << 20), b""))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", nargs="+", default=SIX)
    parser.add_argument("--tasks", type=int, default=24, help="of each environment")
    parser.add_argument("--made-up", type=int, default=60, help="conversations")
    parser.add_argument("--mutants", type=int, default=120, help="of each fault")
    parser.add_argument("--data", type=Path, help="folder of public data sets")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
