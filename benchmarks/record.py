"""Keep the numbers of a finished run or study that a document quotes.

    python benchmarks/record.py runs/quickstart OUT.json --command "make quickstart"

Takes `report/page.json`, leaves out what no document needs (the resolved settings, places of files, every
step of the training curves) and adds the command. `tables.py` writes the tables from what is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from trajectune.report.page import read_page
from trajectune.storage import write_json


def main() -> None:
    """Copy the numbers of one run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--command", required=True, help="what was typed to make the run")
    options = parser.parse_args()
    page = read_page(options.run / "report" / "page.json")
    kept = page.model_copy(update={"settings": {}, "files": {}, "losses": []})
    data = kept.model_dump(mode="json", exclude_defaults=True) | {"schema_version": page.schema_version}
    write_json(options.out, {"command": options.command, "commit": page.commit, "page": data})


if __name__ == "__main__":
    main()
