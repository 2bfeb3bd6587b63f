"""What a model wrote is shown on the page and in tables, and neither acts nor breaks them."""

from __future__ import annotations

import io
from pathlib import Path

import pages
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.evaluate.contract import Measurement
from trajectune.report.contents import Entry, LossCurve, Page
from trajectune.report.page import read_page, write_page
from trajectune.report.sections.collected import Collected, collected_table
from trajectune.report.sections.samples import Sample
from trajectune.report.sections.summary import measurement_table
from trajectune.storage import encode, read_records
from trajectune.terminal import Terminal
from trajectune.trajectory import Action, Outcome, Reply, Step, ToolCall, Trajectory

BAD = "\ud800 \u202eevil\u2066 \x1b[2J\x00\x07 \r \u2028 <script>"
OBEYED = set("\ud800\u202e\u2066\x1b\x00\x07\r\u2028")


def episode(text: str) -> Trajectory:
    call = ToolCall(name=text, arguments={text: text})
    step = Step(
        thought=text,
        actions=[Action(call=call, observation=text)],
        replies=[Reply(text=text, calls=[call])],
    )
    return Trajectory(
        id=text, environment="e", task=text, kind=text, instruction=text, observation=text, steps=[step],
        outcome=Outcome.COMPLETED, reward=1.0,
    )  # fmt: skip


def page_of(text: str) -> Page:
    measurement = Measurement(
        suite=text, group="held-in", system=pages.who(text), status="failed", reason=text, warnings=[text]
    )
    good = pages.agent("base", 0.5).model_copy(update={"suite": text, "system": pages.who(text)})
    return Page(
        title=text,
        model=text,
        warnings=[text],
        entries=[Entry(system=text, measurement=each) for each in (good, measurement)],
        losses=[LossCurve(name=text, steps=[1, 2], losses=[2.0, 1.0])],
        settings={text: text},
        files={text: text},
    )


def written(text: str, folder: Path) -> str:
    """The page about hostile text, its episodes having been on the disk."""
    path = folder / "episodes.jsonl"
    path.write_bytes(encode(episode(text)))
    played = list(read_records(path, Trajectory))
    write_page(page_of(text), [Sample(text, {text: played[0]})], folder)
    return (folder / "index.html").read_bytes().decode("utf-8")


def test_a_page_shows_hostile_text_and_obeys_none_of_it(tmp_path: Path) -> None:
    html = written(BAD, tmp_path)
    assert not OBEYED & set(html)
    assert "<script" not in html
    for shown in ("\\ud800", "\\u202eevil\\u2066", "\\x1b[2J\\x00\\x07"):
        assert html.count(shown) > 10
    assert read_page(tmp_path / "page.json").warnings == [BAD]


@settings(max_examples=15, deadline=None)
@given(text=st.text(st.characters() | st.sampled_from(BAD), min_size=1, max_size=30))
def test_any_text_gives_a_page(text: str, tmp_path_factory: object) -> None:
    html = written(text, tmp_path_factory.mktemp("page"))  # type: ignore[attr-defined]
    assert not OBEYED & set(html)


def printed(thing: object) -> str:
    page = io.StringIO()
    Terminal(file=page, width=200, color_system=None).print(thing)
    return page.getvalue()


def test_tables_show_what_broke_with_the_reasons_and_obey_nothing() -> None:
    shown = printed(measurement_table(page_of(BAD).entries))
    assert not OBEYED & set(shown)
    assert shown.count("\\u202eevil") >= 3


def test_what_was_collected_is_shown_with_why_episodes_broke() -> None:
    rows = [episode("ok"), *[_broken(f"the endpoint answers 400: no {n}") for n in range(3)]]
    found = Collected.of("db", [*rows, _broken(BAD)], threshold=1.0)
    shown = printed(collected_table([found]))
    assert "100.0%" in shown
    assert (
        "db: 4 of 5 episodes broke in the infrastructure: 3 × the endpoint answers 400: no 0; 1 ×" in shown
    )
    assert not OBEYED & set(shown)
    assert Collected.of("db", rows[:1], threshold=1.0).broken == ""


def _broken(error: str) -> Trajectory:
    return Trajectory(
        id=error, environment="e", task="t", instruction="", observation="", outcome=Outcome.AGENT_ERROR,
        error=error,
    )  # fmt: skip
