"""The layout of a batch: what each token may see is what it would see alone."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models import Tiny
from trajectune.engine.network.attention import attend
from trajectune.engine.network.batch import Batch, Segment, make_batch
from trajectune.engine.network.cache import KVCache

CPU = torch.device("cpu")
SLOTS, CAPACITY = 6, 48
MODEL = Tiny(vocabulary=64, layers=1, width=32).loaded()
WINDOWS = st.none() | st.integers(1, 50)


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    """New tokens of some of the slots, often equally many and in the order of the slots."""
    slots = draw(st.lists(st.integers(0, SLOTS - 1), min_size=1, max_size=SLOTS, unique=True))
    slots = sorted(slots) if draw(st.booleans()) else slots
    equal = draw(st.sampled_from([0, 1, 3]))
    sizes = st.integers(1, 5) | st.sampled_from([33, 40])
    return [Segment(slot, draw(st.integers(0, 8)), equal or draw(sizes)) for slot in slots]


def allowed(batch: Batch, window: int | None) -> list[set[tuple[int, int]]]:
    """For each packed token the (slot, position) pairs that it sees, read off the groups."""
    found: list[set[tuple[int, int]]] = []
    for group in batch.seen(window):
        assert group.start == len(found), "groups cover the tokens in order"
        for row in range(group.stop - group.start):
            slot, place = group.slot + row // group.count, row % group.count
            if group.causal:
                assert group.first == 0
                seen = list(range(place + 1))
            elif group.mask is None:
                seen = list(range(group.first, group.length))
            else:
                assert group.mask.shape == (group.slots, 1, group.count, group.length - group.first)
                mask = group.mask[row // group.count, 0, place]
                seen = [group.first + position for position in mask.nonzero().flatten().tolist()]
            found.append({(slot, position) for position in seen})
    return found


@settings(deadline=None)
@given(segments(), WINDOWS)
def test_positions_slots_and_masks_are_those_of_each_row_alone(
    given_: list[Segment], window: int | None
) -> None:
    batch = make_batch(given_, CPU)
    expected = [(s.slot, s.past + new) for s in given_ for new in range(s.count)]
    assert list(zip(batch.slots.tolist(), batch.positions.tolist(), strict=True)) == expected
    assert allowed(batch, window) == [
        {(slot, position) for position in range(first(at, window), at + 1)} for slot, at in expected
    ]


def first(position: int, window: int | None) -> int:
    """The first position that a token sees."""
    return 0 if window is None else max(position + 1 - window, 0)


@settings(max_examples=60, deadline=None)
@given(given_=segments(), seed=st.integers(0, 99), window=WINDOWS, softcap=st.sampled_from([None, 1.5]))
def test_attention_is_that_of_each_token_alone(
    given_: list[Segment], seed: int, window: int | None, softcap: float | None
) -> None:
    generator = torch.Generator().manual_seed(seed)
    cache = KVCache(MODEL, SLOTS, CAPACITY)
    cache.windows = (window,)
    for table in (*cache.keys, *cache.values):
        table.copy_(torch.randn(table.shape, generator=generator))
    heads, kv_heads, width = 4, cache.keys[0].shape[1], cache.keys[0].shape[3]
    count = sum(segment.count for segment in given_)
    q, k, v = (torch.randn(count, n, width, generator=generator) for n in (heads, kv_heads, kv_heads))
    batch = make_batch(given_, CPU)
    found = attend(q, k, v, cache, 0, batch, None, softcap)
    for token, (slot, position) in enumerate(zip(batch.slots, batch.positions.tolist(), strict=True)):
        seen = slice(first(position, window), position + 1)
        keys, values = (part[0][slot, :, seen] for part in (cache.keys, cache.values))
        for head in range(heads):
            mine = head // (heads // kv_heads)
            scores = keys[mine] @ q[token, head] / width**0.5
            if softcap is not None:
                scores = softcap * torch.tanh(scores / softcap)
            torch.testing.assert_close(
                found[token, head], scores.softmax(-1) @ values[mine], atol=1e-5, rtol=1e-4
            )
    torch.testing.assert_close(cache.keys[0][batch.slots, :, batch.positions], k)


def test_a_window_reads_no_more_of_the_cache_than_it_needs() -> None:
    batch = make_batch([Segment(0, 30, 1), Segment(1, 34, 1), Segment(3, 20, 4)], CPU)
    assert [(group.first, group.length) for group in batch.seen(8)] == [(23, 35), (13, 24)]
    assert batch.seen(35) == batch.groups  # too wide to cut anything
    equal = make_batch([Segment(0, 30, 1), Segment(1, 30, 1)], CPU)
    assert [(group.first, group.mask) for group in equal.seen(8)] == [(23, None)]
