"""Laws of reading JSON as a stream: in pieces of any size, cut anywhere, it gives what was whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.curate.formats.stored import jsonstream
from trajectune.curate.formats.stored.jsonstream import read_stream
from trajectune.storage import Rejected, Row

OBJECTS = st.dictionaries(
    st.sampled_from(["a", "é", '"\\']), st.text(max_size=4) | st.floats(-9, 9), max_size=2
)
VALUES = st.lists(OBJECTS | st.integers() | st.none() | st.lists(OBJECTS, max_size=1), max_size=5)


def stream(text: str | bytes, chunk: int = 1 << 20) -> tuple[list[Row], list[Rejected]]:
    data = text.encode() if isinstance(text, str) else text
    rejected: list[Rejected] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonstream, "CHUNK_BYTES", chunk)
        return list(read_stream(io.BytesIO(data), rejected)), rejected


@given(values=VALUES, chunk=st.integers(1, 40), indent=st.none() | st.integers(0, 2), raw=st.booleans())
@settings(deadline=None)
def test_every_value_is_a_row_or_rejected(values: list[Any], chunk: int, indent: Any, raw: bool) -> None:
    rows, rejected = stream(json.dumps(values, indent=indent, ensure_ascii=raw), chunk)
    assert [row.value for row in rows] == [value for value in values if isinstance(value, dict)]
    assert len(rows) + len(rejected) == len(values)


@given(values=st.lists(OBJECTS, max_size=4), chunk=st.integers(1, 40), cut=st.integers(0, 200))
@settings(deadline=None)
def test_a_torn_array_gives_its_beginning_and_says_so_once(values: list[Any], chunk: int, cut: int) -> None:
    text = json.dumps(values)
    rows, rejected = stream(text[: min(cut, len(text))], chunk)
    found = [row.value for row in rows]
    assert found == values[: len(found)]
    assert len(rejected) == (0 < cut < len(text))


@given(values=st.lists(OBJECTS, max_size=4), gap=st.sampled_from(["\n", " ", "\r\n\n", ","]))
@settings(deadline=None)
def test_values_that_follow_each_other_are_read_too(values: list[Any], gap: str) -> None:
    rows, rejected = stream(gap.join(json.dumps(value, indent=1) for value in values))
    assert [row.value for row in rows] == values
    assert rejected == []


@given(values=st.lists(OBJECTS, min_size=1, max_size=4), chunk=st.integers(1, 40))
@settings(deadline=None)
def test_a_row_is_placed_where_it_begins(values: list[Any], chunk: int) -> None:
    text = "[\n" + ",\n\n".join(json.dumps(value) for value in values) + "]"
    rows, _ = stream(text, chunk)
    assert [row.line for row in rows] == [2 + 2 * number for number in range(len(values))]


@pytest.mark.parametrize(
    ("text", "kept", "said"),
    [
        ("[{}, {a: 1}, {}]" + " " * 50, 1, "not JSON: Expecting property name"),
        ("[{}, " + "[" * 100_000, 1, "nested too deep"),
        ("[{}", 1, "expected ] at its end"),
        ("[", 0, "expected ] at its end"),
        ("[1 2]", 0, "expected a JSON object, found a number"),
        ('[{}]\n[{"a": 1}]', 1, "the array has ended"),
    ],
)
def test_a_mistake_ends_what_can_be_trusted(text: str, kept: int, said: str) -> None:
    rows, rejected = stream(text)
    assert len(rows) == kept
    assert said in rejected[0].reason


def test_a_value_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "MAX_LINE_BYTES", 100)
    rows, rejected = stream('[{}, {"a": "' + "x" * 10_000, 10)
    assert len(rows) == 1
    assert "longer than 100" in rejected[0].reason


BAD_VALUES = [
    ("[" * 20_000 + "]" * 20_000, "nested too deep"),
    ('{"a":' * 20_000 + '"]}\\"" ' + "}" * 20_000, "nested too deep"),
    ('{"a": [NaN, "}"]}', "NaN is not a JSON value"),
    ("-Infinity", "-Infinity is not a JSON value"),
    ('{"a": 1e999}', "1e999 is too large a number"),
    ("1e999", "1e999 is too large a number"),
    ('{"a": 1' + "0" * 5_000 + "}", "not JSON"),
]


@pytest.mark.parametrize("chunk", [1 << 10, 1 << 20])
@pytest.mark.parametrize(("bad", "said"), BAD_VALUES)
def test_a_value_that_cannot_be_taken_costs_itself_alone(bad: str, said: str, chunk: int) -> None:
    """Its end is found by its brackets, whatever stands in its texts."""
    rows, rejected = stream(f'[{{"n": 1}},\n{bad}, {{"n": 2}},{bad}]', chunk)
    assert [row.value["n"] for row in rows] == [1, 2]
    assert [row.line for row in rejected] == [2, 2]
    assert all(said in row.reason for row in rejected)


@given(text=st.text(st.sampled_from('\\"[]{}, a'), max_size=200), chunk=st.integers(1, 9))
@settings(deadline=None)
def test_a_value_longer_than_memory_allows_costs_itself_alone(text: str, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonstream, "MAX_LINE_BYTES", 50)
        rows, rejected = stream(json.dumps([{"n": 1}, {"a": text + "x" * 99}, {"n": 2}]), chunk)
    assert [row.value for row in rows if "n" in row.value] == [{"n": 1}, {"n": 2}]
    assert len(rows) + len(rejected) == 3
    assert all("longer than 50" in row.reason for row in rejected)


def test_a_value_without_end_is_one_row() -> None:
    rows, rejected = stream('[{}, {"a": [NaN, "]]]')
    assert len(rows) == len(rejected) == 1
    assert "nothing after it can be read" in rejected[0].reason
