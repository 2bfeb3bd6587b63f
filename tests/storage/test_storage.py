"""Storage: what a crash, a bad row or a full disk may cost, and what it may not."""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune import storage
from trajectune.errors import DataError
from trajectune.storage import (
    JsonlWriter,
    Rejected,
    Row,
    read_json,
    read_jsonl,
    read_record,
    read_records,
    write_json,
)
from trajectune.trajectory import ToolCall

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(rows=st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=4))
def test_any_json_object_comes_back(
    rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    with JsonlWriter(path) as writer:
        for row in rows:
            writer.write(row)
    assert list(read_jsonl(path)) == [Row(n, row) for n, row in enumerate(rows, start=1)]


@given(cut=st.integers(min_value=0, max_value=60))
def test_a_file_cut_anywhere_lacks_at_most_its_last_row(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("torn") / "rows.jsonl"
    whole = b"".join(storage.encode({"number": n, "text": "ä"}) for n in range(3))
    path.write_bytes(whole[: min(cut, len(whole))])
    complete = path.read_bytes().count(b"\n") + (path.read_bytes()[-1:] == b"}")
    with JsonlWriter(path) as writer:
        writer.write({"number": 99})
    rejected: list[Rejected] = []
    numbers = [row.value["number"] for row in read_jsonl(path, rejected)]
    assert numbers == [*range(complete), 99]
    assert rejected == []


def test_kill_9_costs_at_most_one_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    program = (
        "import sys; from trajectune.storage import JsonlWriter\n"
        f"with JsonlWriter({str(path)!r}) as writer:\n"
        "    for n in range(10**9):\n"
        "        writer.write({'number': n, 'padding': 'x' * 1000}); print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [int(process.stdout.readline()) for _ in range(200)]
        process.send_signal(signal.SIGKILL)
    with JsonlWriter(path):
        pass
    rejected: list[Rejected] = []
    numbers = [row.value["number"] for row in read_jsonl(path, rejected)]
    assert rejected == []
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= len(seen)


def test_bad_lines_are_rejected_with_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"a": 1}\r\n\n[1]\n{"a": NaN}\n{"a": "\xff"}\n'
        + b"[" * 100_000
        + b'\n{"b": 2}\n{"c":'
    )
    rejected: list[Rejected] = []
    assert [row.value for row in read_jsonl(path, rejected)] == [{"a": 1}, {"b": 2}]
    assert [row.line for row in rejected] == [3, 4, 5, 6, 8]
    reasons = [row.reason for row in rejected]
    assert reasons[0] == "expected a JSON object, found an array"
    assert "NaN" in reasons[1]
    assert reasons[2] == "not UTF-8: byte 8 is 0xff"
    assert "too deep" in reasons[3]
    assert "not JSON" in reasons[4]


def test_a_rejected_row_is_logged_when_nobody_takes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"a": 1}\n{')
    with caplog.at_level(logging.WARNING):
        assert len(list(read_jsonl(path))) == 1
    assert "line 2 rejected" in caplog.text


def test_a_line_without_end_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trajectune.storage.reading.MAX_LINE_BYTES", 64)
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"a": "x" * 300}) + '\n{"b": 1}\n')
    rejected: list[Rejected] = []
    assert [row.value for row in read_jsonl(path, rejected)] == [{"b": 1}]
    assert rejected[0].line == 1


def test_records_that_do_not_fit_name_their_field(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"name": "sql", "arguments": {"query": "x"}}\n{"name": 3}\n{"tool": "sql"}\n')
    rejected: list[Rejected] = []
    assert list(read_records(path, ToolCall, rejected)) == [ToolCall(name="sql", arguments={"query": "x"})]
    assert "name: Input should be a valid string, found a number" in rejected[0].reason
    assert "tool: Extra inputs are not permitted" in rejected[1].reason


