"""One self-contained HTML page over measurements: what was gained, what it cost, and how to judge that.

Invariants: the page loads nothing, runs no script and needs no network; whatever a model wrote is escaped
(a policy in the page forbids scripts besides) and made harmless (`trajectune.harmless`); what was not
measured is said, not left blank; the same data gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from trajectune.evaluate.contract import SystemIdentity
from trajectune.harmless import harmless
from trajectune.report import views, wording
from trajectune.report.contents import Page
from trajectune.report.figures import figures_of
from trajectune.report.sections.beside import beside, paper_total
from trajectune.report.sections.headline import headline
from trajectune.report.sections.samples import Sample
from trajectune.report.table1 import SOURCE
from trajectune.storage import read_record, write_atomic, write_json

_FILTERS = (
    "percent",
    "points",
    "signed",
    "number",
    "measured",
    "share",
    "duration",
    "words",
    "reply",
    "cut",
)


def write_page(
    page: Page, samples: Sequence[Sample], out_dir: Path, gathered: Sequence[Sample] = ()
) -> Path:
    """Write `index.html` and `page.json` (all its data) into `out_dir`; gives the page's path.

    `samples` are episodes of the systems that were measured, `gathered` those that the data was made of.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    write_json(out_dir / "page.json", page.model_dump(mode="json"))
    write_atomic(out_dir / "index.html", render(page, samples, gathered))
    return out_dir / "index.html"


def read_page(path: Path) -> Page:
    """What a `page.json` holds. Raises `DataError` for another kind of file or a newer version."""
    return read_record(
        path, Page, "the data of a page", "give the page.json of a report folder, or upgrade trajectune"
    )


def render(page: Page, samples: Sequence[Sample], gathered: Sequence[Sample] = ()) -> str:
    """The page as HTML, every value escaped unless it is our own drawing."""
    environment = Environment(
        loader=PackageLoader("trajectune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({name: getattr(wording, name) for name in _FILTERS})
    source = environment.loader
    assert source is not None  # it was given above
    style = source.get_source(environment, "style.css")[0]
    return environment.get_template("report.html").render(
        style=Markup(style), page=page, samples=samples, gathered=gathered, **_computed(page)
    )


def _harmless(value: Any) -> Any:
    """What the template puts in, before it is escaped; our own drawings are harmless already."""
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _computed(page: Page) -> dict[str, Any]:
    """What the template shows besides the page's own fields."""
    systems, suites = views.systems_of(page), views.suites_of(page)
    return {
        "systems": systems,
        "suites": suites,
        "seeds": {system: views.seeds_of(page, system) for system in systems},
        "overall": views.overall_scores(page),
        "unmeasured": views.unmeasured(page),
        "warnings": views.warnings_of(page),
        "headline": headline(page),
        "figures": figures_of(page),
        "papers": [beside(row) for row in page.funnel],
        "paper_total": paper_total(page.funnel),
        "table_1": SOURCE,
        "shares": {view.name for view in suites if view.is_share},
        "identities": _identities(page),
        "settings": yaml.safe_dump(page.settings, sort_keys=False, allow_unicode=True),
    }


def _identities(page: Page) -> list[tuple[str, int, SystemIdentity]]:
    """Who was measured: each system and seed, the dialects of its suites together."""
    found: dict[tuple[str, int], list[SystemIdentity]] = {}
    for entry in page.entries:
        found.setdefault((entry.system, entry.seed), []).append(entry.measurement.system)
    rows = []
    for (system, seed), identities in found.items():
        dialects = ", ".join(dict.fromkeys(each.dialect for each in identities if each.dialect))
        distinct = dict.fromkeys(each.model_copy(update={"dialect": dialects}) for each in identities)
        rows += [(system, seed, identity) for identity in distinct]
    return rows
