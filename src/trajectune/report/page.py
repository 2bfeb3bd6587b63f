"""One self-contained HTML page: what tuning gained, what it cost, and everything needed to judge that.

Invariants: the page loads nothing, runs no script and needs no network; whatever a model wrote is escaped
(a policy in the page forbids scripts besides); what was not measured is said, not left blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from trajectune.evaluate.faults import ErrorKind
from trajectune.evaluate.results import AgentResult, Results
from trajectune.report import wording
from trajectune.report.charts import Bar, before_after_chart, loss_chart
from trajectune.report.samples import Sample
from trajectune.storage import write_atomic, write_json

MAX_TEXT = 2_000
"""Longest stretch of a trajectory that is shown; what is longer is cut, and the cut is marked."""


def write_report(results: Results, samples: Sequence[Sample], out_dir: Path) -> Path:
    """Write `index.html` and `results.json` into `out_dir`; gives the page's path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    write_json(out_dir / "results.json", results.model_dump(mode="json"))
    page = render(
        "report.html",
        title=results.name,
        results=results,
        samples=samples,
        headline=wording.headline(results),
        agent_chart=_agent_chart(results),
        kind_charts=[(each, _kind_chart(each, i)) for i, each in enumerate(results.agents)],
        loss_chart=Markup(loss_chart(results.curves)) if any(c.steps for c in results.curves) else None,
        accuracy_chart=_accuracy_chart(results),
        settings=yaml.safe_dump(results.settings, sort_keys=False, allow_unicode=True),
    )
    write_atomic(out_dir / "index.html", page)
    return out_dir / "index.html"


def render(template: str, **values: Any) -> str:
    """A page of this package's templates, every value escaped unless it is our own drawing."""
    environment = Environment(
        loader=PackageLoader("trajectune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ("percent", "points", "number", "share", "duration", "reply")
    environment.filters.update({name: getattr(wording, name) for name in names})
    environment.filters["cut"] = _cut
    source = environment.loader
    assert source is not None  # it was given above
    style = source.get_source(environment, "style.css")[0]
    return environment.get_template(template).render(style=Markup(style), kinds=list(ErrorKind), **values)


def _agent_chart(results: Results) -> Markup | None:
    bars = [
        Bar(each.environment, each.before and each.before.success, each.after and each.after.success)
        for each in results.agents
    ]
    return _chart(bars, "Success before and after tuning, by environment", "success")


def _kind_chart(result: AgentResult, index: int) -> Markup | None:
    before = result.before.by_kind if result.before else {}
    after = result.after.by_kind if result.after else {}
    kinds = sorted(before.keys() | after.keys())
    bars = [
        Bar(
            kind,
            before[kind].success if kind in before else None,
            after[kind].success if kind in after else None,
        )
        for kind in kinds
    ]
    return _chart(bars, f"Success by kind of task: {result.environment}", f"kinds{index}")


def _accuracy_chart(results: Results) -> Markup | None:
    before = results.general_before.accuracy if results.general_before else {}
    after = results.general_after.accuracy if results.general_after else {}
    names = list(dict.fromkeys([*before, *after]))
    bars = [
        Bar(
            name,
            before[name].accuracy if name in before else None,
            after[name].accuracy if name in after else None,
        )
        for name in names
    ]
    return _chart(bars, "General accuracy before and after tuning", "accuracy")


def _chart(bars: Sequence[Bar], title: str, name: str) -> Markup | None:
    drawn = [bar for bar in bars if bar.before or bar.after]
    return Markup(before_after_chart(drawn, title, name)) if drawn else None  # our own SVG, text escaped


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} … [{len(text) - MAX_TEXT} characters cut]"
