"""The two parts of a causal model that the trainer drives by itself: its body, and the head on top.

The idea: the head meets the states that predict a trained token only, so it is not called but computed: a
linear layer, perhaps with a bias, a scale and a soft cap on the logits. Which of these a family has stands
in its configuration; whether that is all is proven on the model itself before anything is trained
(`trajectune.tune.model.proof`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trajectune.errors import ModelError


@dataclass(frozen=True, slots=True)
class Head:
    """From hidden states to logits; V words, E numbers in a state."""

    weight: Tensor
    """Shape [V, E]."""
    bias: Tensor | None = None
    """Shape [V]."""
    scale: float = 1.0
    """What the logits are multiplied by (Granite, Cohere)."""
    softcap: float | None = None
    """Logits x become softcap · tanh(x / softcap) (Gemma 2)."""

    def logits(self, hidden: Tensor) -> Tensor:
        """fp32 logits [N, V] of states [N, E]."""
        logits = hidden @ self.weight.t()
        if self.bias is not None:
            logits += self.bias
        logits = logits.float()
        if self.scale != 1:
            logits *= self.scale
        if self.softcap is not None:
            logits = torch.tanh(logits.div_(self.softcap)).mul_(self.softcap)
        return logits

    def log_p(self, hidden: Tensor) -> tuple[Tensor, Tensor | None]:
        """log-probabilities [N, V] in fp32, and what a gradient of the logits is multiplied by behind them.

        The second is the slope of the soft cap [N, V], `None` where there is none.
        """
        logits, slope = self.logits(hidden), None
        if self.softcap is not None:
            slope = (logits / self.softcap).square_().neg_().add_(1)
        return torch.log_softmax(logits, dim=-1), slope


def parts_of(model: PreTrainedModel) -> tuple[nn.Module, Head]:
    """The body of a causal model, which gives hidden states, and its head. Raises ModelError."""
    layer: Any = model.get_output_embeddings()
    body = model.get_decoder() if hasattr(model, "get_decoder") else model.base_model
    if layer is None or not isinstance(getattr(layer, "weight", None), Tensor) or body is model:
        raise ModelError(
            f"{type(model).__name__} does not end in a linear head",
            remedy="choose a decoder that predicts its next token",
        )
    config: Any = model.config.get_text_config()
    scale = getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1)
    softcap = getattr(config, "final_logit_softcapping", None)
    return body, Head(layer.weight, getattr(layer, "bias", None), float(scale), softcap)


def layers_of(body: nn.Module) -> nn.ModuleList:
    """The layers of a body, an empty list where they are no list."""
    layers = getattr(body, "layers", getattr(body, "h", None))
    return layers if isinstance(layers, nn.ModuleList) else nn.ModuleList()
