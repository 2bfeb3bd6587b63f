"""LoRA folders: the adapter has the factors of its files, and brings its own embedding and end tokens."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from support.families import FAMILIES
from trajectune.errors import ModelError, TrajectuneError
from trajectune.models.adapters import attach, load_sharing
from trajectune.models.folder.check import check_model
from trajectune.models.loading import load_model
from trajectune.models.tiny import write_tiny_model
from trajectune.models.vocabulary import output_rows

Change = Callable[[dict[str, torch.Tensor]], Any]
IDS = torch.arange(12)[None]
FACTOR = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"
OTHER = FACTOR.replace("q_proj", "k_proj")
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FAMILIES["qwen2"].write(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture(scope="module")
def sound(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(base, tmp_path_factory.mktemp("lora") / "adapter")


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "adapter"))


def make(base: Path, folder: Path, *, more: int = 0, **settings: Any) -> Path:
    """An adapter over `base`, with `more` added tokens and an embedding of that many more rows."""
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    if more:
        tokenizer.add_tokens([f"<new_{number}>" for number in range(more)])
        model.resize_token_embeddings(len(tokenizer))
        torch.nn.init.normal_(model.get_input_embeddings().weight)
    settings = {"target_modules": ["q_proj", "v_proj"], "r": 4, "init_lora_weights": False, **settings}
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    for name, weight in adapted.named_parameters():
        if "modules_to_save" in name:
            torch.nn.init.normal_(weight)
    adapted.save_pretrained(str(folder))
    if more:
        tokenizer.save_pretrained(folder)
    with torch.inference_mode():
        torch.save(adapted(IDS).logits, folder.with_suffix(".logits"))
    return folder


@torch.inference_mode()
def logits(model: Any) -> torch.Tensor:
    return model.model(IDS).logits


def change(folder: Path, **values: Any) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def refused(folder: Path, match: str) -> None:
    """Refused by itself, and beside its base, whose memory it would share."""
    base = json.loads((folder / CONFIG).read_text("utf-8"))["base_model_name_or_path"]
    for names in ([str(folder)], [base, str(folder)]):
        with pytest.raises(ModelError, match=match):
            load_sharing(names, "float32", "cpu")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda w: w.pop(FACTOR), r"1 missing: .*layers\.1\.self_attn\.q_proj\.lora_A"),
        (
            lambda w: w.update({FACTOR.replace("q_proj", "k_proj"): w[FACTOR].clone()}),
            r"1 unexpected: .*k_proj\.lora_A",
        ),
        (lambda w: w.update({FACTOR: w[FACTOR][:, :-1].clone()}), "size mismatch"),
        (lambda w: w.update({FACTOR: w[FACTOR][:-1].clone()}), "size mismatch"),
    ],
)
def test_factors_that_do_not_fit_are_named(folder: Path, change: Change, match: str) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, {"format": "pt"})
    refused(folder, match)


@pytest.mark.parametrize("rank", [5, 10**9, 0, -1, "4", None, [], True])
def test_a_rank_that_the_weights_do_not_have_is_refused(folder: Path, rank: object) -> None:
    change(folder, r=rank)
    refused(folder, "rank|size mismatch")


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("peft_type", "PROMPT_TUNING", "adapters of type 'PROMPT_TUNING' are not supported"),
        ("peft_type", 7, "of type 7"),
        ("rank_pattern", {"q_proj": 10**9}, "says rank 1000000000"),
        ("target_modules", ["nothing"], "does not fit its base model"),
        ("layer_replication", [[0, 10**9]], "more than low-rank factors"),
        ("init_lora_weights", "pissa_niter_1000000000", "more than low-rank factors"),
        ("base_model_name_or_path", "", "does not say what its base model is"),
        ("base_model_name_or_path", ["x"], "does not say what its base model is"),
        ("base_model_name_or_path", "/nowhere", "no such model folder"),
    ],
)
def test_settings_that_no_adapter_has_are_refused(
    folder: Path, key: str, value: object, match: str
) -> None:
    change(folder, **{key: value})
    with pytest.raises(ModelError, match=match):
        load_model(str(folder), "float32", "cpu")


def test_an_adapter_is_never_the_base_of_an_adapter(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    change(folder, base_model_name_or_path=str(folder))
    with pytest.raises(ModelError, match="base model is the adapter itself"):
        load_model(str(folder))
    change(folder, base_model_name_or_path=str(other))
    change(other, base_model_name_or_path=str(folder))
    for use in (load_model, check_model, lambda name: load_sharing([name])):
        with pytest.raises(ModelError, match="base model is an adapter too") as caught:
            use(str(folder))
        assert "merge" in caught.value.remedy


@pytest.mark.parametrize("settings", [{}, {"modules_to_save": ["embed_tokens", "lm_head"]}])
def test_added_tokens_bring_their_embedding(base: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    folder = make(base, tmp_path / "more", more=3, **settings)
    check_model(str(folder))
    merged = load_model(str(folder), "float32", "cpu")
    shared = load_sharing([str(base), str(folder)], "float32", "cpu")
    expected = torch.load(folder.with_suffix(".logits"))
    for each in (merged, shared[str(folder)]):
        torch.testing.assert_close(logits(each), expected, rtol=1e-4, atol=1e-4)
        assert each.tokenizer.convert_tokens_to_ids("<new_2>") == output_rows(each) - 1
    torch.testing.assert_close(logits(shared[str(base)]), logits(load_model(str(base), "float32", "cpu")))


@pytest.mark.parametrize(
    "settings",
    [
        {"modules_to_save": ["embed_tokens", "lm_head"]},
        {"trainable_token_indices": [1, 2, 3]},
        {"target_modules": ["q_proj", "embed_tokens"]},
        {"init_lora_weights": "olora"},
        {"use_dora": True},
    ],
)
def test_a_base_beside_an_adapter_of_any_kind_stays_as_it_is(
    base: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    folder = make(base, tmp_path / "kind", **settings)
    shared = load_sharing([str(base), str(folder)], "float32", "cpu")
    alone = load_model(str(base), "float32", "cpu")
    torch.testing.assert_close(logits(shared[str(base)]), logits(alone), rtol=0, atol=0)
    expected = torch.load(folder.with_suffix(".logits"))
    torch.testing.assert_close(logits(shared[str(folder)]), expected, rtol=1e-3, atol=1e-3)


def test_tokens_without_an_embedding_are_refused(base: Path, folder: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(folder)
    refused(folder, "tokens, the model's embedding .* rows: '<new>' has none")
    with pytest.raises(ModelError, match="'<new>' has none"):
        check_model(str(folder))


def test_end_tokens_beside_an_adapter_count(base: Path, folder: Path) -> None:
    path = folder / "generation_config.json"
    path.write_text('{"eos_token_id": [7, 9]}', "utf-8")
    shared = load_sharing([str(base), str(folder)], "float32", "cpu")
    for each in (load_model(str(folder), "float32", "cpu"), shared[str(folder)]):
        assert each.own_ends[:2] == (7, 9)
    assert 7 not in shared[str(base)].own_ends
    for text in ('{"eos_token_id": "x"}', '{"eos_token_id": -1}', "{torn", "[]"):
        path.write_text(text, "utf-8")
        refused(folder, "no token id|cannot be read|found an array|cannot be used")


def test_an_adapter_attached_by_hand_is_checked_too(folder: Path) -> None:
    loaded = load_model(str(write_tiny_model(folder.parent / "tiny")), "float32", "cpu")
    with pytest.raises(ModelError, match="does not fit its base model"):
        attach(folder, loaded)


def test_a_damaged_adapter_gives_a_model_or_an_error_for_users(
    base: Path, sound: Path, tmp_path: Path
) -> None:
    rng, loaded = random.Random(3), 0
    values = [-1, 0, 10**9, 1.5, True, False, None, "x", "(a+)+", [], {}, [1], {"q_proj": 2}]
    for number in range(20):
        folder = Path(shutil.copytree(sound, tmp_path / str(number)))
        key = rng.choice(sorted(json.loads((folder / CONFIG).read_text("utf-8"))))
        value = rng.choice(values)
        change(folder, **{key: value})
        if number % 4 == 0:
            file = folder / rng.choice([WEIGHTS, CONFIG])
            file.write_bytes(file.read_bytes()[: rng.randrange(2_000)])
        try:
            load_sharing([str(base), str(folder)], "float32", "cpu")
            loaded += 1
        except TrajectuneError:
            pass
        except Exception as error:
            raise AssertionError(f"{key} = {value!r}") from error
    assert 0 < loaded < 20
