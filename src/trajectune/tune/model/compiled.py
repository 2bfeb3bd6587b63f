"""What a layer does beside matrix products and attention, as a few fused kernels, through torch.compile.

The idea: norms, rotation and activations pass over memory a dozen times in eager PyTorch, and autograd
keeps most of what lies between. Compiled, a layer passes over it once or twice, and the backward pass makes
again what is cheap to make. Attention stays what it is: its blocks differ from pack to pack.

Invariants: one compilation serves all layers of a type and packs of any size; results differ by rounding
alone, since numbers between two fused steps are not rounded to the model's format.
"""

from __future__ import annotations

import os
import shutil

import torch
from torch import nn
from transformers import AttentionInterface

from trajectune.errors import RecipeError
from trajectune.tune.model.attention import ATTENTION, attend
from trajectune.tune.model.head import layers_of

_BACKEND = "inductor"


def compile_layers(body: nn.Module, device: str) -> None:
    """Have all layers but the last compiled when they are first called, which takes about half a minute.

    The last one may end at targets only (`trajectune.tune.model.last`). Raises RecipeError.
    """
    if device != "cpu":
        raise RecipeError(
            "layers are compiled on CPU only", where="tune.compile", remedy="set `tune.compile` to false"
        )
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
        raise RecipeError(
            "compiling layers needs a C++ compiler, and there is none",
            where="tune.compile",
            remedy="install g++ or clang++, or set `tune.compile` to false",
        )
    AttentionInterface.register(ATTENTION, torch.compiler.disable(attend))  # pyright: ignore[reportArgumentType]
    for layer in list(layers_of(body))[:-1]:
        layer.compile(dynamic=True, backend=_BACKEND)
