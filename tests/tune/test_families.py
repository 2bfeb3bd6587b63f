"""Every family can be tuned: in any packing, whole or with adapters, loss and gradient are its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.families import FAMILIES, WINDOW
from support.tuning import GROUPS, assert_same, packed, row_by_row
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow

Rows = Callable[..., list[TokenRow]]


@pytest.mark.parametrize("name", FAMILIES)
def test_any_packing_equals_transformers_row_by_row(
    name: str, make_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trajectune.tune.model.layout.QUERY_BLOCK", 10)
    rows = make_rows(8, trunk=WINDOW + 6, sources=("agent", "general"))
    assert min(map(len, rows)) > WINDOW
    model = FAMILIES[name].network()
    wanted = row_by_row(model, rows)
    for pack_tokens, share in ((1, False), (100, False), (10_000, True)):
        packs = pack_rows(rows, range(len(rows)), GROUPS, pack_tokens, share=share)
        assert_same(packed(model, packs), wanted)
