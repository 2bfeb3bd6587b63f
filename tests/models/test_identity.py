"""Digests tell models and templates apart, and a tuned model is used as it was tuned."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from trajectune.errors import DataError, ModelError
from trajectune.models import identity
from trajectune.models.adapters import load_sharing
from trajectune.models.chat import renderer_of
from trajectune.models.identity import (
    Provenance,
    read_provenance,
    template_digest,
    weights_digest,
    write_provenance,
)
from trajectune.models.loading import load_model
from trajectune.models.templates import load_tokenizer


@pytest.fixture
def folder(tiny_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_dir, tmp_path / "model"))


def change_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(iter(weights))
    weights[name].view(-1)[0] += 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def test_weights_are_told_apart_and_copies_are_not(tiny_dir: Path, folder: Path) -> None:
    before = weights_digest(folder)
    assert before == weights_digest(tiny_dir)
    change_weight(folder)
    assert weights_digest(folder) != before


def test_large_files_are_digested_in_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = weights_digest(folder)
    monkeypatch.setattr(identity, "WHOLE", 1000)
    sampled = weights_digest(folder)
    assert sampled != whole
    weights = load_file(folder / "model.safetensors")
    save_file({k: w + 1e-3 for k, w in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    assert weights_digest(folder) != sampled


def test_a_folder_without_safetensors_has_no_digest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no safetensors"):
        weights_digest(tmp_path)


def test_a_template_is_the_same_after_saving_and_loading(folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(folder))
    digest = template_digest(tokenizer)
    tokenizer("use", truncation=True, max_length=1)
    assert template_digest(tokenizer) == digest
    tokenizer.save_pretrained(tmp_path / "saved")
    shutil.copy(folder / "config.json", tmp_path / "saved")
    assert template_digest(load_tokenizer(str(tmp_path / "saved"))) == digest
    tokenizer.chat_template = f"{tokenizer.chat_template} "
    assert template_digest(tokenizer) != digest
    assert renderer_of(tokenizer).digest == template_digest(tokenizer)


def test_a_tuned_model_is_used_under_its_own_template_unless_asked_for(folder: Path) -> None:
    provenance = Provenance(
        base="tiny", base_weights="1", template=template_digest(load_tokenizer(str(folder))), dialect="json"
    )
    write_provenance(folder, provenance)
    assert read_provenance(folder) == provenance
    load_model(str(folder), "float32", "cpu")
    with (folder / "chat_template.jinja").open("a", encoding="utf-8") as file:
        file.write("{{ ' and now?' }}")
    with pytest.raises(ModelError, match="--allow-other-template"):
        load_model(str(folder), "float32", "cpu")
    with pytest.raises(ModelError, match="another tokenizer or chat template"):
        load_sharing([str(folder)], "float32", "cpu")
    load_model(str(folder), "float32", "cpu", allow_other_template=True)


def test_an_adapter_over_a_shared_base_is_checked_too(tiny_dir: Path, tmp_path: Path) -> None:
    base = load_model(str(tiny_dir), "float32", "cpu")
    with torch.random.fork_rng(devices=[]):
        get_peft_model(base.model, LoraConfig(target_modules=["q_proj"])).save_pretrained(str(tmp_path))
    write_provenance(tmp_path, Provenance(base="tiny", base_weights="", template="of another one"))
    names = [str(tiny_dir), str(tmp_path)]
    with pytest.raises(ModelError, match="another tokenizer or chat template"):
        load_sharing(names, "float32", "cpu")
    assert len(load_sharing(names, "float32", "cpu", allow_other_template=True)) == 2


def test_a_damaged_note_is_named(folder: Path) -> None:
    (folder / identity.NOTE).write_text('{"base": 3}', encoding="utf-8")
    with pytest.raises(DataError, match="not a note of where a model comes from: base: ") as caught:
        load_model(str(folder))
    assert caught.value.where == str(folder / identity.NOTE)
