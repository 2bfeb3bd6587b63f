"""Rounds: pairing, order, warming up, when it ends, what is refused, and what a reader can check."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.compare import compare, measure
from harness.comparison import Answer, Comparison
from harness.results import REFUSED, dumps, status, write
from harness.table import table
from harness.weather import Weather
from support.weather import FakeStation, weather

LOUD = weather(0.31)
Rates = dict[str, float]


def steady(rate: float) -> Callable[[int], Rates]:
    return lambda _: {"work": rate}


def noisy(rate: float, seed: int, spread: float = 0.3) -> Callable[[int], Rates]:
    draw = random.Random(seed)
    return lambda _: {"work": rate * math.exp(draw.gauss(0, spread))}


def run(*weathers: Weather, seconds: float = 60) -> Comparison:
    sides = {"old": steady(10), "new": steady(20)}
    station = FakeStation(*weathers)
    return compare(sides, baseline="old", seconds=seconds, station=station)


@given(st.lists(st.floats(0.01, 100), min_size=7, max_size=7), st.floats(0.1, 10))
def test_what_slows_a_whole_round_cancels(slow: list[float], ratio: float) -> None:
    sides = {"old": lambda n: {"work": slow[n]}, "new": lambda n: {"work": ratio * slow[n]}}
    found = compare(sides, baseline="old", seconds=0, station=FakeStation()).ratio("new", "work")
    assert found is not None
    assert found.mean == pytest.approx(ratio)
    assert found.half_width == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 1000))
def test_changing_the_baseline_turns_the_ratio_round(seed: int) -> None:
    def ratio(baseline: str, other: str) -> float:
        sides = {"a": noisy(10, seed), "b": noisy(20, seed + 1)}
        found = compare(sides, baseline=baseline, seconds=0, station=FakeStation()).ratio(other, "work")
        assert found is not None
        return found.mean

    assert ratio("a", "b") == pytest.approx(1 / ratio("b", "a"))


def test_every_side_gets_the_number_of_the_round_and_every_other_round_goes_backwards() -> None:
    called: list[tuple[str, int]] = []

    def side(name: str) -> Callable[[int], Rates]:
        return lambda number: called.append((name, number)) or {"work": 1.0}

    compare({name: side(name) for name in "abc"}, baseline="a", seconds=0, station=FakeStation())
    assert called[:6] == [("a", 0), ("b", 0), ("c", 0), ("c", 1), ("b", 1), ("a", 1)]
    assert len(called) == 3 * 7


def test_warm_ups_do_not_count() -> None:
    sides = {"old": steady(10), "new": lambda n: {"work": 1.0 if n < 2 else 20.0}}
    found = compare(sides, baseline="old", seconds=60, station=FakeStation())
    assert [each.number for each in found.counted] == [2, 3, 4, 5, 6]
    ratio, rate = found.ratio("new", "work"), found.rate("new", "work")
    assert ratio is not None
    assert rate is not None
    assert (ratio.mean, rate.median) == (pytest.approx(2), pytest.approx(20))


def test_weather_while_warming_up_disturbs_nothing() -> None:
    assert run(*[LOUD] * 4).disturbed == {}


def test_it_ends_when_the_interval_is_narrow() -> None:
    assert run(seconds=1e9).settled()
    sides = {"old": steady(10), "new": noisy(20, 0)}
    found = compare(sides, baseline="old", seconds=1e9, narrow=0.1, station=FakeStation())
    ratio = found.ratio("new", "work")
    assert ratio is not None
    assert ratio.half_width <= 0.1
    assert len(found.counted) > 5
    before = found.model_copy(update={"rounds": found.rounds[:-1]}).ratio("new", "work")
    assert before is not None
    assert before.half_width > 0.1


@pytest.mark.parametrize(("seconds", "rounds"), [(0, 7), (14, 7), (21, 10), (22, 11)])
def test_it_ends_when_another_round_would_be_too_late(seconds: float, rounds: int) -> None:
    sides = {"old": steady(10), "new": noisy(20, 0)}
    found = compare(sides, baseline="old", seconds=seconds, narrow=0.001, station=FakeStation())
    assert len(found.rounds) == rounds
    assert not found.settled()


def test_disturbed_rounds_are_left_out_and_others_made_instead() -> None:
    found = run(*[weather()] * 4, LOUD)
    assert [len(found.rounds), len(found.disturbed)] == [8, 1]
    ratio = found.ratio("new", "work")
    assert ratio is not None
    assert ratio.rounds == 5
    assert status([found]) == 0


def test_a_disturbed_run_has_no_ratio_but_a_reason() -> None:
    found = run(*[weather()] * 8, *[LOUD] * 10, seconds=18)
    assert found.ratio("new", "work") is None
    reason = "5 of 7 rounds were disturbed: other processes took 31% of the machine"
    assert found.refusal("new") == reason
    assert f"refused: {reason}" in table("case", found)
    assert found.report()["ratios"] == {"work": {"new": None}}
    assert status([run(), found]) == REFUSED


@pytest.mark.parametrize(("loud", "refused"), [(6, False), (7, True)])
def test_more_disturbed_rounds_than_not_spoil_a_long_run(loud: int, refused: bool) -> None:
    sides = {"old": steady(10), "new": noisy(20, 0)}
    station = FakeStation(*[weather()] * (4 + 12), *[LOUD] * 2 * loud)
    seconds = 4 + 12 + 2 * loud
    found = compare(sides, baseline="old", seconds=seconds, narrow=0.001, station=station)
    assert len(found.counted) == 6 + loud
    assert (found.refusal("new") is not None) is refused


def test_a_side_alone_ends_by_its_rate_and_may_be_refused() -> None:
    found = measure(steady(10), "only", seconds=60, station=FakeStation())
    assert (len(found.rounds), found.others, status([found])) == (7, [], 0)
    loud = measure(steady(10), "only", seconds=7, station=FakeStation(*[LOUD] * 9))
    assert status([loud]) == REFUSED


def test_parts_that_one_side_lacks_are_not_compared() -> None:
    sides = {"old": steady(10), "new": lambda _: {"work": 20.0, "more": 1.0}}
    found = compare(sides, baseline="old", seconds=60, station=FakeStation())
    assert found.report()["ratios"]["more"] == {}
    assert found.report()["rates"]["more"].keys() == {"new"}


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValidationError):
        measure(steady(rate), "only", seconds=0, station=FakeStation())


def test_a_report_read_again_gives_the_same() -> None:
    sides = {"old": noisy(10, 0), "new": lambda _: Answer(rates={"work": 20.0}, facts={"loss": 0.5})}
    found = compare(sides, baseline="old", seconds=20, station=FakeStation(*[weather()] * 4, LOUD))
    again = Comparison.read(json.loads(json.dumps(found.report())))
    assert again == found
    assert again.report() == found.report()
    rounded = Comparison.read(json.loads(dumps(found.report())))
    assert rounded.disturbed == found.disturbed


def test_other_systems_are_said_not_to_be_watched() -> None:
    found = run(*[weather(None)] * 14)
    assert found.report()["watched"] is False
    assert "other processes not watched" in table("case", found)


def test_a_result_file_is_plain_json_with_short_things_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    report = {"numbers": [1.23456789, 2], "rounds": [{"rate": 1.0 / 3, "text": "×" * 60}] * 3}
    write(path, report)
    text = path.read_text("utf-8")
    assert json.loads(text)["numbers"] == [1.2346, 2]
    assert max(map(len, text.splitlines())) <= 108
    assert len(text.splitlines()) == 8