def test_packed_files_and_damaged_ones(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    storage.write_atomic(
        path, "".join(f'{{"n": {n}, "x": "{os.urandom(50).hex()}"}}\n' for n in range(300))
    )
    assert len(list(read_jsonl(path))) == 300
    path.write_bytes(path.read_bytes()[:-5000])
    rejected: list[Rejected] = []
    assert 0 < len(list(read_jsonl(path, rejected))) < 300
    assert "damaged" in rejected[-1].reason
    path.write_text("plain text")
    with pytest.raises(DataError, match="not a gzip file"):
        list(read_jsonl(path))


def test_equal_content_packs_to_equal_files(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json.gz", [1])
    write_json(tmp_path / "b.json.gz", [1])
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.json.gz").read_bytes()) == b"[\n  1\n]\n"


def test_an_atomic_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"old": True})

    def write_half() -> None:
        with storage.open_atomic(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert read_json(path) == {"old": True}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("read", [read_json, lambda path: list(read_jsonl(path))])
def test_missing_files_and_directories_are_said_plainly(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "no.json")
    with pytest.raises(DataError, match="found a directory"):
        read(tmp_path)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "inside.json"):
        with pytest.raises(DataError):
            write_json(path, 1)
        with pytest.raises(DataError):
            JsonlWriter(path)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file can grow beyond 1,000 bytes, which to a program is a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    written = 0
    with JsonlWriter(path) as writer:
        with contextlib.suppress(DataError):
            for written in range(100):
                writer.write({"number": written, "padding": "x" * 90})
        assert 5 < written < 12
        with pytest.raises(DataError, match="cannot be written"):
            writer.write({"number": written, "padding": "x" * 90})
        writer.write({"number": "a short one still fits"})
    rejected: list[Rejected] = []
    numbers = [row.value["number"] for row in read_jsonl(path, rejected)]
    assert (numbers, rejected) == ([*range(written), "a short one still fits"], [])


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "value.json", "old")
    with pytest.raises(DataError, match="cannot be written"):
        write_json(tmp_path / "value.json", "x" * 2_000)
    assert read_json(tmp_path / "value.json") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["value.json"]


def test_a_folder_appears_whole_in_place_of_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "model"

    def fill(*names: str) -> Callable[[Path], None]:
        def write(part: Path) -> None:
            assert part != folder
            for name in names:
                (part / name).parent.mkdir(exist_ok=True)
                (part / name).write_text(name)
            if "torn" in names:
                raise RuntimeError

        return write

    storage.write_folder(folder, fill("a", "deep/b"))
    with pytest.raises(RuntimeError):
        storage.write_folder(folder, fill("torn"))
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "b", "deep"]
    storage.write_folder(folder, fill("c"))
    assert [path.name for path in folder.rglob("*")] == ["c"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "what the torn writing left is gone"


def test_values_one_after_another_are_strict_too() -> None:
    decoder = storage.strict_decoder()
    assert decoder.raw_decode('{"a": 1} tail') == ({"a": 1}, 8)
    with pytest.raises(ValueError, match="NaN is not a JSON value"):
        decoder.raw_decode("[NaN]")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": Infinity}', "Infinity is not a JSON value"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": "\xff"}', "byte 8 is 0xff"),
        (b'{\n "a": }', "at line 2, column 7"),
    ],
)
def test_a_json_file_that_is_none_is_named_with_the_place(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "value.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        read_json(path)
    assert caught.value.where == str(path)


def test_a_record_that_does_not_fit_names_file_field_and_remedy(tmp_path: Path) -> None:
    path = tmp_path / "call.json"
    write_json(path, {"name": "look"})
    assert read_record(path, ToolCall, "a call") == ToolCall(name="look")
    write_json(path, {"name": 3})
    with pytest.raises(DataError, match="this is not a call: name: ") as caught:
        read_record(path, ToolCall, "a call", "write it anew")
    assert (caught.value.where, caught.value.remedy) == (str(path), "write it anew")


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path))
    assert storage.cache_dir() == tmp_path
    monkeypatch.setenv("TRAJECTUNE_CACHE", "~/elsewhere")
    assert storage.cache_dir() == Path.home() / "elsewhere"
    monkeypatch.delenv("TRAJECTUNE_CACHE")
    assert storage.cache_dir() == Path.home() / ".cache" / "trajectune"
