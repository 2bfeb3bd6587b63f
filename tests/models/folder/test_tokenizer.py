"""The tokenizer of a folder, as everything here is given it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.models.folder.tokenizer import read_tokenizer


def test_long_texts_are_encoded_without_a_word(tiny_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tokenizer = read_tokenizer(tiny_dir)
    tokenizer.model_max_length = 4
    assert len(tokenizer.encode("a text of more than four tokens, by far")) > 4
    captured = capfd.readouterr()
    assert "longer than" not in captured.out + captured.err
