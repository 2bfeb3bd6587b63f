"""Keep the numbers of finished runs or studies that a document quotes.

    python benchmarks/record.py runs/quickstart OUT.json --command "make quickstart"
    python benchmarks/record.py runs/dev-os runs/dev-db OUT.json --command "trajectune evaluate …"

Of a run or study, takes `report/page.json`, leaves out what no document needs (the resolved settings,
places of files, every step of the training curves) and adds the command. Folders of `trajectune evaluate`
have no page: of these, all measurements of all folders are kept. `tables.py` writes the tables from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from harness.machine import machine
from trajectune.evaluate.contract import Measurement
from trajectune.report.page import read_page
from trajectune.storage import read_record, write_json


def main() -> None:
    """Copy the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="run")
    parser.add_argument("out", type=Path)
    parser.add_argument("--command", required=True, help="what was typed to make the runs")
    options = parser.parse_args()
    page = options.runs[0] / "report" / "page.json"
    found = page_of(page) if page.is_file() else machine() | {"scores": scores(options.runs)}
    write_json(options.out, found | {"command": options.command})


def page_of(path: Path) -> dict[str, Any]:
    """What is kept of a run or study."""
    page = read_page(path)
    kept = page.model_copy(update={"settings": {}, "files": {}, "losses": []})
    data = kept.model_dump(mode="json", exclude_defaults=True) | {"schema_version": page.schema_version}
    return {"command": "", "commit": page.commit, "page": data}


def scores(runs: list[Path]) -> dict[str, Any]:
    """What `trajectune evaluate` measured in these folders, by folder and suite."""
    found: dict[str, Any] = {}
    for run in runs:
        for path in sorted(run.glob("stages/evaluate/*/*/measurement.json")):
            measured = read_record(path, Measurement, "a measurement")
            metrics = {name: value.model_dump() for name, value in measured.metrics.items()}
            said = {"model": measured.system.name, "note": measured.note}
            found[f"{run.name}: {measured.suite}"] = {**said, **measured.counts, **metrics}
    if not found:
        raise SystemExit(f"no page and no measurement in {', '.join(map(str, runs))}")
    return found


if __name__ == "__main__":
    main()
