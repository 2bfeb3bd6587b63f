"""FlexAttention over a tree of prefixes equals dense attention under its rule, there and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gpu.made_up import DEVICE, rows
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.tree import Pack, build_pack
from trajectune.tune.model.attention import attend
from trajectune.tune.model.layout import layout_of

SHAPES = ((4, 2, 64), (3, 1, 12), (4, 4, 128))
"""Heads, key/value heads, numbers per head; 12 is less than the kernels take."""


def pack_of(count: int, trunk: int, tail: int) -> Pack:
    made = rows(count, trunk=trunk, tail=tail)
    return build_pack(made, range(count), groups_of(made))


@dataclass(frozen=True)
class Kind:
    """A layer's attention: its sliding window and the cap on its scores."""

    window: int | None = None
    softcap: float | None = None


KINDS = (Kind(), Kind(window=100), Kind(softcap=20.0), Kind(window=40, softcap=20.0))
"""Llama's, Mistral's, Gemma 2's full layers and its windowed ones."""


def dense(query: Tensor, key: Tensor, value: Tensor, pack: Pack, scale: float, kind: Kind) -> Tensor:
    """The definition, in fp32: `j <= i < subtree_end[j]`, and j not before the window of i."""
    query, key, value = query.float(), key.float(), value.float()
    ratio = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(ratio, 1), value.repeat_interleave(ratio, 1)
    place = torch.arange(len(pack), device=query.device)
    ends = torch.from_numpy(pack.subtree_ends()).to(query.device)
    seen = (place[None, :] <= place[:, None]) & (place[:, None] < ends[None, :])
    if kind.window is not None:
        positions = torch.from_numpy(pack.positions).to(query.device)
        seen &= positions[:, None] - positions[None, :] < kind.window
    scores = query @ key.transpose(2, 3) * scale
    if kind.softcap is not None:
        scores = kind.softcap * torch.tanh(scores / kind.softcap)
    return (scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value).transpose(1, 2)


def distance(ours: Tensor, theirs: Tensor) -> float:
    ours, theirs = ours.detach().float(), theirs.detach().float()
    return float((ours - theirs).norm() / theirs.norm())


def compare(
    pack: Pack, shape: tuple[int, int, int], dtype: torch.dtype, bound: float, kind: Kind = KINDS[0]
) -> None:
    heads, key_heads, width = shape
    torch.manual_seed(len(pack))

    def made(count: int) -> Tensor:
        return torch.randn(1, count, len(pack), width, dtype=dtype, device=DEVICE, requires_grad=True)

    query, key, value = parts = made(heads), made(key_heads), made(key_heads)
    scale = 0.7 * width**-0.5
    layout = layout_of(pack, DEVICE)
    ours, _ = attend(
        torch.nn.Module(),
        query,
        key,
        value,
        None,
        layout=layout,
        scaling=scale,
        sliding_window=kind.window,
        softcap=kind.softcap,
    )
    back = torch.randn_like(ours)
    found = torch.autograd.grad(ours, parts, back)
    theirs = dense(query, key, value, pack, scale, kind)
    wanted = torch.autograd.grad(theirs, parts, back.float())
    assert distance(ours, theirs) < bound, (shape, dtype, len(pack), kind)
    for name, one, other in zip("qkv", found, wanted, strict=True):
        assert distance(one, other) < bound, (name, shape, dtype, len(pack), kind)


def test_tree_equals_dense_in_fp32() -> None:
    for shape in SHAPES[:2]:
        compare(pack_of(7, 150, 60), shape, torch.float32, 1e-4)


def test_tree_equals_dense_in_bf16() -> None:
    for shape in SHAPES:
        compare(pack_of(7, 150, 60), shape, torch.bfloat16, 2e-2)


def test_windows_and_soft_caps() -> None:
    for kind in KINDS[1:]:
        compare(pack_of(7, 150, 60), SHAPES[0], torch.float32, 1e-4, kind)
        compare(pack_of(7, 150, 60), SHAPES[0], torch.bfloat16, 2e-2, kind)
        compare(pack_of(12, 700, 60), SHAPES[1], torch.bfloat16, 2e-2, kind)


def test_a_pack_shorter_than_a_tile() -> None:
    compare(pack_of(2, 20, 10), SHAPES[0], torch.bfloat16, 2e-2)


def test_other_lengths_windows_and_caps_are_not_compiled_anew() -> None:
    for kind in KINDS:
        compare(pack_of(7, 150, 60), SHAPES[0], torch.bfloat16, 2e-2, kind)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for count, trunk, tail in ((3, 200, 90), (12, 300, 40), (9, 64, 128)):
            for kind in (*KINDS, Kind(window=70, softcap=30.0)):
                compare(pack_of(count, trunk, tail), SHAPES[0], torch.bfloat16, 2e-2, kind)
