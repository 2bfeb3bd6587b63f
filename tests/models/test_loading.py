"""Names of models: what they resolve to, and what a user is told when they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from trajectune.errors import ModelError, UnavailableError
from trajectune.example import Message
from trajectune.models import embedded, loading
from trajectune.models.chat import renderer_of
from trajectune.models.loading import layer_count, load_model, resolve_model
from trajectune.models.precision import fastest_dtype

HELLO = [Message(role="user", content="Hello")]


def test_names_are_folders_or_hub_names(tiny_dir: Path) -> None:
    assert resolve_model(str(tiny_dir)) == tiny_dir
    assert resolve_model("someone/some-model") == "someone/some-model"


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "~/nothing-here", "a/b/c"])
def test_missing_folders_are_never_looked_up_on_the_hub(name: str) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        resolve_model(name)


def test_a_folder_without_a_model_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        resolve_model(str(tmp_path))
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="no such model folder"):
        resolve_model(str(tmp_path / "file"))


def test_unreachable_hub_is_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trajectune.models.folder.hub._problem", lambda _: "the hub cannot be reached")
    with pytest.raises(ModelError, match="embedded"):
        load_model("someone/a-model-that-is-not-cached", dtype="float32", device="cpu")
    with pytest.raises(ModelError, match="embedded"):
        layer_count("someone/a-model-that-is-not-cached")


def test_layers_are_counted_from_the_configuration_alone(tiny_dir: Path, tmp_path: Path) -> None:
    loaded = load_model(str(tiny_dir), dtype="float32", device="cpu")
    loaded.model.config.save_pretrained(tmp_path)  # no weights
    assert layer_count(str(tmp_path)) == loaded.model.config.num_hidden_layers


@pytest.mark.parametrize(("option", "value"), [("dtype", "float8"), ("device", "toaster")])
def test_unknown_options_are_model_errors(tiny_dir: Path, option: str, value: str) -> None:
    with pytest.raises(ModelError, match=f"unknown {option}"):
        load_model(str(tiny_dir), **{option: value})  # pyright: ignore[reportArgumentType]


def test_pickled_weights_are_not_read(tiny_dir: Path, tmp_path: Path) -> None:
    loaded = load_model(str(tiny_dir), dtype="float32", device="cpu")
    loaded.model.config.save_pretrained(tmp_path)
    loaded.tokenizer.save_pretrained(tmp_path)
    torch.save(loaded.model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_model(str(tmp_path), dtype="float32", device="cpu")


def test_damaged_weights_are_a_model_error(tiny_dir: Path, tmp_path: Path) -> None:
    for file in tiny_dir.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged") as caught:
        load_model(str(tmp_path), dtype="float32", device="cpu")
    assert caught.value.where == str(weights)


@pytest.mark.parametrize("fastest", [torch.float32, torch.bfloat16])
def test_auto_dtype_is_the_measured_one(
    tiny_dir: Path, monkeypatch: pytest.MonkeyPatch, fastest: torch.dtype
) -> None:
    monkeypatch.setattr(loading, "fastest_dtype", lambda device: {"cpu": fastest}[device])
    loaded = load_model(str(tiny_dir), device="cpu")
    assert loaded.dtype == fastest
    assert loaded.max_context == 4096


def test_the_fastest_dtype_is_one_of_two_and_stays_the_same() -> None:
    assert fastest_dtype("cpu") in (torch.float32, torch.bfloat16)
    assert fastest_dtype("cpu") is fastest_dtype("cpu")


def test_a_prompt_is_the_template_without_extra_specials(tiny_dir: Path) -> None:
    loaded = load_model(str(tiny_dir), dtype="float32", device="cpu")
    text = loaded.tokenizer.decode(renderer_of(loaded.tokenizer).prompt(HELLO))
    assert text == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    assert loaded.end_tokens == (loaded.tokenizer.convert_tokens_to_ids("<|im_end|>"),)


def test_no_chat_template_is_said(tiny_dir: Path) -> None:
    loaded = load_model(str(tiny_dir), dtype="float32", device="cpu")
    loaded.tokenizer.chat_template = None  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ModelError, match="no chat template"):
        renderer_of(loaded.tokenizer).prompt(HELLO)
    loaded.tokenizer.chat_template = "{{ raise_exception('only system messages') }}"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ModelError, match="only system messages"):
        renderer_of(loaded.tokenizer).prompt(HELLO)


def test_an_adapter_is_merged_into_its_base(tiny_dir: Path, tmp_path: Path) -> None:
    base = load_model(str(tiny_dir), dtype="float32", device="cpu")
    adapted = get_peft_model(base.model, LoraConfig(target_modules=["q_proj"], init_lora_weights=False))
    ids = torch.arange(10)[None]
    with torch.inference_mode():
        expected = adapted(ids).logits
    adapted.save_pretrained(str(tmp_path))
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_dir)
    merged = load_model(str(tmp_path), dtype="float32", device="cpu")
    with torch.inference_mode():
        torch.testing.assert_close(merged.model(ids).logits, expected, atol=1e-4, rtol=1e-4)


def test_without_the_package_the_remedy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_MODULE", "no_such_module_anywhere")
    with pytest.raises(UnavailableError, match="pip install"):
        resolve_model("embedded")


def test_a_cache_that_cannot_be_written_is_a_model_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="TRAJECTUNE_CACHE"):
        resolve_model("embedded")


@pytest.mark.slow
def test_embedded_model_keeps_template_and_special_tokens(embedded_model_dir: Path) -> None:
    loaded = load_model(str(embedded_model_dir), dtype="float32", device="cpu")
    assert loaded.end_tokens == (2,)
    assert loaded.tokenizer.pad_token_id == 2
    assert loaded.max_context == 8192
    prompt = str(loaded.tokenizer.decode(renderer_of(loaded.tokenizer).prompt(HELLO)))
    assert prompt.endswith("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n")
    assert not hasattr(loaded.model.config, "quantization_config")
    assert not (embedded_model_dir / "model.bin").exists()
