"""Keep the numbers of a finished run that a document quotes.

    python benchmarks/record.py runs/quickstart OUT.json --command "make quickstart"

Takes `report/results.json`, leaves out what no document needs (which questions were right, every step of
the curves, the resolved settings, errors by kind of task) and adds the command. Of an ablation it keeps
each run's main numbers and the means over seeds; of a study of emulated fine-tuning (`upscale.json`) every
system; of `trajectune evaluate` the scores.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trajectune.evaluate.intervals import wilson
from trajectune.evaluate.results import Results
from trajectune.report.comparison import arm_means
from trajectune.run.provenance import commit, hardware, versions


def main() -> None:
    """Copy the numbers of one run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--command", required=True, help="what was typed to make the run")
    parser.add_argument("--commit", default="", help="of an evaluation that another checkout made")
    options = parser.parse_args()
    report = options.run / "report"
    for name, keep in (("comparison", compared), ("upscale", emulated), ("results", trimmed)):
        if (report / f"{name}.json").exists():
            kept = keep(json.loads((report / f"{name}.json").read_text(encoding="utf-8")))
            break
    else:
        kept = measured(options.run) | ({"commit": options.commit} if options.commit else {})
    text = json.dumps({"command": options.command, **kept}, indent=2)
    options.out.write_text(text + "\n", encoding="utf-8")


def measured(run: Path) -> dict[str, Any]:
    """What `trajectune evaluate --model` left: scores by environment, and where they were measured."""
    path = run / "before" / "agent.json"
    if not path.exists():
        raise SystemExit(f"{run}: there is no finished run")
    scores = json.loads(path.read_text(encoding="utf-8"))
    for each in scores.values():
        _count_kinds(each)
    about = {"commit": commit(), "hardware": hardware(), "versions": versions()}
    return about | {"scores": scores}


def trimmed(results: dict[str, Any]) -> dict[str, Any]:
    """The record without its bulk."""
    kept = {key: value for key, value in results.items() if key not in ("settings", "files", "curves")}
    for when in ("general_before", "general_after"):
        _drop_answers(kept[when])
    for agent in kept["agents"]:
        for when in ("before", "after"):
            _count_kinds(agent[when])
    return kept


def _count_kinds(scores: dict[str, Any] | None) -> None:
    """Of each kind of task only how many there were, and how many were solved."""
    kinds = scores["by_kind"] if scores else {}
    for kind, part in kinds.items():
        kinds[kind] = {key: part[key] for key in ("episodes", "successes")}


def emulated(results: dict[str, Any]) -> dict[str, Any]:
    """A study of emulated fine-tuning without its bulk; the small model's folder is of no use elsewhere."""
    kept = {key: value for key, value in results.items() if key != "settings"}
    if (spec := results["settings"].get("upscale")) and not spec["small"]:
        kept["small"] = f"{results['large']} with {spec['layers']} layers, healed"
    for system in kept["systems"]:
        for scores in system["agents"].values():
            _count_kinds(scores)
        if general := system["general"]:
            general["questions"] = _all_questions(general)
            _drop_answers(general)
    return kept


def _all_questions(general: dict[str, Any]) -> dict[str, float] | None:
    """Accuracy on all question sets together, with its interval."""
    correct = [right for scores in general["accuracy"].values() for right in scores["correct"]]
    interval = wilson(sum(correct), len(correct))
    return None if interval is None else interval.model_dump()


def _drop_answers(general: dict[str, Any] | None) -> None:
    for scores in (general or {}).get("accuracy", {}).values():
        scores.pop("correct", None)


def compared(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The arms of an ablation: means over seeds, and the numbers of each run."""
    found = [(run["arm"], run["seed"], Results.model_validate(run["results"])) for run in runs]
    first = trimmed(runs[0]["results"])
    shared = ("name", "model", "created", "hardware", "versions", "commit", "general_before")
    return {
        **{key: first[key] for key in shared if key in first},
        "means": [_numbers(asdict(arm)) for arm in arm_means(found)],
        "runs": [_main_numbers(run) for run in runs],
    }


def _main_numbers(run: dict[str, Any]) -> dict[str, Any]:
    """One arm with one seed: what it can do after tuning, without the kinds of task and of error."""
    results = run["results"]
    general = results["general_after"] or {"accuracy": {}}
    return {
        "arm": run["arm"],
        "seed": run["seed"],
        "rows": {each["source"]: each["rows"] for each in results["mixture"]},
        "agents": {
            each["environment"]: {
                key: each["after"][key] for key in ("episodes", "success", "valid_replies")
            }
            for each in results["agents"]
        },
        **{key: general.get(key) for key in ("loss", "divergence")},
        "accuracy": {name: scores["accuracy"] for name, scores in general["accuracy"].items()},
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
