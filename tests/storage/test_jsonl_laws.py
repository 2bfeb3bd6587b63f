"""Laws of files that grow by rows: whatever a crash left behind, whole rows stay and others follow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trajectune.errors import DataError
from trajectune.storage import JsonlWriter, Rejected, encode, read_jsonl
from trajectune.storage.jsonl import _start_of_last_line  # pyright: ignore[reportPrivateUsage]

ROWS = st.lists(
    st.dictionaries(st.sampled_from(["a", "ä"]), st.text() | st.integers(), max_size=2), max_size=4
)
NEW = {"new": 1}


@given(rows=ROWS, torn=st.binary(max_size=20).filter(lambda data: b"\n" not in data))
@example(rows=[{"a": 1}], torn=b"{")
@example(rows=[], torn=b"\xff\xfe")
@example(rows=[{"a": 1}], torn=b"[1]")
@example(rows=[{"a": 1}], torn=b"{}")
@example(rows=[{"a": 1}], torn=b" ")
def test_a_torn_end_costs_no_row_and_poisons_none(
    rows: list[dict[str, object]], torn: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("torn") / "rows.jsonl"
    path.write_bytes(b"".join(encode(row) for row in rows) + torn)
    with JsonlWriter(path) as writer:
        writer.write(NEW)
    rejected: list[Rejected] = []
    found = [row.value for row in read_jsonl(path, rejected)]
    assert rejected == []
    assert found[: len(rows)] == rows
    assert found[-1] == NEW
    assert len(found) - len(rows) - 1 == (torn.strip() == b"{}"), (
        "a whole row that lacks its line end stays"
    )


@given(data=st.binary(max_size=60), block=st.integers(1, 9))
@example(data=b"", block=1)
@example(data=b"\n", block=1)
def test_the_last_line_is_found_from_behind_whatever_the_block(
    data: bytes, block: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert _start_of_last_line(file, len(data), block) == data.rfind(b"\n") + 1


def test_opening_alone_changes_nothing_that_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(encode(NEW) * 3)
    with JsonlWriter(path):
        pass
    assert path.read_bytes() == encode(NEW) * 3


def test_rows_of_earlier_openings_stay_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    for number in range(3):
        with JsonlWriter(path) as writer:
            writer.write({"n": number})
        writer.close()  # again, which does nothing
    assert [row.value["n"] for row in read_jsonl(path)] == [0, 1, 2]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_no_reader_would_take_is_not_written(value: float, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with JsonlWriter(path) as writer:
        writer.write(NEW)
        with pytest.raises(ValueError, match="not JSON compliant"):
            writer.write({"a": [value]})
    assert path.read_bytes() == encode(NEW)


def test_a_line_break_within_text_is_no_end_of_a_row(tmp_path: Path) -> None:
    text = "a\nb\r\u2028\u0085c\ud800"
    with JsonlWriter(tmp_path / "rows.jsonl") as writer:
        writer.write({"text": text})
    (row,) = read_jsonl(tmp_path / "rows.jsonl")
    assert row.value["text"] == text


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written: Is a directory") as caught:
        JsonlWriter(tmp_path)
    assert caught.value.where == str(tmp_path)
