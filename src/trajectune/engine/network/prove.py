"""Before any request: the engine's passes over a cache compute what the model computes.

The idea: whatever a model's code does with positions, states or masks of its own, it shows where a few
tokens are read in two passes, the second of which needs what the first has left in the cache.
"""

from __future__ import annotations

import torch

from trajectune.engine.network.batch import Segment, make_batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.network import Network
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel
from trajectune.models.vocabulary import output_rows

_TOKENS, _FIRST = 12, 7
_STRIDES = (997, 7919, 104_729)
"""The tokens are every so many of the vocabulary. Another choice is tried before a model is refused: some
are so far from what a model was trained on that rounding alone turns its logits around."""
_EXACT, _ROUGH = 0.01, 0.5
"""Most that logits may differ, as a share of how much they vary: in fp32, and in shorter formats, where
rounding makes up to a tenth. With a wrong past they differ by about as much as they vary."""


@torch.inference_mode()
def prove(network: Network, model: LoadedModel, cache: KVCache) -> None:
    """Raises ModelError where `network` over the empty `cache` does not compute `model`."""
    if not any(_agrees(network, model, cache, stride) for stride in _STRIDES):
        raise ModelError(
            f"models of type {model.model.config.model_type!r} cannot be decoded by this engine: from its "
            "cache it computes other logits than the model",
            where=model.name,
            remedy="serve the model elsewhere and use it as an endpoint",
        )


def _agrees(network: Network, model: LoadedModel, cache: KVCache, stride: int) -> bool:
    count = min(_TOKENS, cache.capacity)
    tokens = torch.arange(1, count + 1, device=model.device) * stride % output_rows(model)
    expected = model.model(input_ids=tokens[None], use_cache=False).logits[0, -1:].float()
    past = min(_FIRST, count - 1)
    if past:
        _behind(network, cache, tokens[:past], 0)
    found = _behind(network, cache, tokens[past:], past)
    allowed = (_EXACT if model.dtype == torch.float32 else _ROUGH) * (expected - expected.mean()).norm()
    return found.shape == expected.shape and bool((found - expected).norm() <= allowed)


def _behind(network: Network, cache: KVCache, tokens: torch.Tensor, past: int) -> torch.Tensor:
    """Logits behind the last of the tokens, which follow `past` cached ones; `[1, vocabulary]`."""
    batch = make_batch([Segment(0, past, len(tokens))], tokens.device)
    return network(tokens, batch, cache, torch.tensor([len(tokens) - 1], device=tokens.device)).float()
