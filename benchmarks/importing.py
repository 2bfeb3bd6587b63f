"""How many released conversations read back into trajectories, and how many of their words come back.

    python benchmarks/importing.py ../shared/data --out benchmarks/results/importing.json

Every row is a trajectory or refused with a reason. Every trajectory is written again in the `agentbench`
dialect, and each of the agent's turns is compared with the released one: as it is, but for white space,
and but for that and the form of a final answer's values. Every trajectory is also written in each other
dialect. The table: `tables.py`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from harness.machine import machine
from harness.results import write
from trajectune.curate.importing.files import Imported, import_trajectories
from trajectune.dialects.contract import Dialect
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import dialect_names
from trajectune.environments.registry import find_dialect
from trajectune.errors import DataError
from trajectune.storage import Rejected
from trajectune.trajectory import Trajectory

FILES = {
    "AgentInstruct, db": "agentinstruct/db.jsonl",
    **{
        f"AgentInstruct, sample of {split}": f"agentinstruct/sample_{split}.json"
        for split in ("os", "db", "alfworld", "webshop", "kg", "mind2web")
    },
    "AgentTraj-L": "agentgym_trajectories/all.jsonl.gz",
}


def main() -> None:
    """Read all files back and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder of the data sets")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    command = f"python benchmarks/importing.py {options.data} --out {options.out}"
    found = {name: of_file(options.data / place) for name, place in FILES.items()}
    write(options.out, {"command": command, **machine(), "imported": found})


def of_file(path: Path) -> dict[str, Any]:
    """The account of one file."""
    count, rejected = Imported(), list[Rejected]()
    dialects: Counter[str] = Counter()
    for trajectory in import_trajectories(path, count, rejected):
        dialects.update(_written(trajectory))
    return {
        "rows": count.rows.total() + count.refused.total(),
        "trajectories": count.rows.total(),
        "steps": count.steps.total(),
        "turns": dict(count.turns),
        "dialects": dict(dialects),
        "refused": dict(Counter(map(_reason, rejected)).most_common()),
    }


def _written(trajectory: Trajectory) -> list[str]:
    """The dialects in which a trajectory can be written."""
    found = []
    for name in dialect_names():
        try:
            to_example(trajectory, _dialect(name, trajectory.environment))
        except DataError:
            continue
        found.append(name)
    return found


@cache
def _dialect(name: str, environment: str) -> Dialect:
    return find_dialect(name, environment)


def _reason(row: Rejected) -> str:
    """The reason, and of which part of its file the row is: its id without the number."""
    id, _, reason = row.reason.partition(": ")
    return f"{id.rpartition('_')[0]}: {reason}"


if __name__ == "__main__":
    main()
