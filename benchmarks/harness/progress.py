"""One line on stderr while a comparison runs: the round, the time, the ratios so far."""

from __future__ import annotations

import sys

from harness.compare import Show
from harness.comparison import Comparison
from harness.table import number, percent


def line(name: str) -> Show:
    """Shows the named comparison: one line that is overwritten on a terminal, one a round elsewhere."""
    end = "\r" if sys.stderr.isatty() else "\n"

    def show(found: Comparison, seconds: float) -> None:
        text = f"{name}: round {len(found.rounds)}, {found.seconds:.0f} of {seconds:.0f} s{_so_far(found)}"
        print(f"{text:<100}", end=end, file=sys.stderr, flush=True)

    return show


def _so_far(found: Comparison) -> str:
    """The widest interval, which decides when the run ends, and the disturbed rounds."""
    known = {where: each for where, each in found.deciding().items() if each and each.high is not None}
    text = ""
    if known:
        (side, part), widest = max(known.items(), key=lambda entry: entry[1].half_width)
        sign = "×" if found.others else ""
        text = f"; {side}, {part}: {sign}{number(widest.mean)} ±{percent(widest.half_width)}"
    disturbed = len({where for where, _ in found.disturbed})
    return text + (f"; {disturbed} disturbed" if disturbed else "")
