"""LoRA adapters over one base: right scores, shared weights, an untouched base."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from support.models import Tiny
from trajectune.composition.files import Emulation
from trajectune.composition.presets import upscale
from trajectune.engine.engine import Engine
from trajectune.engine.network.llama import LlamaNetwork, Prepared
from trajectune.engine.network.network import make_network
from trajectune.engine.requests import Request
from trajectune.errors import ModelError
from trajectune.models.adapters import attach, load_sharing
from trajectune.models.loading import LoadedModel, load_model

IDS = torch.arange(10)[None]
TARGETS = ["q_proj", "v_proj", "gate_proj", "down_proj"]


def make_adapter(base: str, folder: Path, seed: int, **settings: object) -> Path:
    torch.manual_seed(seed)
    model = load_model(base, "float32", "cpu").model
    config = LoraConfig(target_modules=TARGETS, init_lora_weights=False, **settings)  # pyright: ignore[reportArgumentType]
    get_peft_model(model, config).save_pretrained(str(folder))
    return folder


def memory(model: LoadedModel) -> set[int]:
    return {parameter.data_ptr() for parameter in model.model.parameters()}


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    made = [make_adapter("tiny", tmp_path_factory.mktemp("lora"), seed) for seed in (1, 2)]
    return str(made[0]), str(made[1])


@torch.inference_mode()
def logits(model: LoadedModel) -> torch.Tensor:
    return model.model(IDS).logits


def test_an_adapter_scores_as_when_merged_and_shares_the_base(adapters: tuple[str, str]) -> None:
    loaded = load_sharing(["tiny", *adapters], "float32", "cpu")
    base = loaded["tiny"]
    fresh = load_model("tiny", "float32", "cpu")
    torch.testing.assert_close(logits(base), logits(fresh), rtol=0, atol=0)
    for name in adapters:
        assert memory(base) < memory(loaded[name])
        merged = load_model(name, "float32", "cpu")
        torch.testing.assert_close(logits(loaded[name]), logits(merged), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(loaded[adapters[0]]), logits(loaded[adapters[1]]), atol=1e-2)


def test_two_adapters_share_a_base_that_is_not_asked_for(adapters: tuple[str, str]) -> None:
    first, second = load_sharing(list(adapters), "float32", "cpu").values()
    assert len(memory(first) & memory(second)) == len(memory(load_model("tiny", "float32", "cpu")))


def test_a_lone_adapter_is_merged(adapters: tuple[str, str]) -> None:
    lone = load_sharing([adapters[0]], "float32", "cpu")[adapters[0]]
    assert not any("lora" in name for name, _ in lone.model.named_parameters())


def test_the_fast_network_computes_it_over_shared_layers(adapters: tuple[str, str]) -> None:
    loaded = load_sharing(["tiny", adapters[0]], "float32", "cpu")
    prepared: Prepared = {}
    assert isinstance(make_network(loaded["tiny"], prepared), LlamaNetwork)
    layers = len(prepared)
    assert isinstance(make_network(loaded[adapters[0]], prepared), LlamaNetwork)
    assert len(prepared) == layers


def test_a_composition_of_adapters_is_that_of_the_merged_models(adapters: tuple[str, str]) -> None:
    tuned, base = adapters
    shared = Emulation(models={"large": "tiny", "tuned": tuned, "base": base}).compose("cpu", "float32")
    large, first, second = (load_model(name, "float32", "cpu") for name in ("tiny", tuned, base))
    merged = upscale(large, first, second)
    request = Request([5, 9, 14], 24, stop_tokens=())
    replies = [
        Engine(each, max_batch=2, max_context=64).generate([request, request]) for each in (shared, merged)
    ]
    assert replies[0][0].tokens == replies[1][0].tokens == replies[0][1].tokens


def test_another_kind_of_adapter_takes_the_modules_own_code(tmp_path: Path) -> None:
    folder = make_adapter("tiny", tmp_path, 1, use_dora=True)
    loaded = load_sharing(["tiny", str(folder)], "float32", "cpu")
    assert not isinstance(make_network(loaded[str(folder)]), LlamaNetwork)
    merged = load_model(str(folder), "float32", "cpu")
    torch.testing.assert_close(logits(loaded[str(folder)]), logits(merged), rtol=1e-4, atol=1e-4)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    from trajectune.models.shrink import shrink

    other = load_model(str(shrink("tiny", 2, tmp_path / "cut", [[5, 9, 3]])), "float32", "cpu")
    wide = make_adapter("tiny", tmp_path / "wide", 1, r=4)
    config = wide / "adapter_config.json"
    config.write_text(config.read_text("utf-8").replace('"r": 4', '"r": 5'), "utf-8")
    with pytest.raises(ModelError, match="says rank 5, its weights have 4"):
        attach(wide, other)
    larger = Tiny(width=48).loaded()
    with pytest.raises(ModelError, match=r"does not fit its base model, llama: .* size mismatch"):
        attach(make_adapter("tiny", tmp_path / "thin", 1, r=4), larger)


def test_an_adapter_that_cannot_be_trusted_or_read_is_refused(
    adapters: tuple[str, str], tmp_path: Path
) -> None:
    shutil.copytree(adapters[0], tmp_path / "pickle")
    (tmp_path / "pickle" / "adapter_model.safetensors").rename(tmp_path / "pickle" / "adapter_model.bin")
    with pytest.raises(ModelError, match="no safetensors"):
        load_sharing(["tiny", str(tmp_path / "pickle")], "float32", "cpu")
    for text, match in (("{torn", "cannot be read"), ("{}", "base model is"), ("[]", "found an array")):
        folder = shutil.copytree(adapters[0], tmp_path / "broken", dirs_exist_ok=True)
        (folder / "adapter_config.json").write_text(text, "utf-8")
        with pytest.raises(ModelError, match=match):
            load_sharing(["tiny", str(folder)], "float32", "cpu")
