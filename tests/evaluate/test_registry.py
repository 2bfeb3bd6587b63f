"""A user's package adds a suite through an entry point; wrong names and options come with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.errors import RecipeError
from trajectune.evaluate.registry import load_suite, suite_names

CODE = """
from trajectune.evaluate.contract import Measurement, Suite

class Spelling(Suite):
    group = "held-out"

    def __init__(self, words: int = 3, *, name: str = "spelling") -> None:
        if words < 0:
            raise ValueError("fewer than no words")
        self.words, self.name = words, name

    def measure(self, system, folder, seed=0, on_progress=None):
        return Measurement(suite=self.name, group=self.group, system=system.identity)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package, as `importlib.metadata` sees one."""
    (tmp_path / "spelling_bee.py").write_text(CODE)
    info = tmp_path / "spelling_bee-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spelling-bee\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trajectune.suites]\nspelling = spelling_bee:Spelling\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("package")
def test_an_installed_suite_is_found_by_name() -> None:
    assert "spelling" in suite_names()
    suite = load_suite("spelling", {"words": 5, "name": "bee"})
    assert (suite.name, suite.group, vars(suite)["words"]) == ("bee", "held-out", 5)
    assert load_suite("spelling_bee:Spelling").name == "spelling"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("speling", {}, "did you mean 'spelling'"),
        ("spelling", {"wrods": 1}, "words, name"),
        ("spelling", {"words": -1}, "fewer than no words"),
        ("spelling_bee:Speling", {}, "Speling"),
        ("no_such_module:Suite", {}, "no_such_module"),
        ("pathlib:Path", {}, "inherits"),
    ],
)
def test_mistakes_come_with_a_remedy(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_suite(name, options)
    assert words in str(caught.value)
    assert caught.value.remedy
