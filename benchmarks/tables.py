"""The tables of the README, written from the result files, so that no number is typed by hand.

python benchmarks/tables.py benchmarks/results/quickstart-cpu.json
python benchmarks/tables.py benchmarks/results/*.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def main() -> None:
    """Print the table of each file."""
    for path in map(Path, sys.argv[1:]):
        data = json.loads(path.read_text(encoding="utf-8"))
        print(f"\n{path.name}: `{data.get('command', '')}`, commit {str(data.get('commit', ''))[:7]}\n")
        print(table_of(data))


def table_of(data: dict[str, Any]) -> str:
    """The table that goes with the file's kind."""
    if "means" in data:
        return ablation(data)
    if "agents" in data:
        return before_and_after(data)
    return "(no table for this kind of file)"


def before_and_after(data: dict[str, Any]) -> str:
    """One run: each measure before and after tuning."""
    rows = []
    for agent in data["agents"]:
        before, after = agent["before"], agent["after"]
        count = (after or before)["episodes"]
        for key, name in (("success", "success"), ("valid_replies", "replies in valid format")):
            cells = [share(scores and scores[key]) for scores in (before, after)]
            rows.append([f"{agent['environment']}: {name} ({count} tasks)", *cells])
    general = [data["general_before"], data["general_after"]]
    for key, name in (
        ("loss", "loss on held-out general answers"),
        ("divergence", "KL from the base model"),
    ):
        rows.append([f"{name} (nats per token)", *(number(scores and scores[key]) for scores in general)])
    for name in (general[1] or {}).get("accuracy", {}):
        cells = [share(scores and scores["accuracy"][name]["accuracy"]) for scores in general]
        rows.append([f"accuracy: {name}", *cells])
    seconds = sum(stage["seconds"] for stage in data["stages"])
    return markdown(["", "before", "after"], rows) + f"\n\n{seconds / 60:.1f} minutes in all stages."


def ablation(data: dict[str, Any]) -> str:
    """Arms of an ablation: means over seeds."""
    heads = ["arm", "seeds", "success", "valid replies", "general loss", "KL from base", "accuracy"]
    before = data["general_before"]
    rows = [["base model", "", "", "", number(before["loss"]), "", ""]]
    rows += [
        [
            arm["name"],
            str(len(arm["seeds"])),
            *(share(arm[key]) for key in ("success", "valid")),
            *(number(arm[key]) for key in ("loss", "divergence")),
            share(arm["accuracy"]),
        ]
        for arm in data["means"]
    ]
    return markdown(heads, rows)


def share(interval: dict[str, float] | None) -> str:
    """`59 % [49–69]`."""
    if interval is None:
        return "–"
    value, low, high = (100 * interval[key] for key in ("value", "low", "high"))
    return f"{value:.0f} % [{low:.0f}–{high:.0f}]"


def number(interval: dict[str, float] | None) -> str:
    """`0.803 [0.694–0.937]`."""
    if interval is None:
        return "–"
    return f"{interval['value']:.3f} [{interval['low']:.3f}–{interval['high']:.3f}]"


def markdown(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
