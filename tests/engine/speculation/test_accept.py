"""Accepting and replacing a draft, summed over all random numbers: exactly the target remains."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.engine.speculation.speculation import accept

SIZE, STEPS = 4, 64
CHANCES = st.lists(st.integers(0, 8), min_size=SIZE, max_size=SIZE).filter(any)


def normalised(counts: list[int]) -> torch.Tensor:
    found = torch.tensor(counts, dtype=torch.float32)
    return found / found.sum()


def outcome(p: torch.Tensor, q: torch.Tensor, draft: int) -> torch.Tensor:
    """How often each token comes out of a drafted one, over a fine grid of the numbers that decide."""
    grid = (torch.arange(STEPS) + 0.5) / STEPS
    points = torch.stack(torch.meshgrid(grid, grid, indexing="ij"), -1).view(-1, 2)
    rows = len(points)
    drafts = torch.full((rows, 1), draft)
    kept, replaced = accept(
        p.expand(rows, 1, -1),
        q.expand(rows, 1, -1),
        drafts,
        torch.cat([torch.zeros(rows, 1), points], 1)[:, None],
    )
    tokens = torch.where(kept == 1, drafts[:, 0], replaced)
    return torch.bincount(tokens, minlength=SIZE) / rows


@settings(max_examples=60, deadline=None)
@given(target=CHANCES, drafted=CHANCES)
def test_whatever_the_drafter_likes_the_target_comes_out(target: list[int], drafted: list[int]) -> None:
    p, q = normalised(target), normalised(drafted)
    total = sum((q[x] * outcome(p, q, x) for x in range(SIZE) if q[x] > 0), torch.zeros(SIZE))
    torch.testing.assert_close(total, p, atol=2.5 / STEPS, rtol=0)
    assert (total[p == 0] == 0).all(), "what the target rules out never comes"


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_nothing_behind_the_first_refusal_is_kept(liked: list[bool]) -> None:
    count = len(liked)
    target = torch.zeros(1, count, SIZE)
    target[0, :, 1] = 1.0
    drafts = torch.tensor([[1 if good else 2 for good in liked]])
    proposed = torch.nn.functional.one_hot(drafts, SIZE).float()
    kept, replaced = accept(target, proposed, drafts, torch.full((1, count, 3), 0.5))
    first = liked.index(False) if False in liked else count
    assert int(kept) == first
    assert first == count or int(replaced) == 1


def test_equal_distributions_keep_every_draft() -> None:
    p = normalised([1, 2, 3, 2])
    for draft in range(SIZE):
        assert outcome(p, p, draft)[draft] == 1.0


def test_rows_are_judged_by_themselves() -> None:
    target = torch.eye(SIZE)[[0, 1, 2]][:, None]
    proposed = torch.eye(SIZE)[[0, 0, 0]][:, None]
    kept, replaced = accept(target, proposed, torch.tensor([[0], [0], [0]]), torch.full((3, 1, 3), 0.3))
    assert kept.tolist() == [1, 0, 0]
    assert replaced.tolist()[1:] == [1, 2]
