"""The tables of `gpu.py`'s results: training by size, decoding by batch, composition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Table = tuple[list[str], list[list[str]]]
"""Heads and rows."""


def gpu_tables(parts: dict[str, Any]) -> Iterator[Table]:
    """A table for each part that measured speeds; a case that failed has no row."""
    for part, table in (("train", training), ("decode", decoding), ("compose", composition)):
        cases = {case["case"]: case["result"] for case in parts.get(part, {}).get("cases", [])}
        found = {name: result for name, result in cases.items() if result}
        if found:
            yield table(found)


def training(cases: dict[str, Any]) -> Table:
    """The tree beside packing without sharing and beside padding."""
    heads = ["model", "rows", "tree, tokens/s", "over packed", "ideal", "share of it", "over padded", "MFU"]
    return heads, [
        [
            name,
            kind,
            f"{sides['tree']['row_tokens_per_second']:,.0f}",
            f"×{sides['gain']:.2f}",
            f"×{sides['ideal_gain']:.2f}",
            _percent(sides["share_of_ideal"]),
            f"×{sides['tree_over_padded']:.2f}",
            f"{_percent(sides['tree']['mfu'])} ({_percent(sides['flat']['mfu'])})",
        ]
        for name, case in sorted(cases.items(), key=lambda each: each[1]["parameters"])
        for kind in ("agent", "general")
        if (sides := case.get(kind))
    ]


def decoding(cases: dict[str, Any]) -> Table:
    """Tokens per second over `transformers.generate`, one column a case."""
    rows = [
        [part, *(_ratio(case.get(part)) for case in cases.values())]
        for part in ("decode", "prefill", "together")
    ]
    return ["tokens/s", *cases], rows


def composition(cases: dict[str, Any]) -> Table:
    """Seconds of each kind of step, and of a round by the length of its block."""
    seconds = next(case["seconds"] for case in cases.values() if "seconds" in case)
    steps = {name: taken for name, taken in seconds.items() if name != "round"}
    steps |= {f"round of {block}": taken for block, taken in seconds["round"].items()}
    return ["step", "milliseconds"], [[name, f"{1000 * taken:.0f}"] for name, taken in steps.items()]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _ratio(speeds: dict[str, float] | None) -> str:
    if not speeds:
        return "–"
    ratio = speeds["ratio"]
    return f"{speeds['trajectune']:,.0f}, " + (f"×{ratio:.2f}" if ratio else "refused")
