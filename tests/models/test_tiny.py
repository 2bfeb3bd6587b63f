"""The tiny model: complete, the same every time, and made once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from trajectune.models import tiny
from trajectune.models.chat import renderer_of
from trajectune.models.loading import load_model, resolve_model


def test_equal_seeds_give_equal_weights_and_draw_nothing_from_others(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    folders = [
        tiny.write_tiny_model(tmp_path / name, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    assert torch.equal(torch.rand(3), expected)
    a, b, c = (load_file(folder / "model.safetensors") for folder in folders)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_it_is_a_whole_model(tmp_path: Path) -> None:
    loaded = load_model(str(tiny.write_tiny_model(tmp_path / "tiny")), dtype="float32", device="cpu")
    tokenizer = loaded.tokenizer
    assert len(tokenizer) <= tiny.MAX_VOCABULARY
    assert loaded.end_tokens == (tokenizer.convert_tokens_to_ids("<|im_end|>"),)
    for text in ("SELECT * FROM t;", "東京 é\n\n  x", "\x00\t"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == text
    assert renderer_of(tokenizer).turn[:2] == ("", "<|im_end|>")
    assert loaded.max_context == 4096


def test_the_one_in_the_cache_is_made_once_and_swept_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path))
    left = tmp_path / "models" / "tiny-v1.partial"  # of a process that was killed
    left.mkdir(parents=True)
    (left / "old").write_text("x")
    folder = resolve_model("tiny")
    assert isinstance(folder, Path)
    assert not (folder / "old").exists()
    assert not left.exists()
    written = (folder / "config.json").stat().st_mtime_ns
    assert tiny.tiny_model() == folder
    assert (folder / "config.json").stat().st_mtime_ns == written
