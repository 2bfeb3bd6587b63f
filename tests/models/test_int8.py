"""Rounding of weights to bytes."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from support.models import Tiny
from trajectune.errors import ModelError
from trajectune.models.adapters import load_sharing
from trajectune.models.int8 import GROUP, Int8Linear, quantize_linears, quantized, restored
from trajectune.models.loading import load_model, rounded
from trajectune.models.vocabulary import output_rows


@settings(max_examples=40, deadline=None)
@given(outputs=st.integers(1, 150), inputs=st.integers(1, 200), scale=st.sampled_from([1e-6, 1.0, 1e4]))
def test_a_weight_is_off_by_at_most_half_its_scale(outputs: int, inputs: int, scale: float) -> None:
    weight = torch.randn(outputs, inputs) * scale
    panels, scales = quantized(weight)
    found = restored(panels, scales)
    assert not found[outputs:].any()
    assert not found[:, inputs:].any()
    step = scales.transpose(1, 2).reshape(len(found), -1).repeat_interleave(GROUP, 1)[:outputs, :inputs]
    assert ((found[:outputs, :inputs] - weight).abs() <= step * 0.501).all()


def test_a_weight_of_zeros_stays_one() -> None:
    assert not restored(*quantized(torch.zeros(3, 70))).any()


def test_a_layer_computes_with_the_rounded_weights() -> None:
    layer, x = nn.Linear(70, 9), torch.randn(4, 70)
    small = Int8Linear(layer)
    assert (small.in_features, small.out_features) == (70, 9)
    torch.testing.assert_close(small(x), nn.functional.linear(x, small.weights(), layer.bias))
    torch.testing.assert_close(small(x), layer(x), rtol=0.05, atol=0.05)


def test_a_model_keeps_no_other_copy_and_its_logits_stay_near() -> None:
    loaded = Tiny("qwen2", spread=0.3, width=64).loaded()
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        expected = loaded.model(ids).logits
        small = rounded(type(loaded)(copy.deepcopy(loaded.model), loaded.tokenizer, "small"))
        found = small.model(ids).logits
    assert small.precision == "int8"
    assert output_rows(small) == output_rows(loaded)
    assert not [name for name, module in small.model.named_modules() if type(module) is nn.Linear]
    assert {name for name, _ in small.model.named_parameters()} < {
        n for n, _ in loaded.model.named_parameters()
    }
    assert (found - expected).norm() < 0.1 * (expected - expected.mean()).norm()


def test_models_that_share_weights_share_the_rounded_ones() -> None:
    first = Tiny().network()
    second = copy.deepcopy(first, {id(tensor): tensor for tensor in first.parameters()})
    done: dict[int, Int8Linear] = {}
    quantize_linears(first, done)
    quantize_linears(second, done)
    assert first.model.layers[0].mlp.down_proj is second.model.layers[0].mlp.down_proj  # pyright: ignore


def test_int8_is_asked_for_by_name(tiny_dir: object) -> None:
    loaded = load_model(str(tiny_dir), "int8", "cpu")
    assert loaded.precision == "int8"
    assert loaded.dtype == torch.bfloat16
    both = load_sharing([str(tiny_dir), "tiny"], "int8", "cpu")
    assert {model.precision for model in both.values()} == {"int8"}


def test_a_gpu_is_refused() -> None:
    loaded = Tiny().loaded()
    loaded.model.to(device="meta")  # pyright: ignore
    with pytest.raises(ModelError, match="for the CPU"):
        rounded(loaded)
