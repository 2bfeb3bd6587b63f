"""Charts: in the page's colours, escaped, the same each time, and only where they show something."""

from __future__ import annotations

import pages
import pytest

from trajectune.report.charts import Bars, Panel, bars_chart, loss_chart, points_chart, weight_chart
from trajectune.report.contents import LossCurve, Page, WeightCurve
from trajectune.report.figures import MOST_SERIES, figures_of
from trajectune.report.svg import SERIES

ONE = pages.share(0.5)


def drawings() -> list[str]:
    return [
        bars_chart([Bars(pages.HOSTILE, [ONE, None]), Bars("b", [None, ONE])], pages.HOSTILE, "bars"),
        points_chart({pages.HOSTILE: ONE}, pages.HOSTILE, pages.HOSTILE, "points"),
        loss_chart([LossCurve(name=pages.HOSTILE, steps=[1], losses=[2.0])]),
        weight_chart([Panel("%", 100, {pages.HOSTILE: [(0, ONE), (1, ONE)]})], pages.HOSTILE, "weight"),
    ]


def test_charts_are_escaped_and_have_no_colours_of_their_own() -> None:
    for svg in drawings():
        assert svg.startswith('<svg role="img"')
        assert "<script" not in svg
        assert "<img" not in svg
        assert "http" not in svg.replace("http://evil.example", "")
        assert "var(--series-" in svg
        assert not any(colour in svg for colour in SERIES)


def test_the_same_data_gives_the_same_drawing() -> None:
    assert drawings() == drawings()


def test_more_series_than_colours_begin_again() -> None:
    groups = [Bars("a", [ONE] * (len(SERIES) + 1))]
    assert f"var(--series-{len(SERIES)})" in bars_chart(groups, "many", "many")


@pytest.mark.parametrize(
    ("page", "trade", "others", "parts", "weights"),
    [
        (pages.run_page(), False, 0, 2, 0),
        (pages.ablation_page(), True, 0, 2, 0),
        (pages.upscale_page(), True, 0, 0, 1),
    ],
    ids=["run", "ablation", "upscale"],
)
def test_a_page_has_the_charts_of_its_shape(
    page: Page, trade: bool, others: int, parts: int, weights: int
) -> None:
    figures = figures_of(page)
    assert figures.headline is not None
    assert (figures.trade is not None) is trade
    assert (len(figures.others), len(figures.parts), len(figures.weights)) == (others, parts, weights)


def test_losses_without_skill_are_drawn_as_points() -> None:
    entries = [pages.Entry(system=name, measurement=pages.loss(name, 1.0)) for name in "abc"]
    figures = figures_of(Page(title="", entries=entries))
    assert len(figures.others) == 1
    assert figures.headline is figures.trade is figures.loss is None
    assert figures_of(Page(title="", entries=entries[:2])).others == []


def test_parts_of_many_systems_are_left_to_a_table() -> None:
    def parts(count: int) -> int:
        names = [f"s{n}" for n in range(count)]
        entries = [pages.Entry(system=name, measurement=pages.agent(name, 0.5)) for name in names]
        return len(figures_of(Page(title="", entries=entries)).parts)

    assert (parts(MOST_SERIES), parts(MOST_SERIES + 1)) == (1, 0)


def test_a_curve_needs_two_points_and_a_known_suite() -> None:
    page = pages.upscale_page()
    lonely = [curve.model_copy(update={"points": curve.points[:1]}) for curve in page.curves]
    stranger = WeightCurve(suite="nobody", weight="α", points=[(0, ONE), (1, ONE)])
    assert figures_of(page.model_copy(update={"curves": [*lonely, stranger]})).weights == []
