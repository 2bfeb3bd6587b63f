"""Labels of tokens: they weigh and measure, and change nothing where nobody asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from trajectune.errors import RecipeError
from trajectune.example import Capability
from trajectune.models.tiny import write_tiny_model
from trajectune.tune.data.groups import Group, groups_of
from trajectune.tune.data.labels import label
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.loop import tune
from trajectune.tune.metrics import read_metrics
from trajectune.tune.model.loss import group_weights
from trajectune.tune.settings import TuneSettings

Rows = Callable[..., list[TokenRow]]
SHARES = {"agent": 0.2, "general": 0.8}
THOUGHT, FORM = label(Capability.REASONING), label(Capability.INSTRUCTION_FOLLOWING, True)
SETTINGS = TuneSettings(batch_rows=4, pack_tokens=60, learning_rate=1e-2, precision="fp32", device="cpu")


def labelled(rows: list[TokenRow]) -> list[TokenRow]:
    """The agent's rows with half of their tokens thoughts, half of them form."""
    kinds = [np.arange(len(row)) % 2 * (FORM - THOUGHT) + THOUGHT for row in rows]
    return [
        replace(row, labels=kind.astype(np.uint8)) if row.source == "agent" else row
        for row, kind in zip(rows, kinds, strict=True)
    ]


def test_packs_count_by_source_and_label(make_rows: Rows) -> None:
    rows = labelled(make_rows(8, sources=("agent", "general")))
    groups = groups_of(rows)
    assert groups == [Group("agent", THOUGHT), Group("agent", FORM), Group("general", 0)]
    (pack,) = pack_rows(rows, range(8), groups, 10_000)
    for column, (source, kind) in enumerate(groups):
        counted = sum(
            int(((row.labels == kind) & row.trained).sum()) for row in rows if row.source == source
        )
        assert pack.counts[:, column].sum() == counted


@given(
    counts=st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any),
    factors=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]), min_size=3, max_size=3),
)
def test_the_share_of_a_source_is_exact_whatever_its_labels_weigh(
    counts: list[int], factors: list[float]
) -> None:
    groups = [Group("agent", THOUGHT), Group("agent", FORM), Group("general", 0)]
    weights = group_weights(np.array(counts, float), groups, SHARES, np.array(factors))
    each = weights.of_targets(np.eye(3, dtype=np.float32)) * counts
    there = {"agent": counts[0] * factors[0] + counts[1] * factors[1], "general": counts[2] * factors[2]}
    present = sum(SHARES[source] for source, count in there.items() if count)
    expected = {source: SHARES[source] / present if count else 0.0 for source, count in there.items()}
    assert each[0] + each[1] == pytest.approx(expected["agent"])
    assert each[2] == pytest.approx(expected["general"])


def test_labels_alone_change_no_weight_of_the_model(make_rows: Rows, tmp_path: Path) -> None:
    base = write_tiny_model(tmp_path / "base")
    rows = make_rows(8, sources=("agent", "general"))
    plain = tune(rows, base, SETTINGS, tmp_path / "plain", SHARES)
    marked = tune(labelled(rows), base, SETTINGS, tmp_path / "marked", SHARES)
    one, other = (load_file(result.model / "model.safetensors") for result in (plain, marked))
    assert all(torch.equal(one[name], other[name]) for name in one)
    before, after = read_metrics(tmp_path / "plain"), read_metrics(tmp_path / "marked")
    for a, b in zip(before, after, strict=True):
        assert (a.gradient_norm, a.trained_tokens) == (b.gradient_norm, b.trained_tokens)
        assert b.loss == pytest.approx(a.loss, rel=1e-12)
        assert not a.capabilities
        assert not a.kinds


def test_each_capability_is_measured_and_weighed(make_rows: Rows, tmp_path: Path) -> None:
    base = write_tiny_model(tmp_path / "base")
    rows = labelled(make_rows(8, sources=("agent", "general")))
    settings = SETTINGS.model_copy(
        update={"capability_weights": {Capability.REASONING: 3.0}, "format_weight": 0.5}
    )
    tune(rows, base, settings, tmp_path / "weighed", SHARES)
    first = read_metrics(tmp_path / "weighed")[0]
    thoughts, form = first.capabilities["reasoning"], first.capabilities["instruction_following"]
    assert set(first.capabilities) == {"reasoning", "instruction_following", "other"}
    assert first.kinds["format"] == form
    counts = [thoughts.trained_tokens * 3.0, form.trained_tokens * 0.5]
    agent = (counts[0] * thoughts.loss + counts[1] * form.loss) / sum(counts)
    assert first.loss == pytest.approx(0.2 * agent + 0.8 * first.sources["general"].loss)


def test_weights_that_leave_nothing_are_refused(make_rows: Rows, tmp_path: Path) -> None:
    nothing = SETTINGS.model_copy(update={"capability_weights": dict.fromkeys(Capability, 0.0)})
    with pytest.raises(RecipeError, match="no trained token has any weight"):
        tune(labelled(make_rows(4)), "tiny", nothing, tmp_path, {"agent": 1.0})
