"""The tables of the documents, written from the result files, so that no number is typed by hand.

python benchmarks/tables.py benchmarks/results/quickstart-cpu.json
python benchmarks/tables.py benchmarks/results/*.json
python benchmarks/tables.py runs/mine/report/page.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from data_tables import data_table
from gauntlet_tables import tables as gauntlet_tables
from gpu_tables import gpu_tables
from markdown_tables import markdown
from speed_tables import speed
from trajectune.report.contents import Page
from trajectune.report.views import SuiteView, suites_of, systems_of
from trajectune.report.wording import measured, percent, words


def main() -> None:
    """Print the table of each file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help="result files, or pages of runs")
    for path in parser.parse_args().files:
        data = json.loads(path.read_text(encoding="utf-8"))
        print(f"\n{path.name}: `{data.get('command', '')}`, commit {str(data.get('commit', ''))[:7]}\n")
        print(table_of(data))


def table_of(data: dict[str, Any]) -> str:
    """The table that goes with the file's kind (older files hold no page)."""
    if "page" in data or "entries" in data:
        return measurements(Page.model_validate(data.get("page", data)))
    if "gauntlet" in data:
        return gauntlet_tables(data)
    if "parts" in data:
        return "\n\n".join(markdown(*table) for table in gpu_tables(data["parts"]))
    if "precisions" in data:
        return precisions(data["precisions"])
    if "with_nodelay" in data:
        return latency(data)
    if (table := data_table(data)) is not None:
        return table
    if "means" in data:
        return ablation(data)
    if "scores" in data:
        return scores(data["scores"])
    if "systems" in data:
        return emulation(data)
    if "agents" in data:
        return before_and_after(data)
    if "results" in data:
        return speed(data["results"])
    return "(no table for this kind of file)"


def precisions(data: dict[str, Any]) -> str:
    """What each precision changes beside fp32."""
    heads = ["", "success", "whole replies equal", "KL", "likeliest token equal", "KL, contrast"]
    rows = [
        [
            name,
            share(found["success"]) if found["success"] else "–",
            f"{found['equal_replies']:.0%}",
            f"{found['tuned']['kl']:.5f}",
            f"{found['tuned']['top_1']:.2%}",
            f"{found['contrast']['kl']:.5f}",
        ]
        for name, found in data.items()
    ]
    return markdown(heads, rows)


def latency(data: dict[str, Any]) -> str:
    """How long `/health` takes on a kept connection, while the server does something else."""
    named = {
        "nothing, small packets held back": data["without_nodelay"]["alone"],
        "nothing": data["with_nodelay"]["alone"],
        **{
            name.replace("_", " "): part["health"]
            for name, part in data.items()
            if isinstance(part, dict) and "health" in part
        },
    }
    rows = [[name, f"{one['median']:.1f} ms", f"{one['longest']:.0f} ms"] for name, one in named.items()]
    return markdown(["meanwhile", "median", "longest"], rows)


def measurements(page: Page) -> str:
    """Every system on every suite: one row for each whole metric, then what was closed of a gap."""
    systems = systems_of(page)
    rows = [
        [f"{view.name}: {words(name)}", *(_cell(view, system, name) for system in systems)]
        for view in suites_of(page)
        for name in view.metrics()
        if name != "turns"
    ]
    gaps = [
        f"{gap.suite}: {gap.system}, {percent(gap.share)} of the gap from {gap.floor} to {gap.ceiling}"
        for gap in page.gaps
    ]
    minutes = sum(stage.seconds for stage in page.stages) / 60
    table = markdown(["", *systems], rows) if systems else funnel(page)
    return "\n\n".join([table, *gaps, f"{minutes:.1f} minutes in all stages."])


def funnel(page: Page) -> str:
    """From tasks to trajectories, where nothing was measured."""
    heads = ["source", "tasks", "episodes", "passed", "kept", "turns"]
    rows = [
        [row.source, *map(str, (row.tasks, row.episodes, row.passed, row.kept)), f"{row.turns or 0:.2f}"]
        for row in page.funnel
    ]
    return markdown(heads, rows)


def _cell(view: SuiteView, system: str, metric: str) -> str:
    shares = (view.headline, "valid_replies", "valid_episodes")
    return measured(view.metric(system, metric), view.is_share and metric in shares)


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


def scores(found: dict[str, Any]) -> str:
    """One model on its environments."""
    heads = ["environment", "tasks", "success", "valid replies"]
    rows = [
        [name, str(each["episodes"]), share(each["success"]), share(each["valid_replies"])]
        for name, each in found.items()
    ]
    return markdown(heads, rows)


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


def emulation(data: dict[str, Any]) -> str:
    """The systems of a study of emulated fine-tuning, and the shares of the gap."""
    heads = ["system", "success", "valid replies", "general loss", "general questions"]
    rows = []
    for system in data["systems"]:
        general = system["general"]
        for scores in system["agents"].values():
            cells = [share(scores[key]) for key in ("success", "valid_replies")]
            rows.append([system["name"], *cells, number(general["loss"]), share(general["questions"])])
    lines = [
        f"{each['environment']}: {share(each['from_large_base'])} of the gap from the large base model, "
        f"{share(each['from_small_tuned'])} of that from the small tuned one"
        for each in data["recovered"]
    ]
    return "\n\n".join([markdown(heads, rows), *lines])


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


if __name__ == "__main__":
    main()
