"""Goals beside what was measured."""

from __future__ import annotations

import pytest

import goals
from harness.compare import compare
from support.weather import FakeStation


def decoded(int8: list[float]) -> goals.Comparison:
    sides = {
        "transformers": lambda _: {"decode": 10.0},
        "trajectune, int8": lambda number: {"decode": int8[number % len(int8)]},
        "slow": lambda _: {"decode": 20.0},
        "fast": lambda _: {"decode": 40.0},
    }
    return compare(sides, baseline="transformers", seconds=0, station=FakeStation())


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [([80.0, 81.0], "met"), ([40.0, 130.0], "met on average"), ([50.0, 51.0], "missed")],
)
def test_a_goal_is_against_the_fastest_rival(rates: list[float], verdict: str) -> None:
    found = decoded(rates)
    assert goals.fastest(found, "decode") == "fast"
    report = {"results": [{"case": "batch 8", "dtype": "bfloat16", "comparison": found.report()}]}
    line = next(line for line in goals.goal_lines([report]) if line.startswith("| batch 8 | int8"))
    assert "| fast |" in line
    assert line.endswith(f"| {verdict} |")
