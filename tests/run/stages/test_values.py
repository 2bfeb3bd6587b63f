"""What identifies a file or a model: its content, wherever it stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.run.stages import values
from trajectune.run.stages.values import data_values, file_values, model_values, option_values


@given(one=st.binary(max_size=40), two=st.binary(max_size=40))
def test_files_are_the_same_exactly_where_their_bytes_are(
    one: bytes, two: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / "a").write_bytes(one)
    (folder / "b").write_bytes(two)
    assert (file_values(folder / "a") == file_values(folder / "b")) == (one == two)


def test_a_file_that_changes_in_place_is_another(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    before = file_values(path)
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert file_values(path) != before
    path.unlink()
    assert file_values(path) is None


def test_a_large_file_goes_by_its_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "DIGEST_BYTES", 3)
    path = tmp_path / "a"
    path.write_text("four")
    os.utime(path, ns=(5, 5))
    assert file_values(path) == {"bytes": 4, "modified": 5}
    os.utime(path, ns=(6, 6))
    assert file_values(path) == {"bytes": 4, "modified": 6}


def test_a_data_set_goes_by_its_name_and_a_file_by_name_and_content(tmp_path: Path) -> None:
    assert data_values("hf:a/b:train") == "hf:a/b:train"
    (tmp_path / "x.jsonl").write_text("{}")
    (tmp_path / "y.jsonl").write_text("{}")
    one, two = (data_values(str(tmp_path / name)) for name in ("x.jsonl", "y.jsonl"))
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert one["content"] == two["content"]
    assert one != two, "rows without a source are called after their file"


def test_a_composition_goes_by_its_models_content(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    path = tmp_path / "composition.yaml"
    path.write_text(f"form: upscale\nmodels: {{large: {model}, tuned: a, base: b}}\n")
    before = model_values(str(path))
    assert isinstance(before, dict)
    assert isinstance(before["models"], dict)
    assert before["models"].keys() == {"large", "tuned", "base"}
    (model / "config.json").write_text("{ }")
    assert model_values(str(path)) != before


@pytest.mark.parametrize("value", [3, None, "", "no such file", ["a"], {"a": 1}, "x" * 5_000])
def test_an_option_that_is_no_file_stands_for_itself(value: Any) -> None:
    assert option_values({"k": value}) == {"k": value}


def test_an_option_that_names_a_file_stands_for_its_content(tmp_path: Path) -> None:
    path = tmp_path / "tables.csv"
    path.write_text("a,b")
    before = option_values({"tables": str(path)})
    path.write_text("a,b,c")
    assert option_values({"tables": str(path)}) != before
