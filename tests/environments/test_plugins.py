"""A user's package adds dialects and environments through entry points, as an installed one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trajectune.dialects.contract import Dialect
from trajectune.environments.contract import Environment
from trajectune.environments.database import DatabaseEnvironment
from trajectune.environments.registry import find_dialect
from trajectune.errors import RecipeError

MODULE = '''
from support.guess import Guess
from support.toys import Staged
from trajectune.dialects.react import ReAct

class Riddle(Guess):
    """An environment with an `agentbench` grammar of its own, brought by the class."""

    name = "riddle"

    class Grammar(ReAct):
        name = "agentbench"

        def observe(self, observation):
            return f"You hear: {observation}"

    dialects = {"agentbench": Grammar()}

class Puzzle(Guess):
    """Its grammar is announced as an entry point."""

    name = "puzzle"

class PuzzleGrammar(ReAct):
    name = "agentbench"
'''
ENTRY_POINTS = """\
[trajectune.environments]
riddle = riddles:Riddle
puzzle = riddles:Puzzle

[trajectune.dialects]
staged = riddles:Staged
agentbench.puzzle = riddles:PuzzleGrammar
"""
PROGRAM = """
from trajectune.dialects.contract import Opening
from trajectune.dialects.registry import dialect_names, get_dialect
from trajectune.environments.registry import environment_names, find_dialect, load_environment
assert {"riddle", "puzzle", "database"} <= set(environment_names())
assert {"staged", "agentbench", "json"} <= set(dialect_names())
import riddles
riddle = load_environment("riddle", {"size": 3})
assert type(riddle) is riddles.Riddle and len(riddle.tasks("train")) == 3
assert type(find_dialect("agentbench", "riddle")) is riddles.Riddle.Grammar
assert find_dialect("agentbench", "riddle") is get_dialect("agentbench", "riddle", riddle.dialects)
assert type(find_dialect("agentbench", "riddles:Riddle")) is riddles.Riddle.Grammar
assert type(find_dialect("agentbench", "puzzle")) is riddles.PuzzleGrammar
assert type(find_dialect("staged", "database")) is riddles.Staged
assert find_dialect("react", "riddle").name == "react"
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a module and its metadata, as pip leaves them."""
    (tmp_path / "riddles.py").write_text(MODULE, encoding="utf-8")
    metadata = tmp_path / "riddles-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: riddles\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return tmp_path


def test_an_installed_package_adds_dialects_and_an_environment_with_its_own_grammar(package: Path) -> None:
    here = [str(package), str(Path(__file__).parents[1]), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(here)}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=60
    )
    assert ran.returncode == 0, ran.stderr


def test_dialects_that_an_environment_brings_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    own = find_dialect("json", "database")
    monkeypatch.setattr(DatabaseEnvironment, "dialects", {"react": own})
    assert find_dialect("react", "database") is own
    assert find_dialect("agentbench", "database").name == "agentbench"


def test_an_environment_that_is_not_installed_has_the_dialects_for_any() -> None:
    assert find_dialect("react", "of-somebody-else").name == "react"
    with pytest.raises(RecipeError, match="no grammar for the environment 'of-somebody-else'"):
        find_dialect("agentbench", "of-somebody-else")
    with pytest.raises(RecipeError, match="did you mean 'native'"):
        find_dialect("natve", "database")


def test_a_dialect_is_shared_and_an_environment_has_none_of_its_own_by_default() -> None:
    assert find_dialect("react", "database") is find_dialect("react", "household")
    assert isinstance(find_dialect("react", "database"), Dialect)
    assert Environment.dialects == {}
