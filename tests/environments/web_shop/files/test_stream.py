"""Big JSON files: any value over any piece, the places of what is broken, and the memory that it takes."""

from __future__ import annotations

import gzip
import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectune.environments.web_shop.files import stream
from trajectune.environments.web_shop.files.stream import items, members
from trajectune.errors import DataError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
per_example = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def written(tmp_path: Path, text: str | bytes, name: str = "file.json") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@per_example
@given(st.lists(values, max_size=6), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_a_list_is_read_whatever_the_pieces(
    tmp_path: Path, given: list[Any], piece: int, indent: int | None, ascii_only: bool
) -> None:
    path = written(tmp_path, json.dumps(given, indent=indent, ensure_ascii=ascii_only))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "PIECE", piece)
        assert list(items(path)) == given


@per_example
@given(st.dictionaries(st.text(), values, max_size=6), st.integers(1, 9))
def test_an_object_is_read_whatever_the_pieces(tmp_path: Path, given: dict[str, Any], piece: int) -> None:
    path = written(tmp_path, json.dumps(given, ensure_ascii=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "PIECE", piece)
        assert list(members(path)) == list(given.items())


def test_a_packed_file_a_byte_order_mark_and_nan(tmp_path: Path) -> None:
    assert list(items(written(tmp_path, gzip.compress(b"[1, 2]"), "a.json.gz"))) == [1, 2]
    assert list(items(written(tmp_path, b"\xef\xbb\xbf [1] "))) == [1]
    (found,) = items(written(tmp_path, "[NaN]"))
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a list of items"),
        ("{}", "expected a list of items"),
        ("[1, 2", "expected a comma"),
        ("[1 2]", "expected a comma"),
        ("[1,]", "Expecting value"),
        ('[{"a": 1}, {"a": ', "Expecting value"),
        ('["abc', "Unterminated string"),
        ("[1, nil]", "Expecting value"),
        (b"[1, \xff]", "not UTF-8"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=said) as caught:
        list(items(path))
    assert str(path) in caught.value.where
    assert "item" in caught.value.where
    assert "fetch the file anew" in caught.value.remedy


def test_what_came_before_the_break_was_read(tmp_path: Path) -> None:
    found = items(written(tmp_path, '[{"a": 1}, {"a": 2}, {"a"'))
    assert [next(found), next(found)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(DataError, match="this is not JSON") as caught:
        next(found)
    assert "item 3" in caught.value.where


@pytest.mark.parametrize("text", ["[]", '{"a"}', '{"a" 1}', '{"a": 1', '{"a": 1 "b": 2}'])
def test_broken_objects(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="this is not JSON"):
        list(members(written(tmp_path, text)))


def test_a_torn_archive_and_a_missing_file(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(list(range(10_000))).encode())
    with pytest.raises(DataError, match="cannot be read"):
        list(items(written(tmp_path, packed[:-100], "torn.json.gz")))
    with pytest.raises(DataError, match="does not exist"):
        list(items(tmp_path / "nowhere.json"))


def test_an_item_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PIECE", 1_000)
    monkeypatch.setattr(stream, "MAX_VALUE", 5_000)
    found = items(written(tmp_path, '[1, "' + "x" * 100_000 + '"]'))
    assert next(found) == 1
    with pytest.raises(DataError, match="Unterminated string"):
        next(found)


def test_memory_holds_a_piece_and_not_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PIECE", 64_000)
    path = written(tmp_path, json.dumps([{"text": "x" * 1_000}] * 10_000))
    tracemalloc.start()
    assert sum(1 for _ in items(path)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 10_000_000
    assert peak < 1_000_000
