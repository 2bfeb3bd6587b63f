"""A model is looked at without its weights' numbers: what loading would refuse is refused, and no more."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.families import FAMILIES
from trajectune.errors import ModelError
from trajectune.models.folder.check import check_model
from trajectune.models.loading import load_model
from trajectune.models.templates import load_tokenizer

Change = Callable[[Path], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return FAMILIES["qwen2"].write(tmp_path / "model")


def more_tokens(folder: Path) -> None:
    tokenizer = load_tokenizer(str(folder))
    tokenizer.add_tokens(["<new_1>", "<new_2>"])
    tokenizer.save_pretrained(folder)


def config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


FAULTS: dict[str, tuple[Change, str]] = {
    "a tokenizer that is larger than the embedding": (
        more_tokens,
        r"the tokenizer has [\d,]+ tokens, the model's embedding [\d,]+ rows: '<new_1>' has none",
    ),
    "another kind of model": (lambda f: config(f, model_type="bert"), "both directions"),
    "a size that lies": (lambda f: config(f, hidden_size=-1), "`hidden_size` is -1"),
    "more layers than weights": (
        lambda f: config(f, num_hidden_layers=9, layer_types=["full_attention"] * 9),
        "describes 9 layers, the weight files hold 4",
    ),
    "no configuration": (lambda f: (f / "config.json").write_text("[]", "utf-8"), "found an array"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no safetensors"),
    "damaged weights": (lambda f: (f / "model.safetensors").write_bytes(b"x"), "damaged"),
    "no tokenizer": (
        lambda f: [path.unlink() for path in f.glob("tokenizer*")],
        "the tokenizer cannot be loaded",
    ),
    "a damaged tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), "the tokenizer cannot"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_loading_refuses_is_refused_before_any_work(folder: Path, fault: str) -> None:
    check_model(str(folder))
    change, match = FAULTS[fault]
    change(folder)
    for use in (check_model, lambda name: load_model(name, "float32", "cpu")):
        with pytest.raises(ModelError, match=match) as caught:
            use(str(folder))
        assert str(folder) in caught.value.where
        assert caught.value.remedy


def test_a_special_token_that_no_text_has_may_lack_a_row(folder: Path) -> None:
    tokenizer = load_tokenizer(str(folder))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})  # pyright: ignore
    tokenizer.save_pretrained(folder)
    check_model(str(folder))
    load_model(str(folder), "float32", "cpu")


def test_who_speaks_needs_a_chat_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    check_model(str(folder), template=False)
    with pytest.raises(ModelError, match="no chat template"):
        check_model(str(folder))


def test_it_takes_little_time_and_reads_no_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_model(str(folder))
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", None)
    start = time.perf_counter()
    check_model(str(folder))
    assert time.perf_counter() - start < 2


def test_a_folder_that_cannot_be_read_is_a_model_error(folder: Path, tmp_path: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(tmp_path / "nowhere")
    for name in (str(folder), str(tmp_path / ("x" * 400)), "~nobody-has-this-name/model"):
        with pytest.raises(ModelError):
            check_model(name)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="no such model folder"):
        check_model(str(folder))
