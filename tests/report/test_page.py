"""The pages: whole, self-contained, escaped, and honest about what was not measured."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from trajectune.evaluate.agent import compare, score_environments
from trajectune.evaluate.general import GeneralScores, SetAccuracy
from trajectune.evaluate.intervals import Interval, wilson
from trajectune.evaluate.results import AgentResult, Curve, FunnelRow, MixtureRow, Results, StageTime
from trajectune.report.comparison import arm_means, write_comparison
from trajectune.report.page import write_report
from trajectune.report.samples import Sample, choose_samples
from trajectune.storage import read_json
from trajectune.trajectory import Fault, Outcome, Step, ToolCall, Trajectory

HOSTILE = "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)> $x^ &amp; \"'"
VOID = {"meta", "br", "img", "link", "hr", "input"}


class Page(HTMLParser):
    """Checks nesting while it reads; keeps tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def episode(task: str, reward: float, kind: str = "select") -> Trajectory:
    steps = [
        Step(reply=HOSTILE, fault=Fault.BAD_FORMAT, observation=HOSTILE),
        Step(thought="I look.", call=ToolCall(name="sql", arguments={"query": HOSTILE})),
    ]
    return Trajectory(
        id=task, environment="database", task=task, kind=kind, instruction="", observation=HOSTILE,
        steps=steps, reward=reward, outcome=Outcome.COMPLETED,
    )  # fmt: skip


def results(success: float = 1.0, loss: float = 2.0) -> Results:
    before = [episode(str(i), 0.0) for i in range(8)]
    after = [episode(str(i), float(i < 8 * success), HOSTILE) for i in range(8)]
    general = GeneralScores(
        rows=3, tokens=50, loss=Interval(value=loss, low=loss - 0.1, high=loss + 0.1),
        divergence=Interval(value=0.1, low=0.05, high=0.2),
        accuracy={"capitals": SetAccuracy(accuracy=wilson(1, 2), chance=0.25, correct=[True, False])},
    )  # fmt: skip
    return Results(
        name=HOSTILE, model="embedded", created="2026-01-01T00:00:00",
        funnel=[FunnelRow(source="database", tasks=10, episodes=10, passed=9, kept=5, turns=2.03)],
        mixture=[
            MixtureRow(source="database", role="agent", rows=5, tokens=9, trained_tokens=4, share=0.2)
        ],
        curves=[Curve(source=HOSTILE, steps=[1, 2], losses=[3.0, 2.0])],
        agents=[
            AgentResult(
                environment="database",
                before=score_environments(before)["database"],
                after=score_environments(after)["database"],
                comparison=compare(before, after),
            )
        ],
        general_before=general, general_after=general,
        stages=[StageTime(stage="tune", seconds=185)], settings={"name": HOSTILE},
        hardware={"cpu": "2 cores"}, versions={"torch": "2"}, commit="abc", files={"model": HOSTILE},
    )  # fmt: skip


def assert_self_contained(page: Page) -> None:
    assert "script" not in page.tags
    assert not {"img", "link", "iframe", "object"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in {"src", "href", "action"}:
            assert value.startswith("#")
        assert not re.search(r"url\((?!#)", value)
    identifiers = [value for name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))


def test_the_page_is_whole_and_hostile_text_stays_text(tmp_path: Path) -> None:
    path = write_report(results(), [Sample(episode("1", 0.0), episode("1", 1.0))], tmp_path)
    page = Page(path.read_text(encoding="utf-8"))
    assert_self_contained(page)
    assert "<script>alert(1)</script>" in page.text
    assert "Success from 0 % to 100 % of 8 unseen database tasks." in page.text
    assert "3 min 05 s" in page.text
    assert page.tags.count("svg") == 4
    for heading in ("Agent skill", "Faults", "General ability", "Data", "Training", "How it was made"):
        assert heading in page.text
    assert page.tags.count("table") == page.tags.count("caption")


def test_the_note_of_an_environment_stands_beside_its_results(tmp_path: Path) -> None:
    plain = results()
    noted = plain.agents[0].model_copy(update={"note": f"Not the official games. {HOSTILE}"})
    path = write_report(plain.model_copy(update={"agents": [noted]}), [], tmp_path)
    page = Page(path.read_text(encoding="utf-8"))
    assert_self_contained(page)
    assert f"database: Not the official games. {HOSTILE}" in page.text


def test_results_json_reads_back(tmp_path: Path) -> None:
    written = results()
    write_report(written, [], tmp_path)
    assert Results.model_validate(read_json(tmp_path / "results.json")) == written


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    first = write_report(results(), [], tmp_path / "a").read_bytes()
    assert first == write_report(results(), [], tmp_path / "b").read_bytes()


def test_an_empty_run_says_so(tmp_path: Path) -> None:
    empty = Results(name="nothing", model="tiny", created="now")
    page = Page(write_report(empty, [], tmp_path).read_text(encoding="utf-8"))
    for sentence in (
        "Nothing was evaluated in this run.", "No agent was evaluated.",
        "General ability was not measured.",
        "No trajectories were gathered", "No loss curves", "No trajectories to show.", "No mixture",
    ):  # fmt: skip
        assert sentence in page.text


def test_only_before_was_measured(tmp_path: Path) -> None:
    full = results()
    half = full.agents[0].model_copy(update={"after": None, "comparison": None})
    some = full.model_copy(update={"agents": [half, AgentResult(environment="x")], "general_after": None})
    page = Page(write_report(some, [Sample(episode("1", 0.0), None)], tmp_path).read_text("utf-8"))
    assert "Before tuning, the model solves 0 % [0–32] of 8 unseen database tasks." in page.text
    assert "Not played." in page.text


def test_samples_take_turns_between_solved_and_failed() -> None:
    before = [episode(name, 0.0) for name in "abcd"]
    after = [episode("a", 0.0), episode("b", 0.0), episode("c", 1.0), episode("d", 1.0)]
    chosen = choose_samples(before, after, limit=3)
    assert [each.shown.task for each in chosen] == ["c", "a", "d"]
    assert choose_samples([], []) == []


def test_comparison_page(tmp_path: Path) -> None:
    runs = [("agent-only", s, results(1.0, 3.0 + s)) for s in (0, 1, 2)] + [("mixed", 0, results(0.5))]
    page = Page(write_comparison(runs, tmp_path).read_text(encoding="utf-8"))
    assert_self_contained(page)
    assert "base model" in page.text
    assert len(read_json(tmp_path / "comparison.json")) == 4
    first, second = arm_means(runs)
    assert first.seeds == [0, 1, 2]
    assert first.loss is not None
    assert first.loss.value == 4.0
    assert first.loss.high > 6
    assert second.success is not None
    assert second.success.value == 0.5
    assert "no runs to compare" in write_comparison([], tmp_path / "none").read_text()
