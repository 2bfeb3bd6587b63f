"""How many of AgentBench's OS tasks hold in the sandbox, and why the others do not.

    python benchmarks/os_gold.py --data FOLDER --scripts FOLDER --out benchmarks/results/os-gold.json

Every gold script is run twice, in fresh boxes, once as a check runs it and once as an agent would. With
`--scripts` the rows that name script files are tried too (AgentBench's `scripts/dev`).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from harness.machine import machine
from harness.results import dumps
from trajectune.environments.operating_system.sandbox.identity import draw
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.tasks.source import FileSource
from trajectune.storage import write_json


def main() -> None:
    """Try both files, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scripts", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TRAJECTUNE_CACHE"] = cache  # what earlier trials found does not count here
        found = {name: tried(options.data / f"{name}.json", options.scripts) for name in ("dev", "train")}
    gold = {name: numbers.pop("gold") for name, numbers in found.items()}
    print(dumps(gold))
    if options.out:
        write_json(options.out, machine(ids=draw().way) | {"gold": gold, "files": found})


def tried(path: Path, scripts: Path | None) -> dict[str, Any]:
    """The numbers of one file."""
    started = time.monotonic()
    source = FileSource(path, "test", Limits(), scripts)
    tasks, rejected = source.tasks("test"), source.rejected
    reasons = Counter(row.reason.partition(":")[0] for row in rejected)
    answers = [source.problem(task).answer for task in tasks]
    return {
        "gold": {"holds": len(tasks), **dict(reasons.most_common())},
        "rows_left_out": [row.line for row in rejected],
        "gold_is_zero": answers.count("0"),
        "seconds": round(time.monotonic() - started, 1),
    }


if __name__ == "__main__":
    main()
