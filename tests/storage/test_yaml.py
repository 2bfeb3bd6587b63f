"""What goes wrong with a YAML file is said with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.errors import ModelError, RecipeError
from trajectune.storage.yaml import read_yaml


def test_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, {b: null}]")
    assert read_yaml(tmp_path / "a.yaml", "the recipe", RecipeError) == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a: [", "the recipe is not YAML"), (b"\xff\xfe\xff", "the recipe cannot be read: it is not UTF-8")],
)
def test_what_is_no_yaml_is_an_error_with_its_place(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=said) as caught:
        read_yaml(path, "the recipe", RecipeError)
    assert str(path) in caught.value.where


def test_a_missing_file_is_the_callers_kind_of_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        read_yaml(tmp_path / "none.yaml", "the composition", ModelError)


@pytest.mark.parametrize(
    ("content", "place"),
    [("a: 1\nb: [1,\nc: 2\n", "line 2"), ("a: 1\n\tb: 2\n", "line 2"), ("a: 'x\n", "line 2")],
)
def test_the_line_of_the_mistake_is_named(tmp_path: Path, content: str, place: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(RecipeError, match="mend the line") as caught:
        read_yaml(path, "the recipe", RecipeError)
    assert place in caught.value.where


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system", "!mine x"]
)
def test_a_tag_runs_nothing(tmp_path: Path, tag: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(f"a: {tag}\n")
    with pytest.raises(RecipeError, match="is not YAML"):
        read_yaml(path, "the recipe", RecipeError)


def test_a_folder_and_a_home_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="Is a directory"):
        read_yaml(tmp_path, "the recipe", RecipeError)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.yaml").write_text("1")
    assert read_yaml("~/a.yaml", "the recipe", RecipeError) == 1
