"""The models that a recipe names are looked at before its first stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import CONFIG_MAPPING

from support.families import FAMILIES
from trajectune.errors import ModelError
from trajectune.run.api.data import Mixed
from trajectune.run.api.tuning import tune
from trajectune.run.display import Display
from trajectune.run.plan import plan_recipe
from trajectune.run.recipe import check_recipe
from trajectune.run.run import evaluate_model, run_recipe

MATCH = "'deepseek_v3' are not supported: multi-head latent attention"


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that cannot be used; of its weights nothing is here."""
    folder = tmp_path_factory.mktemp("deepseek")
    CONFIG_MAPPING["deepseek_v3"]().save_pretrained(folder)
    return str(folder)


def recipe(**sections: Any) -> Any:
    base = {"name": "test", "model": "tiny", "environments": {"database": {"collect": 2, "evaluate": 2}}}
    return check_recipe(base | sections, where="here")


@pytest.mark.parametrize("place", ["model", "shrink", "agent", "teacher", "composition"])
def test_nothing_is_collected_for_a_model_that_cannot_be_used(
    place: str, refused: str, tmp_path: Path, quiet: Display
) -> None:
    file = tmp_path / "composed.yaml"
    file.write_text(
        f"form: upscale\nmodels: {{large: {refused}, tuned: tiny, base: tiny}}\n", encoding="utf-8"
    )
    sections: dict[str, dict[str, Any]] = {
        "model": {"model": refused},
        "shrink": {"model": {"shrink": refused, "layers": 2}},
        "agent": {"agent": {"kind": "local", "model": refused}},
        "teacher": {"tune": {"teacher": refused}},
        "composition": {"agent": {"kind": "local", "model": str(file)}},
    }
    with pytest.raises(ModelError, match=MATCH):
        run_recipe(recipe(**sections[place]), tmp_path / "run", display=quiet)
    assert not (tmp_path / "run").exists()


def test_no_command_begins_with_a_model_that_cannot_be_used(
    refused: str, tmp_path: Path, quiet: Display
) -> None:
    with pytest.raises(ModelError, match=MATCH):
        plan_recipe(recipe(model=refused))
    with pytest.raises(ModelError, match=MATCH):
        evaluate_model(recipe(model=refused), "base", tmp_path / "run", display=quiet)
    with pytest.raises(ModelError, match=MATCH):
        tune(refused, Mixed([], [], {}), to=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path, quiet: Display) -> None:
    folder = FAMILIES["qwen2"].write(tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="no chat template"):
        run_recipe(recipe(model=str(folder)), tmp_path / "run", display=quiet)
