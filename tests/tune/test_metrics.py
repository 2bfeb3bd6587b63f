"""One line for each step done, whatever was killed when; and sums that add up."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.example import Capability
from trajectune.tune.data.groups import Group
from trajectune.tune.data.labels import label
from trajectune.tune.metrics import (
    MetricsLog,
    SourceMetrics,
    StepMetrics,
    by_label,
    read_metrics,
    total_by_source,
)


def step(number: int, **losses: float) -> StepMetrics:
    """A step in which each source has so many rows as its loss says, rounded."""
    return StepMetrics(
        step=number,
        loss=sum(losses.values()),
        sources={
            name: SourceMetrics(rows=round(loss), tokens=10, trained_tokens=5, loss=loss)
            for name, loss in losses.items()
        },
        learning_rate=0.1,
        gradient_norm=1.0,
        rows=1,
        tokens=10,
        unique_tokens=8,
        trained_tokens=5,
        packs=1,
        seconds=0.1,
    )


@settings(max_examples=20, deadline=None)
@given(
    runs=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4), st.booleans()), min_size=1, max_size=4)
)
def test_after_any_crashes_every_step_has_one_line(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, int, bool]]
) -> None:
    folder, done = tmp_path_factory.mktemp("run"), 0
    for more, lost, torn in runs:  # steps done, steps since the last checkpoint, killed while writing
        with MetricsLog(folder, done) as log:
            for number in range(done + 1, done + more + 1):
                log.write(step(number, agent=float(number + more)))
        if torn:
            with (folder / "metrics.jsonl").open("ab") as file:
                file.write(b'{"step": 99, "lo')
        done = max(done + more - lost, done)
    with MetricsLog(folder, done) as log:
        log.write(step(done + 1, agent=0.5))
    assert [metrics.step for metrics in read_metrics(folder)] == list(range(1, done + 2))
    assert read_metrics(folder)[-1] == step(done + 1, agent=0.5)


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0, first=False) as log:
        log.write(step(1, agent=1.0))
    assert list(tmp_path.iterdir()) == []
    assert read_metrics(tmp_path) == []


def test_what_is_written_is_on_the_disk_at_once(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, 0) as log:
        log.write(step(1, agent=1.0))
        assert read_metrics(tmp_path) == [step(1, agent=1.0)]


def test_totals_are_sums_and_the_loss_is_that_of_the_end() -> None:
    steps = [step(number, agent=float(number)) for number in range(1, 21)]
    steps[3].sources["rare"] = SourceMetrics(rows=2, tokens=7, trained_tokens=3, loss=9.0)
    totals = total_by_source(steps)
    assert totals["agent"].rows == sum(range(1, 21))
    assert (totals["agent"].tokens, totals["agent"].trained_tokens) == (200, 100)
    assert totals["agent"].loss == pytest.approx((19 + 20) / 2)
    # A source that the last tenth has not seen: the last thing that was known of it.
    assert totals["rare"] == SourceMetrics(rows=2, tokens=7, trained_tokens=3, loss=9.0)


GROUPS = [
    Group("agent", label(Capability.REASONING)),
    Group("agent", label(Capability.RETRIEVAL)),
    Group("agent", label(Capability.INSTRUCTION_FOLLOWING, True)),
    Group("general", 0),
    Group("other", label(Capability.REASONING)),
]


@given(
    counts=st.lists(st.integers(0, 9), min_size=5, max_size=5),
    losses=st.lists(st.floats(0, 5), min_size=5, max_size=5),
)
def test_capabilities_and_kinds_are_two_ways_to_cut_the_same_tokens(
    counts: list[int], losses: list[float]
) -> None:
    number, total = np.array(counts, float), np.array(losses) * np.array(counts)
    capabilities, kinds = by_label(GROUPS, total, number)
    for parts in (capabilities, kinds):
        assert sum(part.trained_tokens for part in parts.values()) == sum(counts)
        assert math.isclose(
            sum(part.loss * part.trained_tokens for part in parts.values()), total.sum(), abs_tol=1e-9
        )
        assert all(part.trained_tokens for part in parts.values())
    if thoughts := counts[0] + counts[4]:
        assert capabilities["reasoning"].trained_tokens == thoughts
    assert kinds.get("format") is None or kinds["format"].trained_tokens == counts[2]
    assert ("other" in capabilities) == (counts[3] > 0)


def test_without_labels_there_is_nothing_to_tell_apart() -> None:
    assert by_label([Group("a", 0), Group("b", 0)], np.ones(2), np.ones(2)) == ({}, {})
