"""`trajectune data`, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trajectune.cli.data import app
from trajectune.errors import TrajectuneError
from trajectune.trajectory import Fault, Outcome, Reply, Step, Trajectory

RUN = CliRunner(env={"COLUMNS": "160"})
ROW = {
    "conversations": [
        {"from": "human", "loss": None, "value": "[red]question"},
        {"from": "gpt", "loss": False, "value": "OK"},
    ]
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my set.jsonl"
    answered = {"conversations": [*ROW["conversations"], {"from": "gpt", "loss": True, "value": "yes"}]}
    path.write_text("\n".join([json.dumps(ROW), json.dumps(answered), '{"conversations": null}', '{"torn']))
    return path


def test_inspect_prints_what_is_in_a_file(file: Path) -> None:
    result = RUN.invoke(app, ["inspect", str(file)])
    assert result.exit_code == 0, result.output
    for text in (
        "agentinstruct",
        "0.50 average, 1 at most",
        "no trained reply 1",
        "two roles in a row 1",
        "2 rows",
        "[red]question",
        "line 3 rejected: conversations: expected a list",
        "line 4 rejected: not JSON",
    ):
        assert text in result.output


def test_inspect_fits_80_columns(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    place = f"environment/{'task-' * 12}/1"
    step = Step(replies=[Reply(text="a\x1b[2J " + "word " * 100)])
    row = trajectory(place, outcome=Outcome.COMPLETED, reward=1.0, steps=[step], agent="a" * 90)
    path.write_text(row.model_dump_json() + "\n")
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["inspect", str(path)])
    assert result.exit_code == 0, result.output
    shown = result.output.split("line 1")
    assert "success (reward 1)  1 of 1 (100.0%)" in shown[0]
    assert "\n  asked     o" in shown[1]
    assert "\n  answered  a\\x1b[2J word word" in shown[1]
    assert max(map(len, shown[1].splitlines()[1:])) <= 80


def trajectory(id: str, **values: object) -> Trajectory:
    place = {"environment": "database", "task": "t", "instruction": "i", "observation": "o"}
    return Trajectory.model_validate({"id": id, **place, **values})


def test_inspect_knows_trajectories(tmp_path: Path) -> None:
    rows = [
        trajectory("1", outcome=Outcome.COMPLETED, reward=1.0),
        trajectory("2", outcome=Outcome.BAD_FORMAT, reward=0.0, steps=[Step(fault=Fault.BAD_FORMAT)]),
        trajectory("3", outcome=Outcome.AGENT_ERROR, error="down"),
    ]
    path = tmp_path / "trajectories.jsonl"
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows) + '{"id": 4}\n')
    result = RUN.invoke(app, ["inspect", str(path)])
    assert result.exit_code == 0, result.output
    for text in ("trajectory", "1 of 2 (50.0%)", "bad_format 1", "agent_error 1", "line 4 rejected"):
        assert text in result.output
    with pytest.raises(TrajectuneError, match="trajectories, not examples"):
        RUN.invoke(
            app, ["convert", str(path), str(tmp_path / "o.jsonl"), "--to", "openai"], catch_exceptions=False
        )


def test_inspect_says_that_a_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    result = RUN.invoke(app, ["inspect", str(tmp_path / "empty.jsonl")])
    assert result.exit_code == 0
    assert "no row that can be read" in result.output


def test_convert_writes_and_counts_what_it_rejects(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = RUN.invoke(app, ["convert", str(file), str(out), "--to", "alpaca"])
    assert result.exit_code == 0, result.output
    assert "1 rows written" in result.output
    assert "3 rows rejected" in result.output
    assert "trained flags of 1 rows do not fit alpaca" in result.output
    quarantine = tmp_path / "out.jsonl.rejected.jsonl"
    rows = [json.loads(line) for line in quarantine.read_text().splitlines()]
    assert [row["line"] for row in rows] == [2, 3, 4]
    assert all(row["reason"] for row in rows)
    RUN.invoke(app, ["convert", str(out), str(out), "--to", "openai"], catch_exceptions=False)
    assert not quarantine.exists()
    assert json.loads(out.read_text())["messages"][1]["content"] == "OK"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["inspect", "{folder}"], "found a directory"),
        (["inspect", "{folder}/no.jsonl"], "does not exist"),
        (["convert", "{file}", "{folder}/o.jsonl", "--to", "alpacca"], "did you mean 'alpaca'"),
        (["convert", "{file}", "{folder}/o.txt", "--to", "alpaca"], "end it in one of"),
        (["convert", "{file}", "{file}/inside.jsonl", "--to", "alpaca"], "cannot be written"),
        (["convert", "{file}", "{folder}", "--to", "alpaca"], "does not say what kind of file"),
    ],
)
def test_mistakes_are_errors_for_users(arguments: list[str], reason: str, file: Path) -> None:
    filled = [argument.format(folder=file.parent, file=file) for argument in arguments]
    with pytest.raises(TrajectuneError, match=reason):
        RUN.invoke(app, filled, catch_exceptions=False)


def test_what_no_reader_knows_is_named_by_every_command(tmp_path: Path, tiny_dir: Path) -> None:
    path, out = tmp_path / "set.jsonl", tmp_path / "out.jsonl"
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "thinking": "hm"}]
    rows = [{"messages": turns, "observation": "o"}, {"conversation": turns[:1] * 2, "observation": "o"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    unread = "a row holds `observation`, which no reader knows"
    shown = RUN.invoke(app, ["inspect", str(path)]).output
    assert f"{unread} (2 rows)" in shown
    assert "openai 1, agentflan 1" in shown
    assert "replies with reasoning" in shown
    assert f"2 rows: {unread}" in RUN.invoke(app, ["convert", str(path), str(out), "--to", "openai"]).output
    assert f"2 rows: {unread}" in RUN.invoke(app, ["masks", str(path), "--model", str(tiny_dir)]).output


def test_trees_are_read_and_not_written(tmp_path: Path) -> None:
    replies = [
        {"role": "assistant", "text": "a", "replies": []},
        {"role": "assistant", "text": "b", "replies": []},
    ]
    path = tmp_path / "trees.jsonl"
    prompt = {"role": "prompter", "text": "q", "replies": replies}
    path.write_text(json.dumps({"message_tree_id": "t", "prompt": prompt}))
    result = RUN.invoke(app, ["convert", str(path), str(tmp_path / "o.jsonl"), "--to", "openai"])
    assert "1 rows: other branches of the tree are left out" in result.output
    with pytest.raises(TrajectuneError, match="oasst is only read"):
        RUN.invoke(
            app, ["convert", str(path), str(tmp_path / "o.jsonl"), "--to", "oasst"], catch_exceptions=False
        )


def test_names_and_reasons_of_hostile_rows_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    turn = {"role": "user", "content": "q", "trained": False}
    rows = [{"messages": [turn], "source": "a\x1b[2J"}, {"messages": [{**turn, "\x1b[2J": 1}]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = RUN.invoke(app, ["inspect", str(path)])
    assert result.exit_code == 0
    assert "1 rows" in result.output
    assert "\x1b" not in result.output
