"""Forecasts from rows and from numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from transformers import LlamaConfig

from trajectune.tune.data.rows import TokenRow
from trajectune.tune.forecast import Workload, count_operations, forecast, peak_memory
from trajectune.tune.settings import LoraSettings, TuneSettings
from trajectune.tune.size import ModelSize, size_of_config

Rows = Callable[..., list[TokenRow]]
LLAMA_2_7B = LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, vocab_size=32000)


def size_of(**changes: Any) -> ModelSize:
    numbers: dict[str, Any] = {
        "parameters": 100,
        "body": 10,
        "layers": 2,
        "hidden": 8,
        "intermediate": 16,
        "vocabulary": 64,
        "heads": 2,
        "queries": 8,
        "adapted": 100,
        "windows": (None, None),
    }
    return ModelSize(**numbers | changes)


def test_agentlm_7b_from_numbers_alone() -> None:
    settings = TuneSettings(learning_rate=5e-5, batch_rows=64, steps=2_000, max_tokens=4_096)
    found = forecast(1_866, "meta-llama/Llama-2-7b-chat-hf", settings, operations_per_second=8 * 312e12)
    assert (found.steps, found.workload.rows) == (2_000, 128_000)
    assert found.workload.tokens == 128_000 * 4_096
    assert found.operations == pytest.approx(6 * 6.7e9 * found.workload.tokens, rel=0.15)
    assert 126 < found.memory_gb < 200  # 18 bytes for each of 7·10⁹ parameters, and activations
    assert found.hours == pytest.approx(found.operations / (8 * 312e12 * 0.6) / 3600, rel=1e-3)


def test_rows_are_packed_to_know_what_they_share(make_rows: Rows) -> None:
    rows = make_rows(16, trunk=40)
    size = size_of()
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
    size = size_of(body=1_000, hidden=10, queries=12, vocabulary=50)
    work = Workload(rows=1, tokens=99, unique_tokens=7, trained_tokens=3, pairs=28, pack_tokens=7)
    assert count_operations(size, work) == 6 * 1_000 * 7 + 6 * 50 * 10 * 3 + 12 * 2 * 12 * 28
    assert count_operations(size, work, lora=True) < count_operations(size, work)
    half = count_operations(size, work, frozen=1)
    assert half == 4 * 1_000 * 7 + 6 * 50 * 10 * 3 + 8 * 2 * 12 * 28


def test_lora_and_recomputation_save_memory() -> None:
    size = size_of_config(LLAMA_2_7B.to_dict())

    def memory(**change: object) -> float:
        settings = TuneSettings().model_copy(update=change)
        return forecast(64, size, settings, operations_per_second=1e15).memory_gb

    assert memory(lora=LoraSettings()) < 0.5 * memory()
    assert memory(checkpoint_activations=True) < 0.8 * memory()


def test_this_machine_is_measured_at_the_models_size(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def rate(*arguments: object) -> float:
        asked.append(arguments)
        return 1e9

    monkeypatch.setattr("trajectune.tune.forecast.layer_rate", rate)
    settings = TuneSettings(precision="bf16")
    found = forecast(64, size_of(), settings)
    assert asked == [(8, 16, "bf16")]
    assert found.hours == forecast(64, size_of(), settings, operations_per_second=1e9).hours


@pytest.mark.parametrize("prefix_tree", [False, True])
def test_windows_save_attention(make_rows: Rows, prefix_tree: bool) -> None:
    rows = make_rows(8, trunk=40)
    settings = TuneSettings(batch_rows=8, prefix_tree=prefix_tree)

    def pairs(*windows: int | None) -> int:
        size = size_of(windows=windows)
        return forecast(rows, size, settings, operations_per_second=1e9).workload.pairs

    assert pairs(None, None) == pairs(10_000, 10_000)
    assert pairs(10, 10) < pairs(None, 10) < pairs(None, None)
    if not prefix_tree:
        assert pairs(10, 10) == sum(min(place, 10) for row in rows for place in range(1, len(row) + 1))


def test_windows_count_where_there_are_only_numbers_too() -> None:
    def pairs(window: int | None) -> int:
        size, settings = size_of(windows=(window, window)), TuneSettings(epochs=1)
        return forecast(64, size, settings, row_tokens=1_000, operations_per_second=1e9).workload.pairs

    assert pairs(None) == pairs(1_000) == 64 * 1_000 * 1_000 // 2
    assert pairs(100) == 64 * (100 * 1_000 - 100 * 100 // 2)


def test_kept_probabilities_take_what_the_blocks_hold(make_rows: Rows) -> None:
    rows, size = make_rows(8, trunk=40), size_of()
    work = forecast(rows, size, TuneSettings(batch_rows=8), operations_per_second=1e9).workload
    assert work.pairs < work.scores
    plain, again = TuneSettings(precision="fp32"), TuneSettings(checkpoint_activations=True)
    kept = peak_memory(size, work, plain, keep=True) - peak_memory(size, work, plain)
    assert kept == 4 * size.heads * work.scores * size.layers
    one_layer = peak_memory(size, work, again, keep=True) - peak_memory(size, work, again)
    assert one_layer == kept / 2 / size.layers
