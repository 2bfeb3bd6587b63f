"""General prompts: trained and held-out ones never meet, whatever the seeds and the puzzles at hand."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.curate.general.prompts import EASY_PUZZLES, general_prompts, own_prompts, puzzle_prompts
from trajectune.errors import UnavailableError

OWN = set(own_prompts())


@pytest.fixture
def gym(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """A stand-in for reasoning-gym, whose questions come again with other seeds; and what it was asked."""
    asked: list[tuple[str, int, int]] = []

    def create_dataset(name: str, size: int, seed: int, **options: Any) -> list[dict[str, str]]:
        assert options == EASY_PUZZLES[name]
        asked.append((name, size, seed))
        return [{"question": f" {name} {(seed * 7 + number) % 500}? "} for number in range(size)]

    monkeypatch.setitem(sys.modules, "reasoning_gym", SimpleNamespace(create_dataset=create_dataset))
    return asked


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reasoning-gym."""
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)


@pytest.mark.usefixtures("gym")
def test_trained_and_held_out_prompts_never_meet_whatever_the_seeds() -> None:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 120), st.integers(1, 120))
    def law(seed: int, other: int, count: int, held: int) -> None:
        trained = general_prompts(count, seed)
        kept = general_prompts(held, other, held_out=True)
        assert (len(set(trained)), len(set(kept))) == (count, held)
        assert not set(trained) & set(kept)

    law()


@pytest.mark.usefixtures("alone")
def test_every_prompt_of_our_own_is_on_one_side() -> None:
    trained, held = (general_prompts(10_000, held_out=held_out, at_least=1) for held_out in (False, True))
    assert set(trained) | set(held) == OWN
    assert len(trained) + len(held) == len(OWN)
    assert 0.15 < len(held) / len(OWN) < 0.35


@pytest.mark.usefixtures("alone")
def test_a_seed_settles_the_order_and_only_the_order() -> None:
    one, again, other = (general_prompts(10_000, seed, at_least=1) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert set(one) == set(other)
    assert general_prompts(50, 1) == one[:50], "fewer prompts are the first of more"


@pytest.mark.usefixtures("gym")
@pytest.mark.parametrize("count", [1, 2, 9, 100])
def test_our_own_and_puzzles_alternate(count: int) -> None:
    mine = [prompt in OWN for prompt in general_prompts(count, 3)]
    assert mine == [number % 2 == 0 for number in range(count)]


@pytest.mark.usefixtures("gym")
def test_where_our_own_run_out_puzzles_go_on() -> None:
    found = general_prompts(1_500, 3)
    assert len(set(found)) == 1_500
    assert sum(prompt in OWN for prompt in found) < 700


def test_puzzles_of_all_kinds_come_in_turn_and_once(gym: list[tuple[str, int, int]]) -> None:
    found = puzzle_prompts(20, 5)
    kinds = [prompt.split()[0] for prompt in found]
    assert kinds[: len(EASY_PUZZLES)] == list(EASY_PUZZLES)
    assert len(set(found)) == 20
    assert all(prompt == prompt.strip() for prompt in found)
    assert {(size, seed) for _, size, seed in gym} == {(3, 5)}


@pytest.mark.usefixtures("alone")
def test_too_few_prompts_say_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UnavailableError, match="9000 are asked for") as caught:
        general_prompts(9_000)
    assert "ask for fewer rows" in caught.value.remedy
    assert "reasoning-gym is not installed" in caplog.text
    assert general_prompts(9_000, at_least=100)
