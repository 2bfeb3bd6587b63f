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
_EXACT, _ROUGH = 0.01, 0.5
"""Most that logits may differ, as a share of how much they vary: in fp32, and in shorter formats, where
rounding alone makes up to a tenth. What has the wrong past differs by about as much as it varies."""


@torch.inference_mode()
def prove(network: Network, model: LoadedModel, cache: KVCache) -> None:
    """Raises ModelError where `network` over the empty `cache` does not compute `model`."""
    count = min(_TOKENS, cache.capacity)
    tokens = torch.arange(count, device=model.device) % output_rows(model)
    expected = model.model(input_ids=tokens[None], use_cache=False).logits[0].float()
    found = []
    for start, stop in ((0, min(_FIRST, count)), (min(_FIRST, count), count)):
        if start < stop:
            batch = make_batch([Segment(0, start, stop - start)], model.device)
            places = torch.arange(stop - start, device=model.device)
            found.append(network(tokens[start:stop], batch, cache, places).float())
    difference = (torch.cat(found) - expected).norm() / (expected - expected.mean(-1, keepdim=True)).norm()
    if not difference <= (_EXACT if model.dtype == torch.float32 else _ROUGH):
        raise ModelError(
            f"models of type {model.model.config.model_type!r} cannot be decoded by this engine: from its "
            f"cache it computes something else (logits differ by {float(difference):.0%})",
            where=model.name,
            remedy="serve the model elsewhere and use it as an endpoint",
        )
