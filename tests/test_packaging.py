"""What is installed is whole: files beside the code, entry points, pins. `.ci/wheel` installs it."""

from __future__ import annotations

import fnmatch
import importlib
import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import trajectune
from trajectune.dialects.contract import Dialect
from trajectune.environments.contract import Environment

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "trajectune"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENTRY_POINTS: dict[str, dict[str, str]] = PROJECT["project"]["entry-points"]
CONTRACTS = {"trajectune.environments": Environment, "trajectune.dialects": Dialect}


def files(suffix: str) -> list[Path]:
    return [path for path in SOURCE.rglob(f"*{suffix}") if "__pycache__" not in path.parts]


def required() -> list[str]:
    """Names of all packages that the project or an extra of it asks for."""
    project = PROJECT["project"]
    asked = itertools.chain(project["dependencies"], *project["optional-dependencies"].values())
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in asked]
    return [name for name in names if name != project["name"]]  # an extra may ask for others


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in files(".py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_files_beside_the_code_are_packed() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["trajectune"]
    names = [path.relative_to(SOURCE).as_posix() for path in files("") if path.is_file()]
    built = (".py", ".c", ".h", ".so")  # sources of the native part, and what is made of them
    beside = [name for name in names if not name.endswith(built)]
    assert "py.typed" in beside
    assert [name for name in beside if not any(_matches(name, each) for each in patterns)] == []


@pytest.mark.parametrize(
    ("group", "name", "place"), [(g, n, p) for g, points in ENTRY_POINTS.items() for n, p in points.items()]
)
def test_entry_points_lead_somewhere(group: str, name: str, place: str) -> None:
    module, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if group in CONTRACTS:
        assert issubclass(found, CONTRACTS[group])
        assert found.name == name.partition(".")[0]


def test_every_package_that_is_asked_for_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pinned = {_normal(line.partition("==")[0]) for line in lines}
    assert [line for line in lines if "==" not in line] == []
    assert [name for name in required() if _normal(name) not in pinned] == []


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", trajectune.__version__)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _matches(name: str, pattern: str) -> bool:
    """Whether a file is covered; setuptools' `**/` also stands for no folder at all."""
    return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, pattern.removeprefix("**/"))
