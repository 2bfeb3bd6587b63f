"""How memory is used: the fastest way that fits, the same in all processes, and kept after a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from trajectune.tune import room
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.schedule import Schedule
from trajectune.tune.room import FASTEST, LEANEST, Room, choose_room, free_memory
from trajectune.tune.settings import TuneSettings
from trajectune.tune.size import ModelSize

Rows = Callable[..., list[TokenRow]]
SIZE = ModelSize(
    parameters=1_000,
    body=500,
    layers=2,
    hidden=64,
    intermediate=128,
    vocabulary=64,
    heads=4,
    queries=64,
    adapted=10,
    windows=(None, None),
)


def choose(rows: list[TokenRow], free: float, **changes: object) -> Room:
    settings = TuneSettings(batch_rows=64, precision="fp32").model_copy(update=changes)
    return choose_room(rows, Schedule(rows, 64), SIZE, settings, free)


def test_the_fastest_way_that_fits_is_taken_and_less_memory_never_gives_a_larger_one(
    make_rows: Rows,
) -> None:
    rows = make_rows(64, trunk=2_000, sources=tuple("abcdefgh"))
    found = [choose(rows, 10.0**power) for power in (12, 9, 8.7, 8.4, 8.2, 8, 7, 5)]
    ways = [(each.pack_tokens, each.keep) for each in found]
    assert (ways[0], ways[-1]) == (FASTEST, LEANEST)
    assert ways == sorted(ways, reverse=True)
    assert len(set(ways)) > 2
    assert "of 1000.0 GB that are free" in found[0].reason


def test_what_is_set_counts(make_rows: Rows) -> None:
    rows = make_rows(4)
    assert (choose(rows, 1.0, memory="fast").pack_tokens, choose(rows, 1.0, memory="fast").keep) == FASTEST
    assert (
        choose(rows, 1e12, memory="lean").pack_tokens,
        choose(rows, 1e12, memory="lean").keep,
    ) == LEANEST
    for memory in ("auto", "fast", "lean"):
        assert choose(rows, 1e12, memory=memory, pack_tokens=77).pack_tokens == 77


def test_it_says_what_it_does_and_why(make_rows: Rows) -> None:
    told = str(choose(make_rows(4), 2e9))
    assert told.startswith("packs of up to 16,384 tokens, attention kept (about 0.0 of 2.0 GB")


def test_what_is_free_is_bounded_by_the_machine_and_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < free_memory("cpu") < float("inf")
    monkeypatch.setattr(room, "_GROUP", tmp_path)
    (tmp_path / "memory.current").write_text("300\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_memory("cpu") == 700
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory("cpu") > 700
