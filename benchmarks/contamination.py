"""Contamination: the table of real and built data, and its speed beside datatrove's n-gram decontamination.

    python benchmarks/contamination.py --data DATA --out benchmarks/results/contamination.json
    python benchmarks/contamination.py --data DATA --datatrove VENV/bin/python \
        --out benchmarks/results/contamination-speed-cpu.json

The table: training data (AgentInstruct's database rows, AgentTraj-L, FireAct, AgentBench's train files, and
the problems of the train tasks that `recipes/quickstart.yaml` and `recipes/six-environments.yaml` collect)
against public evaluation sets and the test tasks that these recipes evaluate. Every task is opened once,
which takes minutes in the household; `--tasks` bounds that for the second recipe.

Speed: both sides read the same two files (training rows with one text each, questions) and take turns, each
in a process of its own. datatrove stops at the first n-gram of a row that it knows and says which row to
drop; Trajectune finds all spans, with what differs in them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import trajectune as tt
from harness.compare import compare
from harness.comparison import Comparison
from harness.machine import machine
from harness.process import Child
from harness.progress import line
from harness.results import dumps, run, status, write
from harness.table import table
from trajectune.curate.contamination import ModelTokens, Source, Words, training_file
from trajectune.curate.contamination.report import SetReport
from trajectune.curate.contamination.texts import TextRow
from trajectune.curate.contamination.tokens import Tokenizer
from trajectune.environments.contract import Split
from trajectune.environments.registry import load_environment
from trajectune.models.templates import load_tokenizer
from trajectune.run.recipe import load_recipe

HERE = Path(__file__).parent
TRAINING = ("agentinstruct/db.jsonl", "agentgym_trajectories/all.jsonl.gz", "fireact/hotpotqa.jsonl")
OWN_TRAINING = ("agentbench/os_interaction/train.json", "agentbench/knowledgegraph/train.json")
"""Train splits that AgentBench ships beside the dev splits."""
EVALUATION = {
    "dbbench dev": "agentbench/dbbench/dev.jsonl",
    "AgentBench OS dev": "agentbench/os_interaction/dev.json",
    "AgentBench KG dev": "agentbench/knowledgegraph/dev.json",
    "GSM8K train": "gsm8k/train.first2000.jsonl",
    "MMLU dev and val": "mmlu_dev_val.zip",
    "HotpotQA easy": "hotpotqa/easy100.jsonl",
    "HumanEval": "humaneval/first40.jsonl",
    "MT-bench": "mt_bench/question.jsonl",
    "IFEval": "ifeval/input_data.jsonl",
}
RECIPES = {"quickstart": False, "six-environments": True}
"""By name: whether `--tasks` bounds them."""


def main() -> int:
    """Measure, print and keep the numbers."""
    options = _options()
    report, found = machine("rensa"), list[Comparison]()
    if options.datatrove:
        found = [speed(options.data, options.datatrove, options.megabytes, options.seconds)]
        print(table("speed", found[0]))
        report |= {"megabytes": options.megabytes, "speed": found[0].report()}
    else:
        training = list(training_sets(options.data, options.tasks))
        sets = list(evaluation_sets(options.data, options.tasks))
        report["table"] = contamination_table(training, sets, Words())
        tokens = ModelTokens(load_tokenizer("embedded"), "embedded")
        report["table_in_tokens"] = contamination_table(training, sets, tokens)
    if options.out:
        write(options.out, report)
    else:
        print(dumps(report))
    return status(found)


def speed(data: Path, datatrove: Path, megabytes: float, seconds: float) -> Comparison:
    """Both sides in turn on the same files."""
    with tempfile.TemporaryDirectory() as folder:
        training, questions = Path(folder) / "training.jsonl", Path(folder) / "questions.jsonl"
        size = _write(training, "text", _texts(data), int(megabytes * 1e6))
        _write(questions, "question", _questions(data), sys.maxsize)
        asked = {"training": str(training), "questions": str(questions), "megabytes": size / 1e6}
        ours = [sys.executable, str(HERE / "contamination_side.py")]
        theirs = [str(datatrove), str(HERE / "rivals" / "rival_datatrove.py")]
        variables = os.environ | {"PYTHONPATH": f"{HERE.parent / 'src'}:{HERE}"}
        alone = os.environ | {"PYTHONPATH": str(HERE)}
        with (
            Child("trajectune", ours, environment=variables) as us,
            Child("datatrove", theirs, environment=alone) as them,
        ):
            sides = {
                "trajectune": us.side("analyse", **asked),
                "datatrove": them.side("decontaminate", **asked),
            }
            return compare(
                sides, baseline="datatrove", seconds=seconds, warmups=1, least=5, show=line("speed")
            )


def _texts(data: Path) -> Iterator[str]:
    """Training rows of real files, each as one text."""
    for name in TRAINING:
        for row in training_file(data / name):
            yield "\n\n".join(row.texts)


def _questions(data: Path) -> Iterator[str]:
    for name in EVALUATION.values():
        for row in tt.evaluation_file(data / name):
            yield "\n".join(row.texts)


def _write(path: Path, field: str, texts: Iterable[str], size: int) -> int:
    """Write rows until their texts have this many bytes; how many they have."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), field: text}, ensure_ascii=False) + "\n")
            written += len(text.encode())
            if written >= size:
                break
    return written


