"""Rows, columns and cells of the tables: order, seeds, shares, and what was not measured."""

from __future__ import annotations

import pages
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.evaluate.contract import Measurement
from trajectune.evaluate.intervals import over_seeds
from trajectune.report.contents import Entry, Page
from trajectune.report.views import (
    overall_scores,
    seeds_of,
    suites_of,
    systems_of,
    trade,
    unmeasured,
)


def page_of(*entries: Entry, **fields: object) -> Page:
    return Page.model_validate({"title": "made up", "entries": entries, **fields})


def entry(system: str, measurement: Measurement, seed: int = 0) -> Entry:
    return Entry(system=system, seed=seed, measurement=measurement)


def test_suites_of_a_group_stand_together_and_else_keep_their_order() -> None:
    page = page_of(
        entry("a", pages.choices("a", 0.5)),
        entry("a", pages.agent("a", 0.5, suite="new", group="held-out")),
        entry("a", pages.agent("a", 0.5, suite="second")),
        entry("b", pages.agent("b", 0.5, suite="first")),
    )
    assert [view.name for view in suites_of(page)] == ["second", "first", "new", "choices"]
    assert systems_of(page) == ["a", "b"]


def test_one_seed_keeps_its_own_interval() -> None:
    (view,) = suites_of(page_of(entry("a", pages.agent("a", 0.5))))
    assert view.value("a") == pages.agent("a", 0.5).value
    assert view.value("b") is view.metric("a", "nonsense") is None


@given(st.lists(st.integers(0, 84), min_size=2, max_size=5))
def test_several_seeds_give_their_mean_within_bounds(solved: list[int]) -> None:
    entries = [
        entry("a", pages.agent("a", count / 84, seed=seed), seed) for seed, count in enumerate(solved)
    ]
    page = page_of(*entries)
    (view,) = suites_of(page)
    mean = over_seeds([count / 84 for count in solved])
    found = view.value("a")
    assert mean is not None
    assert found is not None
    assert found.value == pytest.approx(mean.value)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert seeds_of(page, "a") == list(range(len(solved)))
    assert view.count("a", "successes") == sum(solved)


def test_a_loss_over_seeds_has_no_bounds() -> None:
    page = page_of(*(entry("a", pages.loss("a", 3.0 * seed), seed) for seed in range(3)))
    (view,) = suites_of(page)
    found = view.value("a")
    assert found is not None
    assert found.low < 0 < 1 < found.high
    assert not view.is_share


def test_a_seed_that_lacks_a_metric_is_omitted_from_its_mean() -> None:
    with_kl, without = pages.loss("a", 1.0, 0.2), pages.loss("a", 1.0)
    (view,) = suites_of(page_of(entry("a", with_kl, 0), entry("a", without, 1)))
    assert view.metric("a", "divergence") == with_kl.metrics["divergence"]


def test_parts_and_metrics_keep_their_order() -> None:
    (view,) = suites_of(page_of(entry("a", pages.agent("a", 0.5))))
    assert view.headline_parts == list(pages.KINDS)
    assert view.metrics() == ["success", "reward", "valid_replies", "valid_episodes", "turns"]
    assert view.has_errors
    assert "outcome/completed" not in view.counted()
    assert view.outcomes("a") == ["completed", "bad_format"]


def test_what_was_not_measured_is_remarked_only_where_no_seed_was() -> None:
    missing = Measurement(
        suite="database", group="held-in", system=pages.who("a"), status="skipped", reason="no Java"
    )
    page = page_of(entry("a", missing), entry("b", missing), entry("b", pages.agent("b", 0.5, seed=1), 1))
    (view,) = suites_of(page)
    assert (view.remark("a"), view.remark("b"), view.remark("c")) == ("skipped", "", "")
    assert view.headline == "success"
    assert unmeasured(page) == ["database skipped for a, b: no Java"]


def test_the_trade_off_needs_both_and_means_over_suites() -> None:
    page = page_of(
        entry("both", pages.agent("both", 0.25)),
        entry("both", pages.agent("both", 0.75, suite="household")),
        entry("both", pages.loss("both", 0.9)),
        entry("skill", pages.agent("skill", 0.5)),
        entry("skill", pages.agent("skill", 0.5, suite="household")),
        entry("cost", pages.loss("cost", 0.8)),
        entry("half", pages.agent("half", 0.5)),
        entry("half", pages.loss("half", 0.8)),
    )
    placed = trade(page)
    assert list(placed) == ["both"]
    loss, success = placed["both"]
    assert loss.value == 0.9
    assert success.value == pytest.approx(0.5)


def test_overall_scores_are_by_group_and_over_seeds() -> None:
    entries = [
        entry("a", pages.agent("a", value, seed=seed), seed) for seed, value in enumerate((0.25, 0.75))
    ]
    page = page_of(*entries, entry("a", pages.choices("a", 0.5)), references={"gpt": {"database": 0.5}})
    found = overall_scores(page)
    assert list(found) == ["held-in"]
    assert found["held-in"]["a"].value == pytest.approx(1.0)
    assert overall_scores(page_of(*entries)) == {}
