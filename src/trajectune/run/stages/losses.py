"""Sources that lose much of what they hold: said where results are read, never in a file alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trajectune.curate.funnel import FunnelRow
from trajectune.reasons import top_reasons
from trajectune.run.api.rejections import Rejections

ALLOWED = 0.03
"""Share of a source's rows that may be rejected before it is said."""


def rejection_warnings(used: Mapping[str, int], rejected: Rejections, what: str = "rows") -> list[str]:
    """A sentence for each source of which more than `ALLOWED` was rejected, with the most frequent reasons.

    `used` counts the rows by source that were not rejected.
    """
    reasons: dict[str, list[str]] = {}
    for source, reason in rejected:
        reasons.setdefault(source, []).append(_without_place(reason))
    found = []
    for source, why in reasons.items():
        whole = used.get(source, 0) + len(why)
        if len(why) > ALLOWED * whole:
            share = f"{len(why):,} of {whole:,} {what} of {source!r} ({len(why) / whole:.0%})"
            found.append(f"{share} were rejected: {top_reasons(why)}")
    return found


def unreadable_warnings(rows: Iterable[FunnelRow]) -> list[str]:
    """A sentence for each environment with rows that are no trajectories, or repeat one."""
    return [
        f"{row.unreadable:,} trajectories of {row.source!r} cannot be read, or stand there twice"
        for row in rows
        if row.unreadable
    ]


def _without_place(reason: str) -> str:
    """A reason without the file, line or id before it."""
    return reason.partition(": ")[2] or reason
