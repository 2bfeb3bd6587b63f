"""The pages of what is proven say what the programs found."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


def test_the_page_of_formats_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "proven_formats.py"))["page"]()
    written = (DOCS / "proven" / "formats.md").read_text(encoding="utf-8")
    assert written == page, "run: python docs/proven_formats.py > docs/proven/formats.md"


def test_the_page_of_real_data_is_up_to_date() -> None:
    found = ROOT / "benchmarks" / "results" / "gauntlet-data.json"
    page = runpy.run_path(str(ROOT / "benchmarks" / "gauntlet_tables.py"))["page"]
    written = (DOCS / "proven" / "data.md").read_text(encoding="utf-8")
    command = f"python benchmarks/gauntlet_tables.py {found.relative_to(ROOT)} > docs/proven/data.md"
    assert written == page(json.loads(found.read_text(encoding="utf-8"))), f"run: {command}"
