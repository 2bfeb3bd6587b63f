"""Values that JSON has no type for: text in Parquet's columns and in metadata, never a failure."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.curate.formats import FORMATS, read_examples, write_examples
from trajectune.curate.formats.stored.plain import plain
from trajectune.errors import DataError
from trajectune.example import Example, Message
from trajectune.storage import Rejected

DAY = datetime.date(2024, 2, 29)
TIME = datetime.datetime(2024, 2, 29, 12, 30)
VALUES: list[tuple[object, Any]] = [
    (TIME, "2024-02-29T12:30:00"),
    (DAY, "2024-02-29"),
    (datetime.time(1, 2), "01:02:00"),
    (datetime.timedelta(days=1), "1 day, 0:00:00"),
    (decimal.Decimal("1.50"), "1.50"),
    (b"text", "text"),
    (b"\xff", {"base64": "/w=="}),
    (float("nan"), None),
    (float("-inf"), "-Infinity"),
    ({1: (2, {3})}, {"1": [2, [3]]}),
    (Message(role="user", content="q").role, "user"),
    (Path("a"), "a"),
]


@pytest.mark.parametrize(("value", "found"), VALUES)
def test_a_value_without_a_type_in_json_becomes_text_or_null(value: object, found: Any) -> None:
    assert plain(value) == found


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_json_stays_as_it_is(value: Any) -> None:
    assert plain(value) == value


COLUMNS: dict[str, pa.Array] = {
    "timestamp": pa.array([TIME] * 2, pa.timestamp("ns", "Europe/Paris")),
    "date": pa.array([DAY] * 2),
    "decimal": pa.array([decimal.Decimal("1.50")] * 2),
    "bytes": pa.array([b"\xff"] * 2),
    "number": pa.array([float("nan"), float("inf")]),
    "map": pa.array([[("k", 1)]] * 2, pa.map_(pa.string(), pa.int64())),
    "inside": pa.array([[{"at": TIME}]] * 2),
    "kind": pa.array(["a", "b"]).dictionary_encode(),
    "span": pa.array([1, 2], pa.duration("s")),
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("name", FORMATS)
def test_columns_of_any_type_go_into_every_format(name: str, kind: str, tmp_path: Path) -> None:
    table = pa.table({"instruction": ["q"] * 2, "output": ["a"] * 2, kind: COLUMNS[kind]})
    pq.write_table(table, tmp_path / "set.parquet")
    rejected: list[Rejected] = []
    for out in ("out.jsonl", "out.parquet"):
        examples = read_examples(tmp_path / "set.parquet", rejected)
        assert write_examples(tmp_path / out, examples, name, rejected).written == 2
        again = list(read_examples(tmp_path / out, rejected))
        assert [kind in each.metadata for each in again] == [True, True]
    assert rejected == []


def test_bytes_that_are_no_text_are_never_words(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"instruction": [b"q", b"q"], "output": [b"a", b"\xff"]}), tmp_path / "set.parquet"
    )
    rejected: list[Rejected] = []
    (example,) = read_examples(tmp_path / "set.parquet", rejected)
    assert [message.content for message in example.messages] == ["q", "a"]
    assert [(row.line, row.reason) for row in rejected] == [
        (2, "output: expected a string, found an object")
    ]


def test_a_date_beyond_the_calendar_costs_its_row(tmp_path: Path) -> None:
    far = pa.array([0, 10**9, 1], pa.date32())
    pq.write_table(
        pa.table({"instruction": ["q"] * 3, "output": ["a"] * 3, "at": far}), tmp_path / "set.parquet"
    )
    rejected: list[Rejected] = []
    found = list(read_examples(tmp_path / "set.parquet", rejected))
    assert [each.metadata["at"] for each in found] == ["1970-01-01", "1970-01-02"]
    assert [row.line for row in rejected] == [2]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([["q"], ["a"], ["b"]], names=["instruction", "output", "output"])
    pq.write_table(table, tmp_path / "set.parquet")
    with pytest.raises(DataError, match="two columns are called 'output'"):
        list(read_examples(tmp_path / "set.parquet", []))


ODD_METADATA: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"when": TIME, "tags": {"a"}, "nan": float("nan")},
        {"when": TIME.isoformat(), "tags": ["a"], "nan": None},
    ),
    ({"conversations": 5, "messages": [], "instruction": "x"}, {}),
    ({"id": "other", "source": "other", "tools": "[]", "system": "Be rude."}, {}),
    ({"prompt": "p", "thinking": "t", "functions": []}, {}),
    ({"trajectune_metadata": {"a": 1}}, {}),
    ({"_kept": {"format": "sharegpt", "digest": "x", "patch": 7}}, {}),
]


@pytest.mark.parametrize(("metadata", "found"), ODD_METADATA)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("container", ["jsonl", "parquet"])
def test_metadata_of_any_kind_goes_into_every_format(
    metadata: dict[str, Any], found: dict[str, Any], name: str, container: str, tmp_path: Path
) -> None:
    turns = [Message(role="user", content="q"), Message(role="assistant", content="a", trained=True)]
    example = Example(id="row", source="set", messages=turns, metadata=metadata)
    path = tmp_path / f"out.{container}"
    count = write_examples(path, [example], name)
    assert (count.written, count.rejected, dict(count.lost)) == (1, 0, {})
    (again,) = read_examples(path)
    assert (again.id, again.source, again.messages, again.tools) == ("row", "set", turns, [])
    kept = {key: value for key, value in again.metadata.items() if key != "_kept"}
    assert kept == (found or {key: value for key, value in metadata.items() if key != "_kept"})


def test_what_is_kept_is_believed_only_when_it_reads_as_the_example(tmp_path: Path) -> None:
    """The difference comes out of a file: one that lies does not change what is written."""
    path = tmp_path / "set.jsonl"
    row = {"conversations": [{"from": "user", "value": "q"}, {"from": "gpt", "value": "a"}]}
    path.write_text(json.dumps(row))
    (example,) = read_examples(path)
    lying = {
        **example.metadata["_kept"],
        "patch": {"set": {"conversations": [{"from": "gpt", "value": "evil"}]}},
    }
    changed = example.model_copy(update={"metadata": {"_kept": lying}})
    write_examples(tmp_path / "out.jsonl", [changed], "sharegpt")
    (again,) = read_examples(tmp_path / "out.jsonl")
    assert [message.content for message in again.messages] == ["q", "a"]
