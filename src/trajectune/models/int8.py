"""Weights in int8: half the memory of bf16, and twice the speed where memory is what decoding waits for.

The idea: of each output, every 64 inputs share one scale, so that a large weight only coarsens its
neighbours. A model is rounded when it is loaded, layer by layer, and keeps no other copy of these weights;
embeddings and norms stay as they are. Its modules compute with the rounded weights (slowly), so whatever
reads the model through them reads the same model; the engine's native network also rounds what layers read.

Invariants: a weight is its byte − 128, times its scale; the rounding error of a weight is at most half its
scale, which is the group's largest magnitude / 127.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

GROUP = 64
"""Inputs that share a scale."""
PANEL = 64
"""Outputs whose bytes are stored together."""


class Int8Linear(nn.Module):
    """A linear layer of rounded weights.

    `panels` `[out / PANEL, in / 4, PANEL, 4]` are bytes in the order in which the native network reads
    them, `scales` `[out / PANEL, in / GROUP, PANEL]` fp32; both sizes are filled up with zeros.
    """

    panels: Tensor
    scales: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        panels, scales = quantized(layer.weight.detach())
        self.register_buffer("panels", panels)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """`x ↦ x Wᵀ + b` in the precision of `x`."""
        return linear(x, self.weights().to(x.dtype), self.bias)

    def weights(self) -> Tensor:
        """The rounded weights, `[out, in]` in fp32."""
        found = restored(self.panels, self.scales)
        return found[: self.out_features, : self.in_features]


def quantized(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Bytes in panels and scales of a weight `[out, in]`; see `Int8Linear`."""
    outputs, inputs = weight.shape
    filled = pad(weight.float(), (0, -inputs % GROUP, 0, -outputs % PANEL))
    groups = filled.view(len(filled), -1, GROUP)
    scales = groups.abs().amax(-1) / 127
    whole = (groups / scales.clamp(min=1e-30)[..., None]).round().clamp(-127, 127)
    panels = (whole + 128).to(torch.uint8).view(-1, PANEL, filled.shape[1] // 4, 4)
    by_panel = scales.view(-1, PANEL, scales.shape[1]).transpose(1, 2)
    return panels.transpose(1, 2).contiguous(), by_panel.contiguous()


def restored(panels: Tensor, scales: Tensor) -> Tensor:
    """The reverse of `quantized`, sizes still filled up."""
    whole = panels.transpose(1, 2).reshape(len(panels) * PANEL, -1, GROUP).float() - 128
    return (whole * scales.transpose(1, 2).reshape(len(whole), -1, 1)).flatten(1)


def quantize_linears(model: nn.Module, done: dict[int, Int8Linear] | None = None) -> None:
    """Puts an `Int8Linear` in the place of every linear layer of a model, low-rank factors left out.

    Models that share weights and are given the same `done` share the rounded ones.
    """
    done = {} if done is None else done
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and not _is_factor(parent):
                weight: Any = child.weight
                if id(weight) not in done:
                    done[id(weight)] = Int8Linear(child)
                setattr(parent, name, done[id(weight)])


def _is_factor(parent: nn.Module) -> bool:
    return isinstance(parent, nn.ModuleDict)  # where PEFT keeps an adapter's factors
