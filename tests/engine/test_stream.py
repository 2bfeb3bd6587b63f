"""A stream reads what it has not read yet, in bounded passes, and says what one pass would say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.models import Tiny
from trajectune.engine.network.cache import KVCache
from trajectune.engine.requests import Request
from trajectune.engine.row import Row
from trajectune.engine.stream import Stream
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

MODEL = Tiny(vocabulary=64, spread=0.3).loaded()
PROMPTS = st.lists(st.lists(st.integers(0, 63), min_size=1, max_size=9), min_size=1, max_size=3)


def stream(prefill: int = 1024, ids: torch.Tensor | None = None) -> Stream:
    return Stream(0, MODEL, KVCache(MODEL, 3, 32), prefill, ids)


def row(slot: int, prompt: list[int]) -> Row:
    return Row(slot, Request(prompt), slot, frozenset(), 32, (prompt,), (1.0,))


def expected(model: LoadedModel, tokens: list[int], count: int) -> torch.Tensor:
    """Logits behind the last `count` tokens, by the library."""
    with torch.inference_mode():
        return model.model(torch.tensor([tokens])).logits[0, -count:]  # pyright: ignore[reportCallIssue]


@settings(max_examples=40, deadline=None)
@given(prompts=PROMPTS, prefill=st.integers(1, 12), count=st.integers(1, 3), draft=st.data())
def test_scores_are_the_models_however_they_are_cut_into_passes(
    prompts: list[list[int]], prefill: int, count: int, draft: st.DataObject
) -> None:
    one = stream(prefill)
    rows = [row(slot, prompt) for slot, prompt in enumerate(prompts)]
    first = one.scores(rows)
    for found, each in zip(first, rows, strict=True):
        torch.testing.assert_close(found, expected(MODEL, each.prompts[0], 1), atol=1e-4, rtol=1e-4)
        each.draft = draft.draw(st.lists(st.integers(0, 63), min_size=count, max_size=count))
    for found, each in zip(one.scores(rows, count), rows, strict=True):
        sequence = each.prompts[0] + each.draft
        torch.testing.assert_close(found, expected(MODEL, sequence, count), atol=1e-4, rtol=1e-4)
        assert one.cache.held[each.slot] == sequence


@given(prompts=PROMPTS, prefill=st.integers(1, 12), count=st.integers(1, 4))
def test_passes_are_bounded_and_cover_every_row_in_order(
    prompts: list[list[int]], prefill: int, count: int
) -> None:
    one = stream(prefill)
    rows = [row(slot, prompt) for slot, prompt in enumerate(prompts)]
    passes = list(one._passes(rows, count))
    for pieces in passes:
        assert 0 < sum(len(now) for _, now, _ in pieces) <= prefill
    for each in rows:
        mine = [piece for pieces in passes for piece in pieces if piece[0] is each]
        assert [token for _, now, _ in mine for token in now] == each.prompts[0]
        assert sum(wanted for _, _, wanted in mine) == min(count, len(each.prompts[0]))
        # Scores are asked for behind the last tokens, so nothing is wanted in front of them.
        behind = [wanted == len(now) for _, now, wanted in mine if wanted]
        assert all(behind[1:])
    order = [piece[0].slot for pieces in passes for piece in pieces]
    assert order == sorted(order)


def test_rewinding_forgets_drafts_and_the_newest_token() -> None:
    one, each = stream(), row(1, [5, 6, 7])
    one.scores([each])
    one.rewind(each)
    assert one.cache.held[1] == [5, 6, 7]
    each.tokens, each.draft = [8], [9, 10]
    one.scores([each], 3)
    assert one.cache.held[1] == [5, 6, 7, 8, 9, 10]
    each.tokens, each.draft = [8, 9], []
    one.rewind(each)
    assert one.cache.held[1] == [5, 6, 7, 8]
    again = one.scores([each])[0]
    torch.testing.assert_close(again, expected(MODEL, [5, 6, 7, 8, 9], 1), atol=1e-4, rtol=1e-4)


def test_a_declared_map_is_followed_there_and_back() -> None:
    ids = torch.arange(64).flip(0)
    plain, mapped = row(0, [1, 2, 3]), row(0, [62, 61, 60])
    torch.testing.assert_close(stream(ids=ids).scores([mapped])[0], stream().scores([plain])[0].flip(-1))


def test_a_token_that_the_map_lacks_cannot_be_read() -> None:
    ids = torch.arange(64)
    ids[7] = -1
    assert stream(ids=ids).scores([row(0, [1, 2])]).shape == (1, 1, 64)
    with pytest.raises(ModelError, match="lacks token 7, which must be read"):
        stream(ids=ids).scores([row(0, [1, 7])])


@given(prompts=PROMPTS, prefill=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_reading_leaves_the_newest_token_for_the_scores(prompts: list[list[int]], prefill: int) -> None:
    one = stream(prefill)
    rows = [row(slot, prompt) for slot, prompt in enumerate(prompts)]
    one.read(rows)
    assert [one.missing(each) for each in rows] == [prompt[-1:] for prompt in prompts]
    for found, each in zip(one.scores(rows), rows, strict=True):
        torch.testing.assert_close(found, expected(MODEL, each.prompts[0], 1), atol=1e-4, rtol=1e-4)
