"""Rows of AgentBench's files, good and bad."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.operating_system.tasks.problem import Script
from trajectune.environments.operating_system.tasks.rows import read_row

NAMED = {"language": "python", "file": "check/integer-match.py"}


def row(**changes: Any) -> dict[str, Any]:
    """A row as most of the training file are."""
    plain = {
        "description": "How many?",
        "create": {"init": "touch /root/a"},
        "evaluation": {"check": [None, NAMED], "example": "ls /root | wc -l"},
    }
    return plain | changes


def test_the_common_row() -> None:
    read = read_row(row(), None)
    assert read.example == Script("ls /root | wc -l")
    problem = read.problem
    assert (problem.question, problem.check, problem.kind) == (
        "How many?",
        "integer-match",
        "integer-match",
    )
    assert problem.init == (Script("touch /root/a"),)
    assert (problem.directory, problem.answer, problem.scripts) == ("/", "", ())


@pytest.mark.parametrize(
    ("match", "check", "answer"),
    [
        ("ok", "match", "ok"),
        ({"answer": "ok", "strip": True}, "match", "ok"),
        ({"regex": "^o"}, "regex", "^o"),
    ],
)
def test_matches(match: Any, check: str, answer: str) -> None:
    problem = read_row(row(evaluation={"match": match}, labels=["file", "process"]), None).problem
    assert (problem.check, problem.answer, problem.kind) == (check, answer, "file")


def test_every_form_of_a_script(tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    (tmp_path / "init/one.sh").write_text("echo one")
    create = {
        "init": [{"code": "x = 1", "language": "python"}, {"file": "init/one.sh"}, None, "echo three"]
    }
    read = read_row(row(create=create, start="sleep 5 &"), tmp_path)
    assert read.problem.init == (Script("x = 1", "python"), Script("echo one"), Script("echo three"))
    assert read.problem.start == "sleep 5 &"
    assert read_row(row(create=[None, NAMED]), None).problem.init == ()
    assert read_row({k: v for k, v in row().items() if k != "create"}, None).problem.init == ()


def test_scripts_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "check.sh").write_text('[ "$1" = "$2" ]')
    evaluation = {"check": [None, {"file": "check.sh"}], "example": {"code": "echo 1"}}
    problem = read_row(row(evaluation=evaluation), tmp_path).problem
    assert problem.scripts == (Script("echo 1"), Script('[ "$1" = "$2" ]'))
    assert (problem.check, problem.kind) == ("", "script")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([], "not an object"),
        ({}, "description"),
        (row(description=" "), "description"),
        (row(evaluation=None), "evaluation"),
        (row(evaluation={}), "neither match nor check"),
        (row(evaluation={"match": 5}), "match must be"),
        (row(evaluation={"check": [None, NAMED]}), "no example"),
        (row(evaluation={"check": {"file": "check/0.sh"}}), "set scripts to"),
        (row(create={"init": 5}), "a script must be"),
        (row(create={"init": {"language": "bash"}}), "neither code nor file"),
        (row(create={"init": {"code": "int main(){}", "language": "c++"}}), "a script in c\\+\\+"),
        (row(start={"code": "x", "language": "python"}), "start is written in python"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(bad: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_row(bad, None)


def test_a_script_file_must_lie_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    inner = tmp_path / "scripts"
    inner.mkdir()
    for file, reason in (("../secret", "leads out"), ("none.sh", "cannot be read")):
        with pytest.raises(ValueError, match=reason):
            read_row(row(create={"init": {"file": file}}), inner)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["init", "code", "file", "check", "match", "example", "language"]), inner
        )
    ),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(row(), values)) | values)
def test_any_json_is_a_row_or_a_reason(value: Any) -> None:
    with suppress(ValueError):
        assert read_row(value, None).problem.question
