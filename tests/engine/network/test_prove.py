"""Whoever computes something else from the cache is found before any request."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from support.families import FAMILIES
from support.models import Tiny
from trajectune.engine.network.batch import Batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.network import Network, make_network
from trajectune.engine.network.prove import prove
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

MODEL = Tiny(vocabulary=64, spread=0.3).loaded()
SHORT = Tiny(vocabulary=64, spread=0.3, dtype=torch.bfloat16).loaded()


@pytest.mark.parametrize("capacity", [1, 2, 8, 200])
def test_what_is_right_passes_in_any_room(capacity: int) -> None:
    cache = KVCache(MODEL, 2, capacity)
    prove(make_network(MODEL), MODEL, cache)
    assert cache.held == [[], []]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_passes_in_bf16(name: str) -> None:
    loaded = FAMILIES[name].loaded()
    short = LoadedModel(loaded.model.to(torch.bfloat16), loaded.tokenizer, name)  # pyright: ignore[reportArgumentType]
    prove(make_network(short), short, KVCache(short, 1, 64))


class Wrong:
    """A network that is given something else than what it should be."""

    def __init__(self, what: str, model: LoadedModel) -> None:
        self._what, self._right = what, make_network(model)

    def __call__(
        self, tokens: torch.Tensor, batch: Batch, cache: KVCache, places: torch.Tensor
    ) -> torch.Tensor:
        if self._what == "forgets":
            for table in (*cache.keys, *cache.values):
                table.zero_()
        if self._what == "positions":
            # The places in the cache are right, what the tokens are told is not.
            first = int(batch.positions[0])
            turned = replace(batch, positions=batch.positions - first)
            return self._right(tokens, turned, cache, places)
        if self._what == "places":
            places = torch.arange(len(tokens))
        return self._right(tokens, batch, cache, places)


@pytest.mark.parametrize("what", ["forgets", "positions", "places"])
@pytest.mark.parametrize("model", [MODEL, SHORT], ids=["fp32", "bf16"])
def test_what_is_wrong_is_refused(what: str, model: LoadedModel) -> None:
    network: Network = Wrong(what, model)
    with pytest.raises(ModelError, match="computes other logits") as caught:
        prove(network, model, KVCache(model, 1, 64))
    assert "endpoint" in caught.value.remedy
