"""`--set`: keys of a recipe changed on the command line, checked as a recipe is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Command = Callable[..., Any]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe without environments and with as little as there can be."""
    data = tmp_path / "chat.jsonl"
    data.write_text("".join(json.dumps({"instruction": f"{n}?", "output": "yes"}) + "\n" for n in range(6)))
    path = tmp_path / "my.yaml"
    general = {"chat": {"data": str(data)}}
    path.write_text(
        yaml.safe_dump(
            {"name": "x", "model": "tiny", "curate": {"eta": 0.0, "general": general, "validation": 1}}
        )
    )
    return path


def stored(tmp_path: Path) -> dict[str, Any]:
    return yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text("utf-8"))


def settings(*pairs: str) -> list[str]:
    return [part for pair in pairs for part in ("--set", pair)]


def test_sections_appear_where_a_key_needs_them(trajectune: Command, recipe: Path, tmp_path: Path) -> None:
    pairs = [
        "tune.lora.rank=4",
        "curate.general.more.data=chat.jsonl",
        "curate.general.more.weight=2",
        "suites.mine.suite=my:Suite",
        "suites.mine.depth=3",
    ]
    assert trajectune("curate", recipe, "--run-dir", "run", *settings(*pairs)).status == 0
    found = stored(tmp_path)
    assert found["tune"]["lora"]["rank"] == 4
    assert found["curate"]["general"]["more"] == {
        "data": "chat.jsonl",
        "rows": None,
        "weight": 2.0,
        "reasoning": "keep",
    }
    assert found["suites"] == {"mine": {"suite": "my:Suite", "depth": 3}}
    made = json.loads((tmp_path / "run" / "curate" / "mixture.json").read_text("utf-8"))
    assert made["shares"]["more"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("curate.etta=1", "curate.etta: unknown key; did you mean `eta`?"),
        ("curate.eta=2", "curate.eta: Input should be less than or equal to 1"),
        ("curate.eta=much", "curate.eta: Input should be a valid number"),
        ("name.first=x", "no such key to change: name.first"),
        ("curate.eta", "'curate.eta' is no KEY=VALUE"),
        ("curate.eta=[", "the value of 'curate.eta=[' is not YAML"),
        ("environments.e.environment=databse", "did you mean 'database'?"),
        ("curate.general.chat.data=nowhere.jsonl", "no such data file"),
        ("model=/no/model", "no such model"),
    ],
)
def test_a_wrong_setting_is_said_before_any_work(
    trajectune: Command, recipe: Path, tmp_path: Path, pair: str, said: str
) -> None:
    ended = trajectune("curate", recipe, "--run-dir", "run", *settings(pair))
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "run").exists()


def test_the_last_of_two_settings_counts(trajectune: Command, recipe: Path, tmp_path: Path) -> None:
    pairs = settings("seed=1", "seed=2")
    assert trajectune("curate", recipe, "--run-dir", "run", *pairs).status == 0
    assert stored(tmp_path)["seed"] == 2


def test_a_place_that_cannot_be_written_is_one_line_and_no_traceback(
    trajectune: Command, recipe: Path
) -> None:
    """It was a traceback."""
    ended = trajectune("curate", recipe, "--run-dir", recipe / "run")
    assert ended.status == 2
    assert "cannot be written: Not a directory" in ended.err
    assert "Traceback" not in ended.err


def test_a_run_directory_with_a_damaged_recipe_is_named(
    trajectune: Command, recipe: Path, tmp_path: Path
) -> None:
    """It was a traceback of the YAML parser."""
    assert trajectune("curate", recipe, "--run-dir", "run").status == 0
    (tmp_path / "run" / "recipe.yaml").write_text("name: [")
    for command in (["curate", recipe, "--run-dir", "run"], ["clean", "run"]):
        ended = trajectune(*command)
        assert ended.status == 2
        assert "the recipe is not YAML" in ended.err
        assert "run/recipe.yaml" in ended.err
