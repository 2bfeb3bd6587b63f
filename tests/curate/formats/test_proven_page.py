"""The page of formats × kinds of content is what the program finds."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_formats_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "proven_formats.py"))["page"]()
    written = (DOCS / "proven" / "formats.md").read_text(encoding="utf-8")
    assert written == page, "run: python docs/proven_formats.py > docs/proven/formats.md"
