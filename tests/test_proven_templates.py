"""The table of proven chat templates says what is so."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_is_what_its_generator_prints() -> None:
    page = runpy.run_path(str(DOCS / "proven_templates.py"))["page"]()
    written = (DOCS / "proven" / "templates.md").read_text("utf-8")
    assert page == written, "run: python docs/proven_templates.py > docs/proven/templates.md"


def test_no_template_lacks_what_every_template_can() -> None:
    lines = (DOCS / "proven" / "templates.md").read_text("utf-8").splitlines()
    table = [line for line in lines if line.startswith(("| template", "| `"))]
    head, *rows = [line.strip("| ").split(" | ") for line in table]
    assert len(rows) > 70
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        rejected = {kind for kind in head[1:] if cells[kind].isdigit()}
        assert rejected <= {
            "assistant first",
            "greeting trained",
            "reasoning",
            "parallel",
            "words + call",
            "reasoning + call",
        }, row
