"""The packed forward pass against the library's own, and its parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectune.engine.network.batch import Segment, make_batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.linear import prepare_linear
from trajectune.engine.network.llama import LlamaNetwork
from trajectune.engine.network.network import ModuleNetwork
from trajectune.engine.network.parts import is_llama_shaped
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel
from trajectune.models.prefix import common_prefix

MakeModel = Callable[..., LoadedModel]
CPU = torch.device("cpu")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    later=st.lists(st.integers(1, 5), min_size=4, max_size=4),
    family=st.sampled_from(["llama", "qwen2", "qwen3"]),
)
def test_flat_modules_and_library_agree(
    make_model: MakeModel, counts: list[int], later: list[int], family: str
) -> None:
    """Two packed passes (an empty and a filled cache, ragged rows) give the library's logits everywhere."""
    loaded = make_model(family)
    assert is_llama_shaped(loaded.model)
    rows = [torch.randint(0, 300, (n + m,)) for n, m in zip(counts, later, strict=False)]
    with torch.inference_mode():
        expected = [loaded.model(row[None]).logits[0] for row in rows]
    for network in (LlamaNetwork(loaded), ModuleNetwork(loaded)):
        cache = KVCache(loaded, len(rows), 16)
        for first in (True, False):
            parts = [row[:n] if first else row[n:] for row, n in zip(rows, counts, strict=True)]
            segments = [
                Segment(slot, 0 if first else n, len(part))
                for slot, (n, part) in enumerate(zip(counts, parts, strict=True))
            ]
            packed = torch.cat(parts)
            logits = network(packed, make_batch(segments, CPU), cache, torch.arange(len(packed)))
            wanted = [e[:n] if first else e[n:] for e, n in zip(expected, counts, strict=True)]
            torch.testing.assert_close(logits, torch.cat(wanted), atol=1e-4, rtol=1e-4)


def test_neighbouring_single_tokens_attend_in_one_call() -> None:
    segments = [Segment(2, 5, 1), Segment(3, 8, 1), Segment(5, 1, 1), Segment(6, 0, 4)]
    batch = make_batch(segments, CPU)
    assert [(b.slot, b.slots, b.start, b.stop, b.length) for b in batch.groups] == [
        (2, 2, 0, 2, 9),
        (5, 1, 2, 3, 2),
        (6, 1, 3, 7, 4),
    ]
    assert batch.positions.tolist() == [5, 8, 1, 0, 1, 2, 3]
    assert batch.slots.tolist() == [2, 3, 5, 6, 6, 6, 6]
    mask = batch.groups[0].mask
    assert mask is not None
    assert mask.sum(-1).flatten().tolist() == [6, 9]


def test_neighbouring_blocks_of_one_length_attend_in_one_call() -> None:
    batch = make_batch([Segment(0, 5, 2), Segment(1, 8, 2), Segment(2, 3, 3)], CPU)
    assert [(b.slot, b.slots, b.start, b.stop, b.count, b.length) for b in batch.groups] == [
        (0, 2, 0, 4, 2, 10),
        (2, 1, 4, 7, 3, 6),
    ]
    mask = batch.groups[0].mask
    assert mask is not None
    assert mask.sum(-1).flatten().tolist() == [6, 7, 9, 10]


@pytest.mark.parametrize("pasts", [[2, 5, 5], [4, 4, 4]])
def test_blocks_attend_together_as_they_would_alone(pasts: list[int], make_model: MakeModel) -> None:
    loaded = make_model("llama")
    rows = [torch.randint(0, 60, (past + 3,)) for past in pasts]

    def last_three(group: list[int]) -> torch.Tensor:
        cache = KVCache(loaded, 3, 16)
        logits = torch.empty(0)
        for parts in ([rows[i][: pasts[i]] for i in group], [rows[i][pasts[i] :] for i in group]):
            segments = [
                Segment(i, len(cache.held[i]), len(part)) for i, part in zip(group, parts, strict=True)
            ]
            packed = torch.cat(parts)
            batch = make_batch(segments, CPU)
            logits = LlamaNetwork(loaded)(packed, batch, cache, torch.arange(len(packed)))
            for i, part in zip(group, parts, strict=True):
                cache.held[i].extend(part.tolist())
        return logits

    alone = torch.cat([last_three([i]) for i in range(3)])
    torch.testing.assert_close(last_three([0, 1, 2]), alone, atol=1e-4, rtol=1e-4)


def test_a_model_with_its_own_attention_is_refused_with_a_remedy(make_model: MakeModel) -> None:
    loaded = make_model("gpt2")
    loaded.model.__dict__["_supports_attention_backend"] = False
    try:
        with pytest.raises(ModelError, match="endpoint"):
            ModuleNetwork(loaded)
    finally:
        del loaded.model.__dict__["_supports_attention_backend"]


@pytest.mark.parametrize("rows", [0, 1, 7, 64])
@pytest.mark.parametrize("biased", [True, False])
def test_prepared_linear_is_linear_in_fp32(rows: int, biased: bool) -> None:
    weight, inputs = torch.randn(24, 40), torch.randn(rows, 40)
    bias = torch.randn(24) if biased else None
    exact = inputs.double() @ weight.double().T + (0 if bias is None else bias.double())
    got = prepare_linear(weight, bias)(inputs)
    torch.testing.assert_close(got.double(), exact, atol=1e-5, rtol=1e-5)


@given(st.lists(st.integers(0, 1), max_size=40), st.lists(st.integers(0, 1), max_size=40))
def test_common_prefix(left: list[int], right: list[int]) -> None:
    length = common_prefix(left, right)
    assert left[:length] == right[:length]
    assert length == min(len(left), len(right)) or left[length] != right[length]
