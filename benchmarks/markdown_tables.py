"""A table as the documents write it."""

from __future__ import annotations

from collections.abc import Iterable


def markdown(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
