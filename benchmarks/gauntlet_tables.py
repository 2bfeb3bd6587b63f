"""The page docs/proven/data.md, from what `gauntlet.py` found.

python benchmarks/gauntlet_tables.py benchmarks/results/gauntlet-data.json > docs/proven/data.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Found = Mapping[str, Any]
HEAD = """# Real data

Public files as they were published, each read, written in every format, read back, and masked under five
chat templates. Rows in = kept + rejected, counted against the rows of the file; what was written came back
word for word, or the program would have stopped. Measured by

    {command}

at commit {commit}; the page by `python benchmarks/gauntlet_tables.py`.
"""


def page(data: Found) -> str:
    """The whole page."""
    found = data["gauntlet"]
    head = HEAD.format(command=data["command"], commit=data["commit"][:7])
    parts = [
        ("Read", reading(found)),
        ("Written and read back", converting(found)),
        ("Masks", masking(found)),
    ]
    return "\n".join([head, *(f"## {title}\n\n{text}\n" for title, text in parts)])


def tables(data: Found) -> str:
    """The three tables alone."""
    found = data["gauntlet"]
    return "\n\n".join((reading(found), converting(found), masking(found)))


def reading(found: Found) -> str:
    """Rows in, kept and rejected of each file, with reasons and notes."""
    rows = [
        [
            name,
            f"{each['rows']:,}",
            f"{each['kept']:,}",
            f"{sum(each['rejected'].values()):,}",
            ", ".join(each["formats"]) or "none",
            _counted({**each["rejected"], **each["notes"]}) or "–",
        ]
        for name, each in found.items()
    ]
    return _markdown(["data", "rows", "kept", "rejected", "format", "why, and what is noted"], rows)


def converting(found: Found) -> str:
    """Rows of each file that are written in each format."""
    read = {name: each["converted"] for name, each in found.items() if each["converted"]}
    formats = list(next(iter(read.values())))
    rows = [[name, *(_written(each[form]) for form in formats)] for name, each in read.items()]
    return f"{_markdown(['data', *formats], rows)}\n\nWhy rows do not fit:\n\n{_why(read, formats)}"


def masking(found: Found) -> str:
    """Rows of each file whose mask is proven under each template."""
    read = {name: each["masks"] for name, each in found.items() if each["masks"]}
    templates = list(next(iter(read.values())))
    rows = [
        [name, *(f"{each[t]['proven']:,} of {each[t]['of']:,}" for t in templates)]
        for name, each in read.items()
    ]
    table = _markdown(["data", *templates], rows)
    return f"{table}\n\nWhy masks are not proven:\n\n{_why(read, templates)}"


def _why(read: Found, columns: Sequence[str]) -> str:
    """The reasons of all rejections, each with the column that it stands in."""
    reasons: dict[str, int] = {}
    for each in read.values():
        for column in columns:
            for reason, count in each[column]["rejected"].items():
                kind = f"{column}: {_kind(reason)}"
                reasons[kind] = reasons.get(kind, 0) + count
    return "\n".join(f"- {reason} ({count:,} rows)" for reason, count in reasons.items()) or "- (none)"


def _written(found: Found) -> str:
    lost = f"; without {', '.join(found['counted'])}" if found["counted"] else ""
    rejected = sum(found["rejected"].values())
    return f"{found['written']:,}{f', {rejected:,} rejected' if rejected else ''}{lost}"


def _kind(reason: str) -> str:
    """A reason without the numbers of the place."""
    return "".join("n" if sign.isdigit() else sign for sign in reason)


def _counted(reasons: Mapping[str, int]) -> str:
    kinds: dict[str, int] = {}
    for reason, count in reasons.items():
        kinds[_kind(reason)] = kinds.get(_kind(reason), 0) + count
    return "; ".join(f"{count:,} × {reason}" for reason, count in kinds.items())


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), end="")
