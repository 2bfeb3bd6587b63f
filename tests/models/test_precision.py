"""Which number format is faster is measured: here with a clock that says what the test wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch

from trajectune.models import precision

SLOW, FAST = 2.0, 1.0


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    precision.fastest_dtype.cache_clear()
    yield
    precision.fastest_dtype.cache_clear()


def clock(monkeypatch: pytest.MonkeyPatch, seconds: dict[tuple[torch.dtype, int], float]) -> list[int]:
    """Products of so many rows take so long; gives the rows that were measured."""
    asked: list[int] = []

    def measured(
        rows: int, shape: tuple[int, int], dtype: torch.dtype, device: str, *, repeats: int
    ) -> Sequence[float]:
        del shape, device
        asked.append(rows)
        return [seconds.get((dtype, rows), FAST)] * repeats

    monkeypatch.setattr(precision, "product_seconds", measured)
    return asked


@pytest.mark.parametrize(
    ("slower", "fastest"), [(torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)]
)
def test_the_faster_format_wins(
    monkeypatch: pytest.MonkeyPatch, slower: torch.dtype, fastest: torch.dtype
) -> None:
    asked = clock(monkeypatch, {(slower, rows): SLOW for rows in (4, 32, 512)})
    assert precision.fastest_dtype() == fastest
    count = len(asked)
    assert precision.fastest_dtype() == fastest
    assert len(asked) == count, "the answer is kept"


def test_decoding_weighs_few_rows_and_many_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    # bf16 is half as fast for a prefill and three times as fast for a few conversations.
    clock(monkeypatch, {(torch.bfloat16, 512): 2.0, (torch.float32, 4): 3.0})
    assert precision.fastest_dtype() == torch.bfloat16


def test_training_looks_at_tall_products_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, {(torch.bfloat16, 1024): SLOW})
    assert precision.fastest_training() == "fp32"
    clock(monkeypatch, {(torch.float32, 64): SLOW})
    assert precision.fastest_training(width=64) == "bf16"


def test_the_rate_is_operations_by_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {torch.float32: 0.5, torch.bfloat16: 0.25}
    monkeypatch.setattr(precision, "_layer_seconds", lambda *args: seconds[args[2]])
    operations = 6 * 3 * 100 * 300 * precision._TOKENS  # pyright: ignore[reportPrivateUsage]
    assert precision.layer_rate(100, 300, "fp32") == operations / 0.5
    assert precision.layer_rate(100, 300, "bf16") == operations / 0.25
    assert precision.layer_rate(100, 300) == operations / 0.25


def test_a_layer_is_really_timed() -> None:
    """What lies between products costs time: a layer's rate is below that of its largest product."""
    product = min(precision.product_seconds(1024, (1024, 256), torch.float32, "cpu", repeats=5))
    found = precision.layer_rate(256, 512, "fp32")
    assert 1e6 < found < 2 * (2 * 1024 * 1024 * 256 / product)


def test_a_product_is_really_timed() -> None:
    times = precision.product_seconds(8, (16, 16), torch.float32, "cpu", repeats=3)
    assert len(times) == 3
    assert min(times) > 0
    # Sixty-four times the work takes longer, on any machine.
    longer = precision.product_seconds(512, (512, 512), torch.float32, "cpu", repeats=3)
    assert min(longer) > min(times)
