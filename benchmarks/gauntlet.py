"""Every real data file through inspect, convert and masks: rows in = kept + rejected, with the reasons.

    python benchmarks/gauntlet.py ../shared/data --out benchmarks/results/gauntlet-data.json

Each file is read; what is read is written in every format and read back, and must come back word for word;
its masks are proven under five chat templates. The rows of a file are counted by nothing but a JSON parser.
Files are named by patterns; those of one pattern make one line. The tables: `gauntlet_tables.py`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.machine import machine
from harness.results import write
from trajectune.curate.formats import FORMATS, read_examples, read_numbered, write_examples
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.models.templates import load_tokenizer
from trajectune.models.tiny import write_tiny_model
from trajectune.storage import Rejected
from trajectune.tune.data.prove import prove

TEMPLATES = ("llama-2", "llama-3", "chatml", "agent-flan")
"""On the embedded model's tokenizer; the fifth template is the tiny model's own."""
MAX_TOKENS = 16_384
"""No row is shortened."""
FILES = {
    "AgentInstruct, db": "agentinstruct/db.jsonl",
    "AgentInstruct, samples": "agentinstruct/sample_*.json",
    "AgentTraj-L": "agentgym_trajectories/all.jsonl.gz",
    "FireAct": "fireact/*.jsonl",
    "glaive": "glaive/*.json",
    "ToolBench, answer trees": "toolbench/answer/*/*.json",
    "ToolBench, questions": "toolbench/instruction/*.json",
    "ToolAlpaca, simulated": "toolalpaca/*.json",
    "OpenAssistant, trees": "general/oasst*.jsonl",
    "Dolly and HH": "general/dolly*.jsonl",
    "GPTeacher, role play": "general/gpteacher*.json",
    "self-instruct": "general/self_instruct*.jsonl",
    "GSM8K": "gsm8k/*.jsonl",
    "MiniWoB++, demonstrations": "miniwob/*.json",
    "ScienceWorld, demonstrations": "scienceworld/*.json",
    "AgentLM, logs": "mint_agentlm/*.jsonl.gz",
    "HotpotQA, questions": "hotpotqa/*.jsonl",
    "HumanEval, problems": "humaneval/*.jsonl",
    "IFEval, prompts": "ifeval/*.jsonl",
    "MT-Bench": "mt_bench/*.jsonl",
}


def main() -> None:
    """Run all files and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=None, help="masks of so many rows of a file alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tokenizers = {name: load_tokenizer("embedded", name) for name in TEMPLATES}
        tokenizers["tiny"] = load_tokenizer(str(write_tiny_model(Path(folder) / "tiny")), "")
        found = {}
        for name, pattern in FILES.items():
            paths = sorted(options.data.glob(pattern))
            if paths:
                found[name] = run(paths, tokenizers, Path(folder), options.rows)
                print(f"{name}: {found[name]['rows']} rows, {found[name]['kept']} kept", flush=True)
    command = "python benchmarks/gauntlet.py ../shared/data"
    write(options.out, machine() | {"command": command, "gauntlet": found})


def run(paths: list[Path], tokenizers: dict[str, Any], folder: Path, rows: int | None) -> dict[str, Any]:
    """All that is done with the files of one line."""
    total = sum(map(count_values, paths))
    examples, formats, rejected, notes = read_all(paths)
    if len(examples) + sum(rejected.values()) != total:
        raise AssertionError(f"{paths}: {total} rows, {len(examples)} kept, {rejected}")
    return {
        "rows": total,
        "kept": len(examples),
        "formats": dict(formats),
        "rejected": dict(rejected.most_common()),
        "notes": dict(notes.most_common()),
        "converted": {name: convert(examples, name, folder) for name in FORMATS} if examples else {},
        "masks": {name: mask(examples[:rows], each) for name, each in tokenizers.items()}
        if examples
        else {},
    }


def count_values(path: Path) -> int:
    """The rows of a file: lines that are not blank, the items of an array, or one value."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        return sum(bool(line.strip()) for line in data.splitlines())
    value = json.loads(data)
    return len(value) if isinstance(value, list) else 1


def read_all(paths: Iterable[Path]) -> tuple[list[Example], Counter[str], Counter[str], Counter[str]]:
    """The examples, and counts of rows by format, by reason of rejection and by note."""
    examples: list[Example] = []
    formats: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    for path in paths:
        rejected: list[Rejected] = []
        try:
            for each in read_numbered(path, rejected, notes=notes):
                examples.append(each.example)
                formats[each.format] += 1
        except DataError as error:
            reasons[error.what.partition(":")[0]] += count_values(path)
        reasons.update(row.reason for row in rejected)
    return examples, formats, reasons, notes


def convert(examples: list[Example], name: str, folder: Path) -> dict[str, Any]:
    """Write examples in a format and read them back: every word must be there."""
    path, rejected = folder / f"{name}.jsonl", list[Rejected]()
    count = write_examples(path, examples, name, rejected)
    again = list(read_examples(path, [], format=name, notes=Counter()))
    places = {row.line for row in rejected}
    kept = [each for number, each in enumerate(examples, start=1) if number not in places]
    if count.written + len(rejected) != len(examples) or list(map(words, again)) != list(map(words, kept)):
        raise AssertionError(f"{name}: what was written is not what is read")
    reasons = Counter(row.reason for row in rejected)
    return {"written": count.written, "rejected": dict(reasons.most_common()), "counted": dict(count.lost)}


def words(example: Example) -> list[object]:
    """What no conversion may lose."""
    return [
        (
            message.role,
            message.content,
            message.reasoning,
            [(c.name, c.arguments) for c in message.tool_calls],
        )
        for message in example.messages
    ]


def mask(examples: list[Example], tokenizer: Any) -> dict[str, Any]:
    """How many examples have a proven mask, and why others have none."""
    found = prove(examples, tokenizer, MAX_TOKENS)
    reasons = Counter(each.reason for each in found.rejected)
    return {"proven": len(found.kept), "of": len(examples), "rejected": dict(reasons.most_common())}


if __name__ == "__main__":
    main()
