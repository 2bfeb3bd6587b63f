"""Products of the native library against slow ones in PyTorch."""

from __future__ import annotations

import ctypes

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from support.native import HERE, llama, needs_native, use_level
from trajectune.engine.network.native.library import native_library
from trajectune.engine.network.native.network import NativeNetwork
from trajectune.models.int8 import GROUP, Int8Linear
from trajectune.models.loading import LoadedModel

pytestmark = needs_native
LEVELS = pytest.mark.parametrize("level", HERE)


def product(level: str, layer: nn.Module, x: Tensor, threads: int = 2) -> Tensor:
    """`layer` over the rows of `x`, as the head of a model."""
    loaded = llama(num_hidden_layers=1)
    loaded.model.lm_head = layer  # pyright: ignore[reportAttributeAccessIssue]
    with use_level(level):
        network = NativeNetwork(LoadedModel(loaded.model, loaded.tokenizer, "head"))
        library = native_library()
    assert library is not None
    record, out = network._record, torch.empty(len(x), layer.out_features)  # pyright: ignore
    record.hidden = max(record.hidden, x.shape[1])
    size = library.trajectune_room(ctypes.byref(record), len(x), 1, threads)
    room = torch.zeros(size, dtype=torch.uint8)
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x.contiguous(), room, out)]
    library.trajectune_multiply(ctypes.byref(record), len(x), threads, *pointers)
    return out


def linear(inputs: int, outputs: int, seed: int = 0, *, bias: bool = True) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(inputs, outputs, bias=bias).bfloat16().requires_grad_(False)


def rounded_inputs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Bytes `[rows, groups, GROUP]` and scales `[rows, groups, 1]` of inputs, as rounded."""
    groups = nn.functional.pad(x, (0, -x.shape[1] % GROUP)).view(len(x), -1, GROUP)
    most = groups.abs().amax(-1, keepdim=True)
    factor = torch.where(most > 0, torch.tensor(127.0) / most, 0)  # `127 / most` rounds twice
    return (groups * factor).round().clamp(-127, 127), most / 127


def slow_int8(layer: Int8Linear, x: Tensor) -> Tensor:
    """Integer products group by group, in 64 bits, scaled and added in fp64."""
    weights = layer.panels.transpose(1, 2).reshape(len(layer.panels) * 64, -1, GROUP).long() - 128
    scales = layer.scales.transpose(1, 2).reshape(len(weights), -1).double()
    whole, of_inputs = rounded_inputs(x)
    exact = torch.einsum("mgk,ngk->mng", whole.long(), weights)
    result = (exact.double() * scales * of_inputs.double()[:, None, :, 0]).sum(-1)[:, : layer.out_features]
    return result if layer.bias is None else result + layer.bias.double()


@settings(max_examples=30, deadline=None)
@given(
    inputs=st.integers(1, 400),
    outputs=st.integers(1, 200),
    rows=st.integers(1, 40),
    level=st.sampled_from(HERE or [""]),
)
def test_int8_is_what_a_slow_reference_gives(inputs: int, outputs: int, rows: int, level: str) -> None:
    layer, x = Int8Linear(linear(inputs, outputs)), torch.randn(rows, inputs)
    found, expected = product(level, layer, x), slow_int8(layer, x)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


@LEVELS
@pytest.mark.parametrize("rows", [1, 3, 4, 17])
def test_integer_sums_are_exact(level: str, rows: int) -> None:
    """All scales are 1: the largest byte stands in every group, so sums are the integers themselves."""
    generator = torch.Generator().manual_seed(3)
    layer, x = (
        linear(256, 96, bias=False),
        torch.randint(-127, 128, (rows, 256), generator=generator).float(),
    )
    weight = torch.randint(-127, 128, (96, 256), generator=generator).float()
    weight[:, ::GROUP] = x[:, ::GROUP] = 127
    layer.weight.copy_(weight)
    assert torch.equal(product(level, Int8Linear(layer), x).double(), x.double() @ weight.double().T)


@settings(max_examples=30, deadline=None)
@given(
    inputs=st.integers(1, 200) | st.sampled_from([32, 64, 256]),
    outputs=st.integers(1, 150) | st.sampled_from([32, 64]),
    rows=st.integers(1, 70),
    level=st.sampled_from(HERE or [""]),
)
def test_bf16_is_the_product_of_rounded_inputs(inputs: int, outputs: int, rows: int, level: str) -> None:
    layer, x = linear(inputs, outputs), torch.randn(rows, inputs)
    expected = nn.functional.linear(x.bfloat16().double(), layer.weight.double(), layer.bias.double())
    torch.testing.assert_close(product(level, layer, x).double(), expected, rtol=1e-4, atol=1e-4)


@LEVELS
@pytest.mark.parametrize("int8", [False, True])
def test_rows_do_not_depend_on_each_other_or_on_threads(level: str, int8: bool) -> None:
    plain = linear(96, 160)
    layer = Int8Linear(plain) if int8 else plain
    x = torch.randn(37, 96)
    whole = product(level, layer, x, threads=3)
    for row in range(len(x)):
        assert torch.equal(product(level, layer, x[row : row + 1], threads=1)[0], whole[row])
