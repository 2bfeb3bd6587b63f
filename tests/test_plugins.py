"""Classes are found by name wherever they are, and what is wrong with them is said with its place."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from types import ModuleType

import pytest

from trajectune.errors import RecipeError, UnavailableError
from trajectune.plugins import build, installed, is_dotted, load_class

GROUP = "trajectune.test_shapes"
CODE = """
from test_plugins_shapes import Shape

class Square(Shape):
    def __init__(self, side: float, unit: str = "m"):
        if side < 0:
            raise ValueError("negative")
        self.side, self.unit = side, unit
    def area(self):
        return self.side ** 2

class Any(Shape):
    def __init__(self, **options):
        self.options = options
    def area(self):
        return 0.0

NOTHING = 3
"""


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `geometry` that announces a square, with the shapes of this file behind it."""
    shapes = ModuleType("test_plugins_shapes")
    shapes.__dict__["Shape"] = Shape
    monkeypatch.setitem(sys.modules, "test_plugins_shapes", shapes)
    (tmp_path / "geometry.py").write_text(CODE)
    info = tmp_path / "geometry-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: geometry\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nsquare = geometry:Square\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["square", "geometry:Square"])
@pytest.mark.usefixtures("package")
def test_an_announced_class_and_a_dotted_one_are_the_same(name: str) -> None:
    kind = load_class(name, GROUP, Shape, "shape")
    assert build(kind, {"side": 2}, name, "shape").area() == 4
    assert installed(GROUP) == {"square": "geometry:Square"}


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "said", "remedy"),
    [
        ("sqare", "there is no shape called 'sqare'", "did you mean 'square'? installed: square"),
        ("", "there is no shape called ''", "package.module:Class"),
        (":Square", "there is no shape called", "package.module:Class"),
        ("geometry:Sqare", "the module geometry has no 'Sqare'", "did you mean 'Square'?"),
        ("geometry:NOTHING", "'geometry:NOTHING' is no shape", "Shape"),
        ("geometri:Square", "there is no module 'geometri'", "check the spelling"),
        ("geometry.far:Square", "there is no module", "check the spelling"),
    ],
)
def test_a_wrong_name_says_what_would_be_right(name: str, said: str, remedy: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_class(name, GROUP, Shape, "shape")
    assert said in caught.value.what
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("options", "said", "remedy"),
    [
        ({"sde": 1, "side": 1}, "has no option 'sde'", "did you mean 'side'? its options: side, unit"),
        ({}, "needs the option 'side'", "set it: side: …"),
        ({"side": -1}, "cannot be built: ValueError: negative", "mend its code"),
    ],
)
@pytest.mark.usefixtures("package")
def test_wrong_options_are_said_before_or_with_the_line(
    options: dict[str, object], said: str, remedy: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        build(load_class("square", GROUP, Shape, "shape"), options, "square", "shape")
    assert said in caught.value.what
    assert remedy in caught.value.remedy
    assert ("geometry.py:7" in caught.value.where) == ("ValueError" in said)


@pytest.mark.usefixtures("package")
def test_a_class_that_takes_any_options_is_asked_itself() -> None:
    kind = load_class("geometry:Any", GROUP, Shape, "shape")
    assert vars(build(kind, {"x": 1}, "any", "shape")) == {"options": {"x": 1}}


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("import no_such_package_at_all", UnavailableError, "needs the package 'no_such_package_at_all'"),
        ("1 / 0", RecipeError, "cannot be imported: ZeroDivisionError"),
        ("def f(:", RecipeError, "cannot be imported: SyntaxError"),
    ],
)
def test_a_module_that_breaks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, kind: type[Exception], said: str
) -> None:
    name = f"broken_{len(code)}"
    (tmp_path / f"{name}.py").write_text(f"\n{code}\n")
    monkeypatch.chdir(tmp_path)  # the current folder is searched, as `python -m` does
    with pytest.raises(kind) as caught:
        load_class(f"{name}:Square", GROUP, Shape, "shape")
    assert said in str(caught.value)
    assert kind is UnavailableError or f"{name}.py:2" in str(caught.value)


def test_what_a_dotted_name_is() -> None:
    assert [name for name in ("a:b", "a.b:C", "a:", ":b", "a", "") if is_dotted(name)] == ["a:b", "a.b:C"]


@pytest.mark.usefixtures("package")
def test_packages_are_read_once_for_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(GROUP)
    monkeypatch.setattr("trajectune.plugins.entry_points", lambda **_: pytest.fail("read again"))
    assert installed(GROUP) == {"square": "geometry:Square"}
    monkeypatch.undo()  # the package's folder too
    assert installed(GROUP) == {}
