"""`trajectune data contamination`, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Ended

Command = Callable[..., Ended]
SAMPLE = " ".join(f"w{n}" for n in range(20))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A training row that holds a sample but for a word, and the sample beside a clean one."""
    training, questions = tmp_path / "train.jsonl", tmp_path / "q.jsonl"
    replies = [{"role": "user", "content": "hm"}, {"role": "assistant", "content": f"[red]{SAMPLE}"}]
    changed = {"messages": json.loads(json.dumps(replies).replace("w15", "\\u001b[31m"))}
    training.write_text("torn\n" + json.dumps(changed) + "\n")
    questions.write_text("".join(json.dumps({"question": q}) + "\n" for q in (SAMPLE, "else")) + "[]\n")
    return training, questions


def test_the_table_and_the_spans_are_printed(trajectune: Command, files: tuple[Path, Path]) -> None:
    done = trajectune("data", "contamination", *files)
    assert done.status == 0
    assert "1 training rows" in done.out
    assert "1 training rows rejected, the first in line 1: not JSON" in done.out
    assert "1 rows of q.jsonl rejected, the first in line 3" in done.out
    assert "q.jsonl 2 1 95.2% 1 1 1 1" in done.out
    assert "q.jsonl, line 1: 100% of 20 tokens" in done.out
    assert "20 tokens in train.jsonl, line 2" in done.out
    assert "there: w0" in done.out
    assert "\x1b[31m" not in done.out


def test_json_holds_everything(trajectune: Command, files: tuple[Path, Path]) -> None:
    found = json.loads(trajectune("data", "contamination", *files, "--json").out)
    assert (found["unit"], found["length"], found["skips"]) == ("words", 10, 4)
    assert found["sets"][0]["dirty"] == {"samples": 1, "share": 1.0}
    (match,) = found["sets"][0]["findings"][0]["matches"]
    assert (match["row"], match["differing"]) == ("line 2", 1)
    strict = trajectune("data", "contamination", *files, "--json", "--skips", 0, "--show", 0)
    found = json.loads(strict.out)["sets"][0]
    assert found["dirty"]["samples"] == 0
    assert found["findings"] == []


def test_environments_and_tokens_of_a_model(trajectune: Command, tiny_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "nothing"}\n')
    done = trajectune(
        *("data", "contamination", "train.jsonl", "--environment", "database", "-o", "test=3"),
        *("-o", "train=1", "--model", tiny_dir, "--json"),
    )
    found = json.loads(done.out)
    assert found["sets"][0]["name"] == "database test"
    assert found["sets"][0]["samples"] == 3
    assert found["unit"] == f"tokens of {tiny_dir}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to compare with"),
        (["none.jsonl"], "the file does not exist"),
        (["-e", "databse"], "did you mean 'database'"),
        (["-e", "database", "--split", "tset"], "did you mean 'test'"),
    ],
)
def test_mistakes_are_told_with_the_remedy(
    trajectune: Command, files: tuple[Path, Path], arguments: list[str], said: str
) -> None:
    done = trajectune("data", "contamination", files[0], *arguments)
    assert done.status != 0
    assert said in done.err
    assert "Traceback" not in done.err
