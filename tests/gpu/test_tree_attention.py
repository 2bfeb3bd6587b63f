"""FlexAttention over a tree of prefixes equals dense attention under the tree's mask, there and back."""

from __future__ import annotations

import torch
from torch import Tensor

from gpu.made_up import DEVICE, rows
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.tree import Pack, build_pack
from trajectune.tune.model.attention import attend, layout_of

SHAPES = ((4, 2, 64), (3, 1, 12), (4, 4, 128))
"""Heads, key/value heads, numbers per head; 12 is less than the kernels take."""


def pack_of(count: int, trunk: int, tail: int) -> Pack:
    made = rows(count, trunk=trunk, tail=tail)
    return build_pack(made, range(count), groups_of(made))


def dense(query: Tensor, key: Tensor, value: Tensor, pack: Pack, scale: float) -> Tensor:
    """The definition, in fp32: `j <= i < subtree_end[j]`."""
    query, key, value = query.float(), key.float(), value.float()
    ratio = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(ratio, 1), value.repeat_interleave(ratio, 1)
    place = torch.arange(len(pack), device=query.device)
    ends = torch.from_numpy(pack.subtree_ends()).to(query.device)
    seen = (place[None, :] <= place[:, None]) & (place[:, None] < ends[None, :])
    scores = (query @ key.transpose(2, 3) * scale).masked_fill(~seen, -torch.inf)
    return (scores.softmax(-1) @ value).transpose(1, 2)


def distance(ours: Tensor, theirs: Tensor) -> float:
    ours, theirs = ours.detach().float(), theirs.detach().float()
    return float((ours - theirs).norm() / theirs.norm())


def compare(pack: Pack, shape: tuple[int, int, int], dtype: torch.dtype, bound: float) -> None:
    heads, key_heads, width = shape
    torch.manual_seed(len(pack))

    def made(count: int) -> Tensor:
        return torch.randn(1, count, len(pack), width, dtype=dtype, device=DEVICE, requires_grad=True)

    query, key, value = parts = made(heads), made(key_heads), made(key_heads)
    scale = 0.7 * width**-0.5
    layout = layout_of(pack, DEVICE)
    ours, _ = attend(torch.nn.Module(), query, key, value, None, layout=layout, scaling=scale)
    back = torch.randn_like(ours)
    found = torch.autograd.grad(ours, parts, back)
    theirs = dense(query, key, value, pack, scale)
    wanted = torch.autograd.grad(theirs, parts, back.float())
    assert distance(ours, theirs) < bound, (shape, dtype, len(pack))
    for name, one, other in zip("qkv", found, wanted, strict=True):
        assert distance(one, other) < bound, (name, shape, dtype, len(pack))


def test_tree_equals_dense_in_fp32() -> None:
    for shape in SHAPES[:2]:
        compare(pack_of(7, 150, 60), shape, torch.float32, 1e-4)


def test_tree_equals_dense_in_bf16() -> None:
    for shape in SHAPES:
        compare(pack_of(7, 150, 60), shape, torch.bfloat16, 2e-2)


def test_a_pack_shorter_than_a_tile() -> None:
    compare(pack_of(2, 20, 10), SHAPES[0], torch.bfloat16, 2e-2)


def test_other_lengths_are_not_compiled_anew() -> None:
    compare(pack_of(7, 150, 60), SHAPES[0], torch.bfloat16, 2e-2)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for count, trunk, tail in ((3, 200, 90), (12, 300, 40), (9, 64, 128)):
            compare(pack_of(count, trunk, tail), SHAPES[0], torch.bfloat16, 2e-2)
