"""Whatever a file holds: rows in = kept + rejected, for every format and every way of reading it.

CI runs 2,000 rows, the same each time; `TRAJECTUNE_FUZZ_ROWS=100000` runs more.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from support.hostile import ROWS, TRAJECTORIES, changed, lines
from trajectune.cli.data import app
from trajectune.curate.formats import FORMATS, READERS, read_examples, read_numbered, write_examples
from trajectune.curate.inspect import inspect_file
from trajectune.errors import DataError, TrajectuneError
from trajectune.example import Example
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import SourceSpec
from trajectune.run.stages.sources import examples_of
from trajectune.storage import Rejected

TOTAL = int(os.environ.get("TRAJECTUNE_FUZZ_ROWS", "2000"))
IN_A_FILE = 10
RECIPE = Recipe(name="x", dialect="react")
pytestmark = pytest.mark.timeout(300 + TOTAL // 10)


def seeded(share: float) -> settings:
    """The same rows in every run, `share` of all."""
    return settings(
        max_examples=max(1, int(TOTAL * share / IN_A_FILE)),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def words(example: Example) -> list[object]:
    return [
        (
            message.role,
            message.content,
            message.reasoning,
            [(c.name, c.arguments) for c in message.tool_calls],
        )
        for message in example.messages
    ]


def check(path: Path, rows: int, format: str | None = None) -> None:
    """The law, for everything that reads the file."""
    try:
        found = inspect_file(path, format=format)
    except DataError:  # none of the rows has a known format
        with pytest.raises(DataError, match="no known format"):
            inspect_file(path, format=format)
        return
    inspected = found.facts.rows if found.facts else 0
    assert inspected + found.rejections.count == rows
    for name in FORMATS:
        check_conversion(path, rows, name, format)
    if format is None:
        rejected: list[tuple[str, str]] = []
        spec = SourceSpec(data=str(path), reasoning="omit")
        examples = list(examples_of(RECIPE, spec, "s", rejected, Counter()))
        assert len(examples) + len(rejected) == rows


def check_conversion(path: Path, rows: int, name: str, format: str | None) -> None:
    """Written + rejected is what was there, and what was written is read back with all its words."""
    unread: list[Rejected] = []
    unfit: list[Rejected] = []
    examples = [each.example for each in read_numbered(path, unread, format=format, notes=Counter())]
    suffix = ".parquet" if rows % 2 else ".jsonl"
    out = path.with_name(f"out-{name}{suffix}")
    count = write_examples(out, examples, name, unfit)
    assert count.written + len(unfit) + len(unread) == rows
    again: list[Rejected] = []
    back = list(read_examples(out, again, format=name, notes=Counter()))
    places = {row.line for row in unfit}
    kept = [each for number, each in enumerate(examples, start=1) if number not in places]
    assert again == []
    assert [words(each) for each in back] == [words(each) for each in kept]


def test_every_line_is_kept_or_rejected(folder: Path) -> None:
    @seeded(0.4)
    @given(found=st.lists(lines(ROWS), min_size=IN_A_FILE - 1, max_size=IN_A_FILE))
    def law(found: list[bytes]) -> None:
        path = folder / "set.jsonl"
        path.write_bytes(b"\n".join(found) + b"\n")
        check(path, len(found))

    law()


def test_every_value_of_an_array_is_kept_or_rejected(folder: Path) -> None:
    @seeded(0.2)
    @given(found=st.lists(lines(ROWS), min_size=IN_A_FILE - 1, max_size=IN_A_FILE))
    def law(found: list[bytes]) -> None:
        path = folder / "set.json"
        whole = [line for line in found if line != b"{" and b"} {" not in line]
        path.write_bytes(b"[" + b",\n".join(whole) + b"]")
        check(path, len(whole))

    law()


@pytest.mark.parametrize("name", READERS)
def test_every_row_is_kept_or_rejected_by_a_format_that_is_named(name: str, folder: Path) -> None:
    @seeded(0.2 / len(READERS))
    @given(found=st.lists(lines(ROWS), min_size=IN_A_FILE - 1, max_size=IN_A_FILE))
    def law(found: list[bytes]) -> None:
        path = folder / "set.jsonl"
        path.write_bytes(b"\n".join(found) + b"\n")
        check(path, len(found), name)

    law()


def test_every_row_of_parquet_is_kept_or_rejected(folder: Path) -> None:
    @seeded(0.1)
    @given(
        found=st.lists(
            st.sampled_from(ROWS).flatmap(lambda row: changed([row])), min_size=1, max_size=IN_A_FILE
        )
    )
    def law(found: list[dict[str, Any]]) -> None:
        path = folder / "set.parquet"
        rows = []
        for row in found:  # unlike columns do not go into one file
            with contextlib.suppress(pa.ArrowException, TypeError, ValueError, OverflowError):
                pa.Table.from_pylist([*rows, row])
                rows.append(row)
        if not rows or not pa.Table.from_pylist(rows).column_names:
            return
        with contextlib.suppress(pa.ArrowNotImplementedError):  # a struct without fields
            pq.write_table(pa.Table.from_pylist(rows), path)
            check(path, len(rows))

    law()


def test_every_trajectory_is_kept_or_rejected(folder: Path) -> None:
    @seeded(0.1)
    @given(found=st.lists(lines(TRAJECTORIES), min_size=IN_A_FILE, max_size=IN_A_FILE))
    def law(found: list[bytes]) -> None:
        path = folder / "played.jsonl"
        path.write_bytes(json.dumps(TRAJECTORIES[0]).encode() + b"\n" + b"\n".join(found) + b"\n")
        facts = inspect_file(path)
        assert facts.facts is not None
        assert facts.facts.rows + facts.rejections.count == len(found) + 1
        rejected: list[tuple[str, str]] = []
        examples = list(examples_of(RECIPE, SourceSpec(data=str(path)), "s", rejected, Counter()))
        assert len(examples) + len(rejected) == len(found) + 1

    law()


def test_no_command_ends_in_anything_but_an_error_of_ours(folder: Path) -> None:
    run = CliRunner(env={"COLUMNS": "80"})

    @seeded(0.05)
    @given(
        found=st.lists(lines(ROWS + TRAJECTORIES), min_size=1, max_size=4),
        name=st.sampled_from(list(FORMATS)),
    )
    def law(found: list[bytes], name: str) -> None:
        path, out = folder / "set.jsonl", folder / "out.jsonl"
        path.write_bytes(b"\n".join(found) + b"\n")
        for command in (["inspect", str(path)], ["convert", str(path), str(out), "--to", name]):
            result = run.invoke(app, command)
            assert result.exception is None or isinstance(result.exception, TrajectuneError | SystemExit)

    law()
