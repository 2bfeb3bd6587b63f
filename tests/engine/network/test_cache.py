"""The cache says what it holds, and copies exactly that."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models import Tiny
from trajectune.engine.network import cache as cache_module
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.shape import CacheShape
from trajectune.errors import AgentError
from trajectune.models.loading import LoadedModel

TOKENS = st.lists(st.integers(0, 63), max_size=6)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return Tiny(vocabulary=64).loaded()


def numbered(model: LoadedModel, held: list[list[int]]) -> KVCache:
    """A cache whose numbers at (slot, position) tell where they belong."""
    cache = KVCache(model, len(held), 8)
    cache.held = [list(tokens) for tokens in held]
    for table in (*cache.keys, *cache.values):
        for slot in range(len(held)):
            for place in range(8):
                table[slot, :, place] = 100 * slot + place
    return cache


@settings(max_examples=50, deadline=None)
@given(
    held=st.lists(TOKENS, min_size=2, max_size=3),
    source=st.integers(0, 1),
    target=st.integers(0, 1),
    length=st.integers(0, 6),
)
def test_a_copy_is_the_beginning_of_its_source_and_touches_no_other(
    held: list[list[int]], source: int, target: int, length: int
) -> None:
    cache = numbered(Tiny(vocabulary=64).loaded(), held)
    length = min(length, len(held[source]))
    cache.copy(source, target, length)
    assert cache.held[target] == held[source][:length]
    cache.held[target].append(5)
    others = [slot for slot in range(len(held)) if slot != target]
    assert [cache.held[slot] for slot in others] == [held[slot] for slot in others]
    for table in (*cache.keys, *cache.values):
        assert table[target, 0, :length, 0].tolist() == [100 * source + place for place in range(length)]
        for slot in others:
            assert table[slot, 0, :, 0].tolist() == [100 * slot + place for place in range(8)]


def test_keeping_goes_back_and_never_forward(model: LoadedModel) -> None:
    cache = numbered(model, [[1, 2, 3], [4]])
    cache.keep(0, 2)
    cache.keep(1, 7)
    assert cache.held == [[1, 2], [4]]
    cache.keep(0, 0)
    assert cache.held == [[], [4]]


def test_its_tables_are_the_models(model: LoadedModel) -> None:
    cache = KVCache(model, 3, 5)
    shape = CacheShape.of(model, 5)
    assert len(cache.keys) == len(cache.values) == shape.layers
    assert {table.shape for table in (*cache.keys, *cache.values)} == {(3, shape.heads, 5, shape.head_dim)}
    assert cache.keys[0].dtype == model.dtype
    assert cache.windows == shape.windows
    assert not any(table.any() for table in (*cache.keys, *cache.values))


def test_too_large_a_cache_says_how_large(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("not enough memory")

    shape = CacheShape.of(model, 1_000_000)
    monkeypatch.setattr(cache_module.CacheShape, "of", lambda *_: shape)
    monkeypatch.setattr(cache_module.torch, "zeros", refuse)
    with pytest.raises(AgentError, match=r"8 conversations of 1000000 tokens \(2\.0 GB\)") as caught:
        KVCache(model, 8, 1_000_000)
    assert "lower the batch size" in caught.value.remedy
