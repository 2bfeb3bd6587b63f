"""A recipe that runs in seconds, with the tiny model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console

from trajectune.models import loading
from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, load_recipe, override

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="session")
def quiet() -> Display:
    return Display(Console(quiet=True))


@pytest.fixture(scope="session")
def fp32() -> Iterator[None]:
    """Models are loaded in fp32, so that numbers do not depend on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "fastest_dtype", lambda *_: torch.float32)
        yield


@pytest.fixture(scope="session")
def general_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of general conversations, so that the tiny model need not ramble its own."""
    path = tmp_path_factory.mktemp("general") / "chat.jsonl"
    rows = [
        {"instruction": f"Say the number {n}.", "input": "", "output": f"The number is {n}."}
        for n in range(20)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def recipe(general_file: Path) -> Recipe:
    """The smoke recipe with general data from a file, as little as there can be."""
    return override(
        load_recipe(RECIPES / "smoke.yaml"),
        {
            "curate.general": {"chat": {"data": str(general_file), "rows": 12}},
            "environments.database.evaluate": 2,
            "tune.precision": "fp32",
        },
    )


@pytest.fixture(scope="session")
def brief(recipe: Recipe) -> Recipe:
    """Even less: half a dozen tasks, one pass, nothing measured in general."""
    return override(
        recipe,
        {
            "environments.database.collect": 4,
            "tune.epochs": 1.0,
            "evaluate.general": False,
            "evaluate.max_new_tokens": 4,
            "environments.database.evaluate": 1,
        },
    )


@pytest.fixture(scope="session")
def finished(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory, quiet: Display, fp32: None) -> Path:
    """A whole run of `recipe`. Tests read it, and leave it as it is."""
    from trajectune.run.run import run_recipe

    del fp32
    return run_recipe(recipe, tmp_path_factory.mktemp("runs") / "smoke", display=quiet)
