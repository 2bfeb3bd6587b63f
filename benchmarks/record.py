"""Keep the numbers of a finished run that a document quotes.

    python benchmarks/record.py runs/quickstart OUT.json --command "make quickstart"

Takes `report/results.json`, leaves out what no document needs (which questions were right, every step of
the curves, the resolved settings) and adds the command. Of an ablation it keeps each run's main numbers
and the means over seeds.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agenttune.evaluate.results import Results
from agenttune.report.comparison import arm_means


def main() -> None:
    """Copy the numbers of one run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--command", required=True, help="what was typed to make the run")
    options = parser.parse_args()
    comparison = options.run / "report" / "comparison.json"
    if comparison.exists():
        kept = compared(json.loads(comparison.read_text(encoding="utf-8")))
    else:
        kept = trimmed(json.loads((options.run / "report" / "results.json").read_text(encoding="utf-8")))
    text = json.dumps({"command": options.command, **kept}, indent=2)
    options.out.write_text(text + "\n", encoding="utf-8")


def trimmed(results: dict[str, Any]) -> dict[str, Any]:
    """The record without its bulk."""
    kept = {key: value for key, value in results.items() if key not in ("settings", "files", "curves")}
    for when in ("general_before", "general_after"):
        for scores in (kept[when] or {}).get("accuracy", {}).values():
            del scores["correct"]
    return kept


def compared(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The arms of an ablation: means over seeds, and the numbers of each run."""
    found = [(run["arm"], run["seed"], Results.model_validate(run["results"])) for run in runs]
    first = trimmed(runs[0]["results"])
    shared = ("name", "model", "created", "hardware", "versions", "commit", "general_before")
    return {
        **{key: first[key] for key in shared if key in first},
        "means": [_numbers(asdict(arm)) for arm in arm_means(found)],
        "runs": [
            {
                "arm": run["arm"],
                "seed": run["seed"],
                **{key: trimmed(run["results"])[key] for key in ("mixture", "agents", "general_after")},
            }
            for run in runs
        ],
    }


def _numbers(value: Any) -> Any:
    """Intervals as plain numbers."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    return value


if __name__ == "__main__":
    main()
