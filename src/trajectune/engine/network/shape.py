"""What a model keeps for one token, and how far back each of its layers looks.

The idea: configurations name these things in many ways and leave half of them to the code (a window that
only some layers have, heads that are shared, a mask that nothing else mentions). So the model reads one
token, with an attention in place of its own that writes down what it is given: the keys and values are
what a cache must hold, and the library's mask says which positions a layer sees.

Invariant: what this engine's attention cannot do is refused here, before any request: sinks, keys and
values of different sizes (multi-head latent attention), layers without attention (recurrent ones), and
layers that see anything but the last so many positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

_NAME = "trajectune_measure"


@dataclass(frozen=True, slots=True)
class CacheShape:
    """What a cache must have room for, in a context of a given length."""

    heads: int
    """Key/value heads: fewer than query heads under grouped-query attention."""
    head_dim: int
    windows: tuple[int | None, ...]
    """Of each layer: the positions that a token sees, itself included; None: all of the context."""

    @property
    def layers(self) -> int:
        """How many keep keys and values."""
        return len(self.windows)

    @classmethod
    def of(cls, model: LoadedModel, context: int) -> CacheShape:
        """Measures a model. Raises ModelError for one whose attention the engine cannot do."""
        calls = _measured(model)
        layers = model.model.config.get_text_config().num_hidden_layers
        if missing := [layer for layer in range(layers) if layer not in calls]:
            raise _refusal(model, f"layer {missing[0]} keeps something other than keys and values")
        for layer, call in calls.items():
            if call.sinks:
                raise _refusal(model, "its attention has sinks")
            if call.key_dim != call.value_dim:
                raise _refusal(
                    model,
                    f"its keys have {call.key_dim} numbers and its values {call.value_dim} "
                    "(multi-head latent attention)",
                )
            if (call.heads, call.key_dim) != (calls[0].heads, calls[0].key_dim):
                raise _refusal(model, f"layers 0 and {layer} have heads of different sizes")
        windows = tuple(_window(model, calls[layer], context) for layer in range(layers))
        return cls(calls[0].heads, calls[0].key_dim, windows)


@dataclass(frozen=True, slots=True)
class _Call:
    """What a layer gave to the attention."""

    heads: int
    key_dim: int
    value_dim: int
    sinks: bool
    window: int | None
    sees: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None
    """Whether a query's position sees a key's, from the library's mask; None: the layer has none."""


_calls: ContextVar[dict[int, _Call]] = ContextVar("calls of the attention, by layer")


def _measured(model: LoadedModel) -> dict[int, _Call]:
    calls: dict[int, _Call] = {}
    token = _calls.set(calls)
    try:
        with torch.inference_mode(), attention(configurations(model.model), _NAME):
            model.model(input_ids=torch.zeros(1, 1, dtype=torch.long, device=model.device), use_cache=False)
    except torch.OutOfMemoryError:
        raise
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise _refusal(model, f"another attention does not fit in ({error})") from error
    finally:
        _calls.reset(token)
    return calls


def _record(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    *,
    sliding_window: int | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The library's calling convention: `[1, heads, 1, head_dim]` in, `[1, 1, heads, head_dim]` out."""
    sees: Any = attention_mask if callable(attention_mask) else None
    _calls.get()[module.layer_idx] = _Call(
        key.shape[1], key.shape[3], value.shape[3], s_aux is not None, sliding_window, sees
    )
    # Of a single token the attention is its value.
    output = value.repeat_interleave(query.shape[1] // value.shape[1], 1)
    return output.transpose(1, 2).contiguous(), None


def _mask(*, mask_function: Any, **_: Any) -> Any:
    """In place of a mask, the rule that it would be made by."""
    first = torch.zeros((), dtype=torch.long)

    def sees(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(mask_function(first, first, queries, keys)).expand(keys.shape)

    return sees


def _window(model: LoadedModel, call: _Call, context: int) -> int | None:
    """The last positions that a layer sees, or None where these are all of the context."""
    if call.sees is None:
        return call.window if call.window is not None and call.window < context else None
    counts: set[int] = set()
    for query in {context - 1, max(context - 2, 0)}:
        keys = torch.arange(context + 1)
        seen = call.sees(torch.tensor(query), keys).cpu()
        counts.add(count := int(seen.sum()))
        if not torch.equal(seen, (keys <= query) & (keys > query - count)):
            raise _refusal(model, "a token sees positions other than the last ones before it")
    if max(counts) == context:
        return None
    if len(counts) > 1:
        raise _refusal(model, "its layers see chunks of the context")
    return counts.pop()


def _refusal(model: LoadedModel, reason: str) -> ModelError:
    return ModelError(
        f"models of type {model.model.config.model_type!r} cannot be decoded by this engine: {reason}",
        where=model.name,
        remedy="serve the model elsewhere and use it as an endpoint",
    )


def configurations(model: PreTrainedModel) -> list[Any]:
    """Those that a model's modules read, the outermost first."""
    found = {id(module.config): module.config for module in model.modules() if hasattr(module, "config")}
    return list(found.values())


@contextmanager
def attention(configurations: Sequence[Any], name: str) -> Iterator[None]:
    """Lets the modules with these configurations use what is registered under `name`."""
    before = [config._attn_implementation for config in configurations]
    for config in configurations:
        config._attn_implementation = name
    try:
        yield
    finally:
        for config, implementation in zip(configurations, before, strict=True):
            config._attn_implementation = implementation


AttentionInterface.register(_NAME, _record)  # pyright: ignore[reportArgumentType]
AttentionMaskInterface.register(_NAME, _mask)
