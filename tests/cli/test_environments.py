"""`trajectune environments`: what a user types and sees."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trajectune.cli.environments import app
from trajectune.cli.play import parse_call
from trajectune.environments.database.episode import TOOLS
from trajectune.errors import RecipeError
from trajectune.trajectory import Tool, ToolCall

RUN = CliRunner()
ACT = Tool(name="act", parameters={"type": "object", "properties": {"command": {"type": "string"}}})
GUESS = Tool(name="guess", parameters={"type": "object", "properties": {"number": {"type": "integer"}}})
PAIR = Tool(name="put", parameters={"type": "object", "properties": {"a": {}, "b": {}}})


def test_list():
    result = RUN.invoke(app, ["list"])
    assert result.exit_code == 0
    assert "database" in result.output
    assert "sql, answer" in result.output


def test_check_says_that_the_contract_is_kept():
    result = RUN.invoke(
        app, ["check", "database", "-o", "train=4", "-o", "dev=0", "-o", "test=2", "--tasks", "1"]
    )
    assert result.exit_code == 0
    assert "keeps the contract" in result.output


@pytest.fixture
def spoil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """`spoil(module, body)`: a database environment in a module of its own, with `body` over it."""

    def write(module: str, body: str) -> str:
        (tmp_path / f"{module}.py").write_text(
            "from trajectune.environments.database import DatabaseEnvironment\n"
            f"class Environment(DatabaseEnvironment):\n    {body}\n"
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        return f"{module}:Environment"

    return write


def test_check_ends_with_status_1_on_a_broken_environment(spoil: Callable[[str, str], str]):
    result = RUN.invoke(app, ["check", spoil("broken_module", "max_steps = 0")])
    assert result.exit_code == 1
    assert "at least one move" in result.output


def test_check_shows_what_is_wrong_in_many_tasks_once(spoil: Callable[[str, str], str]):
    environment = spoil("silent_module", "def instruction(self, task):\n        return ''")
    result = RUN.invoke(app, ["check", environment, "-o", "train=3", "-o", "dev=0", "-o", "test=0"])
    assert result.exit_code == 1
    assert result.output.count("instruction") == 1
    assert "(and 2 more like it)" in result.output


def test_check_shows_rejected_rows(tmp_path: Path):
    database = tmp_path / "a.sqlite"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    (tmp_path / "q.json").write_text('[{"question": "?", "SQL": "SELECT 1"}, {"question": "?"}]')
    options = ["-o", "source=sqlite", "-o", f"path={database}", "-o", f"questions={tmp_path / 'q.json'}"]
    result = RUN.invoke(app, ["check", "database", *options])
    assert "rejected, row 2" in result.output


def test_play():
    typed = "sql SELECT 1\nsql SELEC\n{}\nanswer x, y\n"
    result = RUN.invoke(app, ["play", "database", "--split", "test", "--task", "3"], input=typed)
    assert result.exit_code == 0
    for part in ("varied-0-test-3", "[(1,)]", "bad_arguments", "unknown_tool", "reward 0"):
        assert part in result.output


@pytest.mark.parametrize("typed", ["/quit\n", ""])
def test_play_can_be_left(typed: str):
    result = RUN.invoke(app, ["play", "database"], input=typed)
    assert result.exit_code == 0
    assert "reward" not in result.output


@pytest.mark.parametrize("arguments", [["--task", "none"], ["--task", "99999"], ["--split", "tset"]])
def test_play_names_what_there_is(arguments: list[str]):
    result = RUN.invoke(app, ["play", "database", *arguments])
    assert isinstance(result.exception, RecipeError)
    assert result.exception.remedy


@pytest.mark.parametrize(
    ("line", "tools", "call"),
    [
        ("sql SELECT 1, 2", TOOLS, ToolCall(name="sql", arguments={"query": "SELECT 1, 2"})),
        ('sql {"query": "x"}', TOOLS, ToolCall(name="sql", arguments={"query": "x"})),
        ("answer a b, c", TOOLS, ToolCall(name="answer", arguments={"values": ["a b", "c"]})),
        ('answer ["a, b"]', TOOLS, ToolCall(name="answer", arguments={"values": ["a, b"]})),
        ("go to desk 1", (ACT,), ToolCall(name="act", arguments={"command": "go to desk 1"})),
        ("act look", (ACT,), ToolCall(name="act", arguments={"command": "look"})),
        ("fly away", TOOLS, ToolCall(name="fly")),
        ("put x, y, z", (PAIR, ACT), ToolCall(name="put", arguments={"a": "x", "b": "y, z"})),
        ("put x", (PAIR, ACT), ToolCall(name="put", arguments={"a": "x"})),
        ("put", (PAIR, ACT), ToolCall(name="put")),
        ("guess 3", (GUESS, ACT), ToolCall(name="guess", arguments={"number": 3})),
        ("guess three", (GUESS, ACT), ToolCall(name="guess", arguments={"number": "three"})),
        ("act 3", (GUESS, ACT), ToolCall(name="act", arguments={"command": "3"})),
        ("", TOOLS, ToolCall(name="")),
    ],
)
def test_typed_lines(line: str, tools: tuple[Tool, ...], call: ToolCall):
    assert parse_call(line, tools) == call


CALL = "look at\\\nlook under\n"
"""Two calls of one move."""


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        (CALL, ["at: a chest", "under: a key", "From now on also unlock <what>."]),
        ("look\n", ["bad_arguments"]),
        (f"{CALL}unlock chest\n", ["reward 1"]),
        ("/say hello there\n", ["You hear an echo: hello there"]),
        ("/say\nunlock chest\n", ["You hear an echo:", "look where? (bad_arguments)"]),
        ("look at\\\n", ["Look around."]),
        ("look at\n" * 3, ["step limit"]),
    ],
)
def test_play_takes_several_calls_words_and_new_tools(
    typed: str, seen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "cellar_module.py").write_text(CELLAR)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    result = RUN.invoke(app, ["play", "cellar_module:Cellar"], input=typed)
    assert result.exit_code == 0, result.exception
    assert "Type look <where>; /say speaks" in result.output
    for part in seen:
        assert part in result.output


CELLAR = '''
from trajectune.environments.contract import Environment, Episode, StepResult, Task
from trajectune.trajectory import Fault, Tool


def tool(name, key):
    return Tool(name=name, parameters={"type": "object", "properties": {key: {"type": "string"}}})


class Cellar(Environment):
    """A cellar whose tools belong to the task, and in which one appears in the middle."""

    name = "cellar"
    max_steps = 3

    def tasks(self, split):
        return [Task("one", split)]

    def tools_of(self, task):
        return [tool("look", "where")]

    def instruction(self, task):
        return "Open it."

    def open(self, task, seed=0):
        return Room()


class Room(Episode):
    observation = "Look around."
    found = False

    def step(self, call):
        where = call.arguments.get("where")
        if call.name == "unlock" and self.found:
            return StepResult("open", done=True, reward=1.0)
        if call.name != "look":
            return StepResult("no such tool", fault=Fault.UNKNOWN_TOOL)
        if where == "under":
            self.found = True
            return StepResult("under: a key", tools=[tool("unlock", "what")])
        if where == "at":
            return StepResult("at: a chest")
        return StepResult("look where?", fault=Fault.BAD_ARGUMENTS)

    def reply(self, message):
        return StepResult(f"You hear an echo: {message}")

    def close(self):
        pass
'''


def test_household_is_listed_with_or_without_its_extra():
    result = RUN.invoke(app, ["list"])
    shown = "act" if importlib.util.find_spec("alfworld") else "household"
    assert shown in result.output
