"""Keep the numbers of a finished run that a document quotes.

    python benchmarks/record.py runs/quickstart OUT.json --command "make quickstart"

Takes `report/results.json`, leaves out what no document needs (which questions were right, every step of
the curves, the resolved settings) and adds the command.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def main() -> None:
    """Copy the numbers of one run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--command", required=True, help="what was typed to make the run")
    options = parser.parse_args()
    results = json.loads((options.run / "report" / "results.json").read_text(encoding="utf-8"))
    text = json.dumps({"command": options.command, **trimmed(results)}, indent=2)
    options.out.write_text(text + "\n", encoding="utf-8")


def trimmed(results: dict[str, Any]) -> dict[str, Any]:
    """The record without its bulk."""
    kept = {key: value for key, value in results.items() if key not in ("settings", "files", "curves")}
    for when in ("general_before", "general_after"):
        for scores in (kept[when] or {}).get("accuracy", {}).values():
            del scores["correct"]
    return kept


if __name__ == "__main__":
    main()
