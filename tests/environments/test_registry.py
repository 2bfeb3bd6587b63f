"""Names lead to environments, and wrong names to a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.environments.database import DatabaseEnvironment
from trajectune.environments.registry import environment_names, load_environment
from trajectune.errors import RecipeError, UnavailableError

DATABASE = "trajectune.environments.database.environment:DatabaseEnvironment"


def test_installed_environments():
    assert {"database", "household"} <= set(environment_names())


@pytest.mark.parametrize("name", ["database", DATABASE])
def test_load_with_options(name: str):
    environment = load_environment(name, {"train": 3, "dev": 0, "test": 0})
    assert isinstance(environment, DatabaseEnvironment)
    assert len(environment.tasks("train")) == 3


@pytest.mark.parametrize(
    ("name", "options", "remedy"),
    [
        ("databse", {}, "did you mean 'database'? installed: database, household"),
        ("database", {"sead": 1}, "did you mean 'seed'? its options: "),
        ("no_such_module_here:Environment", {}, "check the spelling"),
        (DATABASE.replace("Environment", "Enviroment"), {}, "package.module:Class"),
        ("json:JSONDecoder", {}, "inherits"),
        ("database", {"source": "oracle"}, "one of: generated, dbbench, sqlite"),
        ("database", {"kinds": ["selekt"]}, "select"),
        ("database", {"source": "dbbench"}, "set path: PATH"),
        ("database", {"split": "tset"}, "did you mean 'test'?"),
        ("knowledge_graph", {"split": "tset"}, "did you mean 'test'?"),
        ("operating_system", {"split": "tset"}, "did you mean 'test'?"),
        ("web_navigation", {"split": "tset"}, "did you mean 'test'?"),
    ],
)
def test_mistakes_come_with_a_remedy(name: str, options: dict[str, object], remedy: str):
    with pytest.raises(RecipeError) as caught:
        load_environment(name, options)
    assert remedy in caught.value.remedy or remedy in caught.value.what


def test_a_module_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_environments.py").write_text(
        "from trajectune.environments.database import DatabaseEnvironment\n"
        "class Mine(DatabaseEnvironment):\n"
        "    def __init__(self, size):\n        super().__init__(train=size)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert len(load_environment("my_environments:Mine", {"size": 2}).tasks("train")) == 2
    with pytest.raises(RecipeError, match="needs the option 'size'"):
        load_environment("my_environments:Mine")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "needy_environment.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnavailableError, match="a_package_that_is_not_there"):
        load_environment("needy_environment:Environment")


@pytest.mark.parametrize(
    ("code", "what", "line"),
    [
        ("def broken(:\n", "cannot be imported: SyntaxError: invalid syntax", 1),
        ("\n1 / 0\n", "cannot be imported: ZeroDivisionError: division by zero", 2),
        (
            "from trajectune.environments.database import DatabaseEnvironment as D\n"
            "class Environment(D):\n    def __init__(self):\n        int('three')\n",
            "cannot be built: ValueError: invalid literal",
            4,
        ),
        (
            "from trajectune.environments.contract import Environment\n"
            "class Environment(Environment):\n    name = 'half'\n",
            "cannot be built: TypeError: Can't instantiate abstract class",
            None,
        ),
    ],
)
def test_broken_code_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, what: str, line: int | None
):
    name = f"broken_{abs(hash(code))}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RecipeError) as caught:
        load_environment(f"{name}:Environment")
    assert what in caught.value.what
    assert caught.value.where == (f"{tmp_path / name}.py:{line}" if line else "")


@pytest.mark.parametrize("name", ["", ":", ":Environment", "json:"])
def test_half_a_name_is_no_environment(name: str):
    with pytest.raises(RecipeError, match="no environment called"):
        load_environment(name)