def training_sets(data: Path, tasks: int) -> Iterator[Source]:
    """Real files, and the train tasks of the recipes."""
    for path in (*TRAINING, *OWN_TRAINING):
        yield Source(path, training_file(data / path).read)
    yield from _tasks("train", tasks)


def evaluation_sets(data: Path, tasks: int) -> Iterator[Source]:
    """The public sets, and the test tasks of the recipes."""
    for name, path in EVALUATION.items():
        yield _held(name, tt.evaluation_file(data / path))
    yield from _tasks("test", tasks)


def _tasks(split: Split, most: int) -> Iterator[Source]:
    """Of each environment of the recipes as many tasks as it collects, or evaluates."""
    for name, is_bounded in RECIPES.items():
        recipe = load_recipe(HERE.parent / "recipes" / f"{name}.yaml")
        for key, spec in recipe.environments.items():
            environment = load_environment(spec.environment or key, spec.options)
            number = spec.collect if split == "train" else spec.evaluate
            source = tt.evaluation_tasks(environment, split)
            yield _held(
                f"{name}: {key} {split}",
                itertools.islice(source, min(number, most) if is_bounded else number),
            )


def _held(name: str, rows: Iterable[TextRow]) -> Source:
    """Rows that are read once, since environments take seconds to open their tasks."""
    held = list(rows)
    print(f"{name}: {len(held)} rows", file=sys.stderr, flush=True)
    return Source(name, lambda _: held)


def contamination_table(training: list[Source], sets: list[Source], tokenizer: Tokenizer) -> dict[str, Any]:
    """By training data and evaluation set."""
    return {
        source.name: {
            each.name: _entry(each)
            for each in tt.contamination(source, sets, tokenizer=tokenizer, show=2).sets
        }
        for source in training
    }


def _entry(found: SetReport) -> dict[str, Any]:
    sizes = {name: getattr(found, name).samples for name in ("clean", "not_clean", "not_dirty", "dirty")}
    worst = [
        {"place": each.place, "share": each.share, "span": each.matches[0].text[:120]}
        for each in found.findings
        if each.share >= 0.2
    ]
    share = found.dirty_tokens / max(found.tokens, 1)
    entry = {"samples": found.samples, "too_short": found.too_short, **sizes, "dirty_tokens": share}
    return {**entry, "worst": worst} if worst else entry


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the public data sets")
    parser.add_argument("--datatrove", type=Path, help="Python interpreter with datatrove and spaCy")
    parser.add_argument("--tasks", type=int, default=1_000, help="of each of the six environments, at most")
    parser.add_argument("--megabytes", type=float, default=2, help="of training text in a round")
    parser.add_argument("--seconds", type=float, default=180, help="for the comparison")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
