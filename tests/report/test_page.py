"""The page: whole, self-contained, escaped, and honest about what was not measured, for every shape."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pages
import pytest

from trajectune.errors import DataError
from trajectune.evaluate.contract import Measurement
from trajectune.report.contents import PAGE_VERSION, Page
from trajectune.report.page import read_page, render, write_page
from trajectune.report.sections.samples import Sample
from trajectune.storage import read_json, write_json

VOID = {"meta", "br", "img", "link", "hr", "input"}
SHAPES = [pages.run_page, pages.ablation_page, pages.upscale_page]


class Html(HTMLParser):
    """Checks nesting while it reads; keeps tags, attributes, tables and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def row(self, *begin: str) -> list[str]:
        """The first row that begins so."""
        found = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        return next(row for row in found if tuple(row[: len(begin)]) == begin)


def written(page: Page, folder: Path, samples: list[Sample] | None = None) -> Html:
    path = write_page(page, [pages.sample()] if samples is None else samples, folder)
    return Html(path.read_text(encoding="utf-8"))


@cache
def shape(make: Callable[[], Page]) -> Html:
    """One of the shapes as it is, drawn once for all tests."""
    return Html(render(make(), [pages.sample()]))


def assert_self_contained(html: Html) -> None:
    assert "script" not in html.tags
    assert not {"img", "link", "iframe", "object"} & set(html.tags)
    for name, value in html.attributes:
        assert not name.startswith("on")
        if name in {"src", "href", "action"}:
            assert value.startswith("#")
        assert not re.search(r"url\((?!#)", value)
    identifiers = [value for name, value in html.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))


def hostile(value: Any, key: str = "") -> Any:
    """A page's data with hostile words in every name, note, part, reason and setting."""
    if isinstance(value, dict):
        return {_hostile_key(name, key): hostile(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each, key) for each in value]
    known = ("group", "status", "role", "headline")
    return pages.HOSTILE + value if isinstance(value, str) and key not in known else value


def _hostile_key(name: str, inside: str) -> str:
    if inside in ("metrics", "counts") and "/" in name:
        return name.replace("/", "/" + pages.HOSTILE)
    return pages.HOSTILE + name if inside in ("hardware", "versions", "files", "settings") else name


@pytest.mark.parametrize("make", SHAPES)
def test_every_shape_is_one_whole_page(make: Callable[[], Page]) -> None:
    html = shape(make)
    assert_self_contained(html)
    for heading in ("Results", "Errors", "Data", "Training", "Sample trajectories", "How it was made"):
        assert heading in html.text
    assert html.tags.count("table") == html.tags.count("caption")


@pytest.mark.parametrize("make", SHAPES)
def test_hostile_text_stays_text(make: Callable[[], Page], tmp_path: Path) -> None:
    html = written(Page.model_validate(hostile(make().model_dump(mode="json"))), tmp_path)
    assert_self_contained(html)
    assert html.text.count("<script>alert(1)</script>") > 50
    assert any("default-src 'none'" in value for name, value in html.attributes if name == "content")


@pytest.mark.parametrize("make", SHAPES)
def test_the_same_data_gives_the_same_bytes(make: Callable[[], Page], tmp_path: Path) -> None:
    first = write_page(make(), [pages.sample()], tmp_path)
    assert first.read_text("utf-8") == render(make(), [pages.sample()])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "page.json"]
    assert read_page(tmp_path / "page.json") == make()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    write_page(pages.run_page(), [], tmp_path)
    path = tmp_path / "page.json"
    write_json(path, {**read_json(path), "schema_version": PAGE_VERSION + 1})
    with pytest.raises(DataError, match="newer than") as caught:
        read_page(path)
    assert caught.value.where == str(path)
    write_json(path, {"name": "something else"})
    with pytest.raises(DataError, match="not the data of a page"):
        read_page(path)


def test_a_run_says_what_was_gained_and_what_it_cost() -> None:
    html = shape(pages.run_page)
    assert "Success from 6 % to 62 % of 84 unseen database tasks." in html.text
    assert "General loss 0.803 to 0.824 (+0.021; lower is better)." in html.text
    assert html.row("base")[1:] == ["6 % [3–13]", "0.803 [0.773–0.833]", "83 % [78–87]"]
    assert html.row("database", "base → tuned")[2:6] == ["84", "47", "3", "+56 [+44, +67]"]
    assert html.row("general-loss", "base → tuned")[5] == "+0.021 [+0.013, +0.030]"
    assert html.tags.count("svg") == 4  # headline, kinds, sets, training loss
    assert "4 min 07 s in all" in html.text


def test_an_ablation_shows_means_over_seeds_and_the_trade_off() -> None:
    html = shape(pages.ablation_page)
    assert "Best on database: agent-only with 64 %" in html.text
    assert html.row("system")[:2] == ["system", "seeds"]
    assert html.row("base")[:2] == ["base", "1"]
    mixed = html.row("mixed")
    assert mixed[1] == "3"
    assert mixed[2].startswith("62 % [")
    assert "Student's t" in html.text
    assert ("aria-label", "Agent success against general loss, by system") in html.attributes


