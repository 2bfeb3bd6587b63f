"""Examples by name: rows of a hub data set are read, and rejected, as a file's are."""

from __future__ import annotations

import datetime
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trajectune.curate.hub import read_source
from trajectune.errors import DataError, UnavailableError
from trajectune.storage import Rejected

TURNS = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
ROWS: list[dict[str, Any]] = [{"conversations": TURNS}, {"conversations": 5}, {"conversations": TURNS}]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """A hub with one data set, and what it was asked for."""
    asked: list[tuple[str, str]] = []

    def load(name: str, split: str) -> Iterator[dict[str, Any]]:
        asked.append((name, split))
        if name == "none/such":
            raise ConnectionError("no answer\nand a long story")
        if name == "owner/dated":
            return iter([{**ROWS[0], "at": datetime.date(2024, 2, 29), "observation": "x", "by": b"me"}])
        return iter([{"colour": "red"}] if name == "owner/strange" else ROWS)

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load))
    return asked


def test_every_row_is_read_or_rejected(asked: list[tuple[str, str]]) -> None:
    rejected: list[Rejected] = []
    found = list(read_source("hf:owner/name:part", rejected))
    assert asked == [("owner/name", "part")]
    assert [[message.content for message in each.messages] for each in found] == [["Hi", "Hello"]] * 2
    assert [row.line for row in rejected] == [2]
    assert (found[0].id, found[0].source) == ("name-1", "name")


def test_a_row_that_nobody_takes_is_in_the_log(
    asked: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """It was lost in silence."""
    assert len(list(read_source("hf:owner/name", source="mine"))) == 2
    assert asked == [("owner/name", "train")]
    assert "hf:owner/name, line 2 rejected: conversations: expected a list" in caplog.text


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("name", "said"), [("none/such", "cannot be loaded: no answer"), ("owner/strange", "no format")]
)
def test_what_cannot_be_read_at_all_is_an_error(name: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        list(read_source(f"hf:{name}"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UnavailableError, match="pip install datasets"):
        list(read_source("hf:owner/name"))


def test_anything_else_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text('{"instruction": "q", "output": "a"}\n')
    (example,) = read_source(str(tmp_path / "chat.jsonl"), source="mine")
    assert (example.source, example.messages[1].content) == ("mine", "a")


def test_values_that_are_no_json_are_text_and_what_nothing_reads_is_noted(
    asked: list[tuple[str, str]],
) -> None:
    notes: Counter[str] = Counter()
    (example,) = read_source("hf:owner/dated", [], notes=notes)
    assert asked == [("owner/dated", "train")]
    assert (example.metadata["at"], example.metadata["by"]) == ("2024-02-29", "me")
    assert notes == {"a row holds `observation`, which no reader knows": 1}
