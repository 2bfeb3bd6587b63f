"""`trajectune data masks`, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from trajectune.cli.masks import coloured
from trajectune.tune.data.rows import TokenRow

Command = Callable[..., Any]


def row(answer: str) -> str:
    return json.dumps({"instruction": "Say it.", "output": answer})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join([row("yes"), row("no<|im_end|>"), row("well"), "{torn"]), encoding="utf-8")
    return path


def test_every_row_is_proven_or_rejected(trajectune: Command, file: Path) -> None:
    ended = trajectune("data", "masks", file, "--model", "tiny", "--rows", 1)
    assert ended.status == 0, ended.err
    for part in ("rows with a proven mask 2", "rejected 2", "1 × message 1 contains the text of a special"):
        assert part in ended.out
    assert "1 × unreadable: not JSON" in ended.out
    assert ended.out.count("tokens trained") == 1


def test_what_does_not_fit_is_rejected(trajectune: Command, file: Path) -> None:
    ended = trajectune("data", "masks", file, "--model", "tiny", "--max-tokens", 4)
    assert "rows with a proven mask 0" in ended.out
    assert "trained tokens 0 (0.0%)" in ended.out


def test_trained_tokens_are_green_and_hostile_signs_are_harmless(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    ids = tokenizer.encode("ask\x1b[2J", add_special_tokens=False)
    answer = tokenizer.encode("é!", add_special_tokens=False)
    trained = np.array([False] * len(ids) + [True] * len(answer))
    text = coloured(TokenRow("a", "", np.array(ids + answer, np.int32), trained), tokenizer)
    assert text.plain == r"ask\x1b[2Jé!"
    styles = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert all(("green" in style) == (part in "é!") for part, style in styles.items())
