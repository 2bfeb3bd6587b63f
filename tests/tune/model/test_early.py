"""What tuning would refuse, told from a configuration alone."""

from __future__ import annotations

import pytest
from transformers import Phi3Config

from trajectune.errors import RecipeError
from trajectune.tune.model.early import check_tunable
from trajectune.tune.settings import TuneSettings

LIMIT = 64


def long_rope() -> Phi3Config:
    return Phi3Config(
        vocab_size=160,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4 * LIMIT,
        original_max_position_embeddings=LIMIT,
        pad_token_id=0,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10_000.0,
            "short_factor": [1.0, 1.1, 1.3, 2.0],
            "long_factor": [1.0, 3.0, 8.0, 20.0],
            "original_max_position_embeddings": LIMIT,
        },
    )


def test_rows_of_both_sets_of_frequencies_are_not_packed_together() -> None:
    check_tunable(long_rope(), TuneSettings(max_tokens=LIMIT))
    with pytest.raises(RecipeError, match=f"more than {LIMIT} tokens") as refused:
        check_tunable(long_rope(), TuneSettings(max_tokens=LIMIT + 1))
    assert f"`tune.max_tokens` to {LIMIT}" in str(refused.value)
