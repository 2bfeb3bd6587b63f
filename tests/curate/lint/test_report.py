"""Whole files: every row counted once, in every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import trajectune as tt
from support.linted import acted, did, talk
from trajectune.curate.formats import write_examples
from trajectune.curate.lint.finding import DataFault
from trajectune.curate.lint.lint import LintedRow, lint_rows
from trajectune.curate.lint.report import as_json, lint
from trajectune.errors import DataError
from trajectune.progress import Progress
from trajectune.storage import Rejected

GOOD = talk(("user", "Hi"), ("assistant", "Hello."))
EMPTY = talk(("user", ""), ("assistant", "Hello."), ("user", ""), ("assistant", "Well."))


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


@pytest.mark.parametrize("format", ["example", "agentinstruct", "sharegpt", "agentflan", "openai"])
def test_a_file_of_any_format(tmp_path: Path, format: str) -> None:
    path = tmp_path / "set.jsonl"
    write_examples(path, [GOOD, EMPTY, GOOD], format)
    report = tt.lint(path)
    assert (report.rows, report.faulty, dict(report.faults)) == (3, 1, {DataFault.EMPTY_USER_TURN: 1})
    (place,) = report.first[DataFault.EMPTY_USER_TURN]
    assert (place.line, place.finding.turn) == (2, 1)
    assert report.share(DataFault.EMPTY_USER_TURN) == pytest.approx(1 / 3)


def test_a_file_of_trajectories(tmp_path: Path) -> None:
    rows = [acted(did("answer")), acted(did("open"), did("answer"), reward=0.0)]
    path = write(tmp_path / "played.jsonl", *(row.model_dump_json() for row in rows), '{"environment": 1}')
    report = lint(path)
    assert (report.rows, report.faulty, report.rejections.count) == (2, 1, 1)
    assert set(report.faults) == {DataFault.UNKNOWN_TOOL, DataFault.FAILED}


def test_rows_that_cannot_be_read_are_rejected_and_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "set.jsonl", {"messages": [{"role": "user", "content": "Hi"}]}, "{torn", {"messages": 3}
    )
    rejected: list[Rejected] = []
    assert len(list(lint_rows(path, rejected))) == 1
    assert [row.line for row in rejected] == [2, 3]
    assert lint(path).rejections.count == 2


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        lint(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="no known format"):
        lint(write(tmp_path / "odd.jsonl", {"a": 1}))


def test_as_many_places_are_kept_as_were_asked_for_and_each_row_is_handed_on(tmp_path: Path) -> None:
    path, seen = tmp_path / "set.jsonl", list[LintedRow]()
    write_examples(path, [EMPTY] * 120, "openai")
    told: list[Progress] = []
    report = lint(path, places=2, each=seen.append, on_progress=told.append)
    assert len(report.first[DataFault.EMPTY_USER_TURN]) == 2
    assert (len(seen), report.faults.total()) == (120, 120)
    assert [(moment.done, moment.total) for moment in told] == [(50, None), (100, None)]


def test_findings_as_json_lines_name_file_line_turn_and_fault() -> None:
    row = next(iter([LintedRow(7, "id", "set", tt_findings())]))
    (first, second) = list(as_json("a.jsonl", row))
    assert first == {
        "file": "a.jsonl",
        "line": 7,
        "id": "id",
        "source": "set",
        "fault": "empty_user_turn",
        "turn": 1,
        "why": "the user says nothing",
        "matched": "",
    }
    assert second["turn"] == 3


def tt_findings() -> list:
    from trajectune.curate.lint.lint import lint_example

    return lint_example(EMPTY)


def test_what_is_not_read_is_noted(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    path = write(tmp_path / "set.jsonl", {"messages": turns, "documents": ["Words that nobody reads."]})
    assert lint(path).notes == {"a row holds `documents`, which no reader knows": 1}


def test_a_file_of_nothing_has_no_share(tmp_path: Path) -> None:
    report = lint(write(tmp_path / "empty.jsonl"))
    assert (report.rows, report.share(DataFault.LOOP)) == (0, 0.0)


def test_real_rows(shared_data: Path) -> None:
    database = lint(shared_data / "agentinstruct" / "db.jsonl")
    assert database.rows == 538
    assert database.faults == {DataFault.TRUNCATED: 6, DataFault.LOOP: 4, DataFault.FAILED: 2}
    pages = lint(shared_data / "agentinstruct" / "sample_mind2web.json")
    assert [place.id for place in pages.first[DataFault.WRONG_PAGE]] == [
        "mind2web_96",
        "mind2web_46",
        "mind2web_72",
    ]
    assert lint(shared_data / "fireact" / "hotpotqa.jsonl").faulty == 0
