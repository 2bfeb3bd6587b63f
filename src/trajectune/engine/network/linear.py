"""Linear layers in the fastest layout that this machine has for weights that do not change.

oneDNN multiplies two to four times faster on a CPU when it may lay out the weight as it likes, once.
PyTorch has that as the operators its compiler emits; calling them costs a copy of each weight. The
arithmetic stays fp32 (or bf16): only the layout differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import linear

from trajectune.models.adapters import low_rank_factors

Linear = Callable[[torch.Tensor], torch.Tensor]

_TYPICAL_ROWS = 8  # a hint for the layout; measured as good from 1 to 256 rows


def prepare_linear(weight: torch.Tensor, bias: torch.Tensor | None = None) -> Linear:
    """`x ↦ x Wᵀ + b` for `x` of shape `[rows, in]`, with `weight` `[out, in]` laid out once."""
    if not _packs(weight):
        return lambda rows: linear(rows, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), _TYPICAL_ROWS)
    multiply = torch.ops.mkldnn._linear_pointwise.default
    return lambda rows: multiply(rows, packed, bias, "none", [], "")


def _packs(weight: torch.Tensor) -> bool:
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    return weight.dtype == torch.float32 or (
        weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def low_rank(module: Any) -> Linear | None:
    """What an adapter adds to a layer's output, `x ↦ s·(x Aᵀ) Bᵀ`; `None` for a layer without one."""
    if (factors := low_rank_factors(module)) is None:
        return None
    down, up = factors
    return lambda rows: linear(linear(rows, down), up)
