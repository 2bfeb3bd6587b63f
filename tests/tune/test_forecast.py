"""Forecasts from rows and from numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from transformers import LlamaConfig

from trajectune.errors import ModelError
from trajectune.models.precision import measured_rate
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.forecast import (
    ModelSize,
    Workload,
    count_operations,
    forecast,
    model_size,
    size_of_config,
)
from trajectune.tune.settings import LoraSettings, TuneSettings

Rows = Callable[..., list[TokenRow]]
LLAMA_2_7B = LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, vocab_size=32000)


def test_agentlm_7b_from_numbers_alone() -> None:
    settings = TuneSettings(learning_rate=5e-5, batch_rows=64, steps=2_000, max_tokens=4_096)
    found = forecast(1_866, "meta-llama/Llama-2-7b-chat-hf", settings, operations_per_second=8 * 312e12)
    assert (found.steps, found.workload.rows) == (2_000, 128_000)
    assert found.workload.tokens == 128_000 * 4_096
    assert found.operations == pytest.approx(6 * 6.7e9 * found.workload.tokens, rel=0.15)
    assert 126 < found.memory_gb < 200  # 18 bytes for each of 7·10⁹ parameters, and activations
    assert found.hours == pytest.approx(found.operations / (8 * 312e12 * 0.6) / 3600, rel=1e-3)


def test_size_of_a_configuration_and_of_a_name() -> None:
    size = size_of_config(LLAMA_2_7B.to_dict())
    assert size.parameters == 6_738_415_616
    assert size.body == size.parameters - 2 * 32_000 * 4_096
    guessed = model_size("some/Llama-2-7b-chat")
    assert guessed.hidden == pytest.approx(4_096, rel=0.05)
    assert guessed.body == pytest.approx(size.body, rel=0.05)
    with pytest.raises(ModelError, match="size is not known"):
        model_size("some/model-chat")


def test_rows_are_packed_to_know_what_they_share(make_rows: Rows) -> None:
    rows = make_rows(16, trunk=40)
    size = ModelSize(parameters=100, body=10, layers=2, hidden=8, intermediate=16, vocabulary=64)
    settings = TuneSettings(batch_rows=8, epochs=2)
    shared = forecast(rows, size, settings, operations_per_second=1e9)
    apart = forecast(
        rows, size, settings.model_copy(update={"prefix_tree": False}), operations_per_second=1e9
    )
    assert shared.steps == 4
    assert shared.workload.rows == apart.workload.rows == 32
    assert shared.workload.tokens == apart.workload.unique_tokens == 2 * sum(map(len, rows))
    assert shared.workload.trained_tokens == 2 * sum(row.trained_tokens for row in rows)
    assert shared.workload.unique_tokens < 0.5 * shared.workload.tokens
    assert shared.operations < apart.operations


def test_operations_by_hand() -> None:
    size = ModelSize(parameters=0, body=1_000, layers=2, hidden=10, intermediate=20, vocabulary=50)
    work = Workload(rows=1, tokens=99, unique_tokens=7, trained_tokens=3, pairs=28, pack_tokens=7)
    assert count_operations(size, work) == 6 * 1_000 * 7 + 6 * 50 * 10 * 3 + 12 * 2 * 10 * 28
    assert count_operations(size, work, lora=True) < count_operations(size, work)
    half = count_operations(size, work, frozen=1)
    assert half == 4 * 1_000 * 7 + 6 * 50 * 10 * 3 + 8 * 2 * 10 * 28


def test_lora_and_recomputation_save_memory() -> None:
    size = size_of_config(LLAMA_2_7B.to_dict())

    def memory(**change: object) -> float:
        settings = TuneSettings().model_copy(update=change)
        return forecast(64, size, settings, operations_per_second=1e15).memory_gb

    assert memory(lora=LoraSettings()) < 0.5 * memory()
    assert memory(checkpoint_activations=True) < 0.8 * memory()


def test_the_rate_of_this_machine_is_measured() -> None:
    assert measured_rate("fp32", width=64) > 1e6
