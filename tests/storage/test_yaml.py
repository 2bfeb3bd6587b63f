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
