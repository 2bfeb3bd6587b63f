"""The parts of the contamination benchmark that need neither public data nor a rival."""

from __future__ import annotations

import json
from pathlib import Path

import contamination
import contamination_side
from trajectune.curate.contamination import Source, Words
from trajectune.curate.contamination.texts import TextRow

SAMPLE = " ".join(f"w{n}" for n in range(30))


def test_our_side_reads_what_the_script_writes(tmp_path: Path) -> None:
    training, questions = tmp_path / "t.jsonl", tmp_path / "q.jsonl"
    size = contamination._write(training, "text", ["\u2028 é", SAMPLE, "beyond"], len(SAMPLE))
    contamination._write(questions, "question", [SAMPLE, "clean"], 10_000)
    assert size == len("\u2028 é".encode()) + len(SAMPLE)
    assert [json.loads(line)["text"] for line in training.open(encoding="utf-8")] == ["\u2028 é", SAMPLE]
    asked = {"training": str(training), "questions": str(questions), "megabytes": size / 1e6}
    answer = contamination_side.analysed(asked)
    facts = {name: answer["facts"][name] for name in ("rows", "samples", "dirty_tokens")}
    assert facts == {"rows": 2, "samples": 2, "dirty_tokens": 30}
    assert 0 < answer["rates"]["whole"] <= answer["rates"]["search"]


def test_the_table_tells_the_worst_samples() -> None:
    def source(name: str, *texts: str) -> Source:
        rows = [TextRow(f"line {n}", (text,)) for n, text in enumerate(texts, 1)]
        return Source(name, lambda _: rows)

    training = [source("train", SAMPLE), source("other", "nothing")]
    sets = [source("eval", f"{SAMPLE} and more", "short")]
    found = contamination.contamination_table(training, sets, Words())
    entry = found["train"]["eval"]
    assert (entry["dirty"], entry["samples"], entry["too_short"]) == (1, 2, 1)
    assert entry["worst"][0]["place"] == "line 1"
    assert entry["worst"][0]["span"] == SAMPLE[:120]
    assert "worst" not in found["other"]["eval"]
