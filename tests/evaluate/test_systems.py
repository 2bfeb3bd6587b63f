"""Who was measured: identities follow from what was loaded, not from what it is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model

from trajectune.composition import presets
from trajectune.errors import ModelError
from trajectune.evaluate.contract import System
from trajectune.evaluate.systems import load_system
from trajectune.models.loading import load_model
from trajectune.storage import read_json, write_json


def test_the_same_weights_are_the_same_under_any_name_and_place(
    base: System, tiny_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_dir, tmp_path / "elsewhere")
    other = load_system("other", str(tmp_path / "elsewhere"), dtype="float32", device="cpu")
    assert other.identity.weights == base.identity.weights != ""
    assert other.identity.template == base.identity.template != ""
    assert (other.name, other.identity.model) == ("other", str(tmp_path / "elsewhere"))


def test_a_tuned_model_is_never_taken_for_its_base(base: System, changed_dir: str) -> None:
    """Wrong before: a tuned model that was measured alone was stored as `base`, with nothing else said."""
    impostor = load_system("base", changed_dir, dtype="float32", device="cpu")
    assert impostor.identity.weights != base.identity.weights
    assert impostor.identity.template == base.identity.template


def test_another_template_is_another_template(base: System, tiny_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_dir, folder)
    tokenizer = load_model(str(folder), "float32", "cpu").tokenizer
    tokenizer.chat_template = str(tokenizer.chat_template) + " "
    tokenizer.save_pretrained(folder)
    other = load_system("base", str(folder), dtype="float32", device="cpu").identity
    assert other.template != base.identity.template
    assert other.weights == base.identity.weights


def test_a_model_in_memory_is_known_by_its_tensors(tiny_dir: Path) -> None:
    loaded = load_model(str(tiny_dir), "float32", "cpu")
    before = load_system("x", loaded).identity.weights
    assert load_system("y", load_model(str(tiny_dir), "float32", "cpu")).identity.weights == before
    next(iter(loaded.model.parameters())).data += 1
    assert load_system("x", loaded).identity.weights != before


def test_a_composition_is_known_by_all_its_models_and_weights(tiny_dir: Path, changed_dir: str) -> None:
    small, tuned = (load_model(str(path), "float32", "cpu") for path in (tiny_dir, changed_dir))

    def weights(alpha: float, *models: int) -> str:
        three = [(small, tuned)[which] for which in models]
        return load_system("emulated", presets.upscale(*three, alpha=alpha)).identity.weights

    found = {weights(1.0, 0, 1, 0), weights(0.5, 0, 1, 0), weights(1.0, 1, 1, 0), weights(1.0, 0, 0, 0)}
    assert len(found) == 4
    assert weights(1.0, 0, 1, 0) in found


def test_a_composition_file_is_named_by_its_formula(
    base: System, tiny_dir: Path, changed_dir: str, tmp_path: Path
) -> None:
    """Wrong before: an emulated model was stored as `tuned`."""
    models = {"large": str(tiny_dir), "tuned": changed_dir, "base": str(tiny_dir)}
    path = tmp_path / "emulated.yaml"
    path.write_text(yaml.safe_dump({"form": "upscale", "models": models, "draft": {"proposer": "lookup"}}))
    system = load_system("emulated", str(path), dtype="float32", device="cpu")
    assert system.name == "emulated"
    assert system.identity.model == f"1·{changed_dir} +1·{tiny_dir} -1·{tiny_dir}"
    assert system.identity.weights not in ("", base.identity.weights)
    assert system.speculation is not None
    assert system.speculation.proposer == "lookup"


def test_an_adapter_is_known_with_its_base(tiny_dir: Path, changed_dir: str, tmp_path: Path) -> None:
    """Another base under the same adapter is another system, and so is the base alone."""

    def weights(base: str) -> str:
        model = load_model(base, "float32", "cpu").model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj"]))  # pyright: ignore[reportArgumentType]
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        adapted.save_pretrained(str(folder))
        config = folder / "adapter_config.json"
        write_json(config, read_json(config) | {"base_model_name_or_path": base})
        return load_system("adapted", str(folder), dtype="float32", device="cpu").identity.weights

    found = {weights(str(tiny_dir)), weights(changed_dir)}
    assert len(found) == 2
    assert not found & {
        load_system("b", p, device="cpu").identity.weights for p in (str(tiny_dir), changed_dir)
    }


def test_limits_and_dialect_are_kept(tiny_dir: Path) -> None:
    system = load_system(
        "a", str(tiny_dir), dialect="react", device="cpu", batch_size=3, max_new_tokens=5, max_context=99
    )
    assert (system.batch_size, system.max_new_tokens, system.max_context) == (3, 5, 99)
    assert system.identity.dialect == "react"
    assert system.scorer is system.composition.lead


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        load_system("base", "./not/there")
