"""The overhead of collecting is what is left when environment and teacher are taken away."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

import collection
import collection_side
import tables
from harness.compare import Side, compare
from support.weather import FakeStation, weather
from trajectune.agents.contract import AgentReply, Conversation

PARTS = ("steps", "steps of overhead", "steps of overhead, processor")


@pytest.mark.parametrize("teacher", collection.TEACHERS)
def test_both_teachers_play_the_same_episodes(teacher: str) -> None:
    rates = collection_side.measured("database", 4, teacher)
    assert tuple(rates) == PARTS
    assert rates["steps of overhead"] > rates["steps"] > 0


def test_seconds_of_the_teacher_are_not_overhead(monkeypatch: pytest.MonkeyPatch) -> None:
    real = collection_side.Replies.reply

    def slow(self: collection_side.Replies, conversations: Sequence[Conversation]) -> list[AgentReply]:
        time.sleep(0.05)
        return real(self, conversations)

    monkeypatch.setattr(collection_side.Replies, "reply", slow)
    rates = collection_side.measured("database", 4, "replies")
    assert rates["steps"] < 20
    assert rates["steps of overhead"] > 2 * rates["steps"]


@pytest.mark.parametrize("calm", [True, False])
def test_a_disturbed_run_tells_the_processors_seconds_alone(calm: bool) -> None:
    rates = {"steps": 100.0, "steps of overhead": 2000.0, "steps of overhead, processor": 4000.0}
    sides: dict[str, Side] = {teacher: lambda _: rates for teacher in collection.TEACHERS}
    station = FakeStation(*([] if calm else [weather(0.5)] * 20))
    found = compare(sides, baseline="expert", seconds=0, warmups=0, least=2, station=station)
    numbers = collection.numbers({"database": found})
    by_the_clock = (100, 0.5) if calm else (None, None)
    expected = dict(zip(("steps_per_second", "overhead_ms"), by_the_clock, strict=True))
    assert numbers["database"]["replies"] == {**expected, "overhead_processor_ms": 0.25}
    row = "| database | expert | 100 | 0.5 | 0.25 |" if calm else "| database | expert | – | – | 0.25 |"
    assert row in tables.table_of({"collecting": numbers})