def test_a_study_of_emulation_shows_gaps_and_curves() -> None:
    html = shape(pages.upscale_page)
    assert (
        "Emulated closes 68 % [48–88] of the gap from large base to large tuned on database." in html.text
    )
    assert html.row("database", "emulated")[2:] == ["large base → large tuned", "68 % [48–88]"]
    assert ("aria-label", "Metrics over α: share of the tuning") in html.attributes
    assert len([row for row in html.rows if row and row[0].strip() == "α = 0.5"]) >= 2


def test_many_systems_have_their_parts_in_a_table() -> None:
    html = shape(pages.upscale_page)
    select = html.row("select")
    assert len(select) == 8
    assert all(cell.endswith("%") for cell in select[1:])


def test_who_was_measured_is_named_with_digests() -> None:
    html = shape(pages.run_page)
    tuned = pages.who("tuned")
    row = html.row("tuned", "0")
    assert row[2:] == [tuned.model, "embedded", tuned.weights[:12], tuned.template[:12], "agentbench"]
    seeds = shape(pages.ablation_page)
    assert len([row for row in seeds.rows if row and row[0].strip() == "mixed" and len(row) == 7]) == 3


def test_what_was_skipped_or_failed_says_why(tmp_path: Path) -> None:
    page = pages.run_page()
    who = page.entries[0].measurement.system
    missing = [
        Measurement(suite="toolbox", group="held-out", system=who, status="skipped", reason="no Java here"),
        Measurement(suite="quiz", group="general", system=who, status="failed", reason="KeyError: 'a'"),
    ]
    entries = [pages.Entry(system="base", measurement=each) for each in missing]
    html = written(page.model_copy(update={"entries": [*page.entries, *entries]}), tmp_path)
    assert "toolbox skipped for base: no Java here" in html.text
    assert "quiz failed for base: KeyError: 'a'" in html.text
    head, base, tuned = (html.row(name) for name in ("system", "base", "tuned"))
    place = next(n for n, cell in enumerate(head) if cell.startswith("toolbox"))
    assert (base[place], tuned[place]) == ("skipped", "–")


def test_an_empty_page_says_so(tmp_path: Path) -> None:
    html = written(Page(title="nothing"), tmp_path, [])
    for sentence in (
        "Nothing was measured.", "No trajectories were gathered.", "No mixture was recorded.",
        "No loss curves were recorded.", "No trajectories to show.", "No stage times were recorded.",
    ):  # fmt: skip
        assert sentence in html.text
    assert "svg" not in html.tags


def test_one_system_alone(tmp_path: Path) -> None:
    page = Page(title="alone", entries=pages.all_of("tuned", 0.62, 0.82, 0.8))
    html = written(page, tmp_path, [Sample("database", {"tuned": pages.episode("1", 1.0), "x": None})])
    assert "Tuned solves 62 % [51–72] of 84 unseen database tasks." in html.text
    assert "Not played." in html.text


def test_the_note_of_a_suite_stands_beside_its_results() -> None:
    html = shape(pages.run_page)
    assert "database: Generated tables, questions and changes; not AgentBench's tasks" in html.text
    assert "choices: Guessing is right in 25 %." in html.text


def test_references_give_an_overall_score(tmp_path: Path) -> None:
    page = pages.run_page().model_copy(update={"references": {"gpt": {"database": 0.31}}})
    html = written(page, tmp_path)
    assert html.row("tuned")[-1] == "2.00"
    assert "references: gpt" in html.text
    assert "overall" not in "".join(shape(pages.run_page).row("system"))


def test_long_texts_are_cut_and_the_cut_is_marked(tmp_path: Path) -> None:
    html = written(pages.run_page(), tmp_path, [pages.sample("x" * 5000)])
    assert "[3000 characters cut]" in html.text
    assert "x" * 2001 not in html.text


def test_the_funnel_stands_beside_the_papers_and_says_why_episodes_were_rejected(tmp_path: Path) -> None:
    row = pages.MADE["funnel"][0]
    rows = [
        row.model_copy(update={"environment": "database", "rejected": {"below the reward threshold": 18}}),
        row.model_copy(update={"source": "mine", "environment": "my_house"}),
        row.model_copy(update={"source": "house", "environment": "household"}),
    ]
    html = written(pages.run_page().model_copy(update={"funnel": rows}), tmp_path)
    assert html.row("Database") == ["Database", "6376", "", "", "538", "2.06", "8.4 %", ""]
    assert html.row("ALFWorld")[4:7] == ["336", "13.52", "35.2 %"]
    assert html.row("total")[1:5] == ["7330", "", "", "874"]
    assert "database, rejected: 18 below the reward threshold" in html.text
    assert "AgentTuning, Table 1 (arXiv 2310.12823)" in html.text
    assert_self_contained(html)
    alone = written(pages.run_page().model_copy(update={"funnel": rows[1:2]}), tmp_path / "alone")
    assert "AgentTuning, Table 1" not in alone.text


def test_what_was_gathered_is_shown_also_where_nothing_was_measured(tmp_path: Path) -> None:
    page = pages.run_page().model_copy(update={"entries": [], "changes": []})
    found = [Sample("shop", {"was rejected": pages.episode("g1", 0.0, text="the goal")})]
    path = write_page(page, [], tmp_path, found)
    html = Html(path.read_text(encoding="utf-8"))
    for words in (
        "Trajectories that were gathered",
        "shop",
        "was rejected",
        "the goal",
        "Nothing was measured.",
    ):
        assert words in html.text
    assert "Trajectories that were gathered" not in written(page, tmp_path / "none", []).text
