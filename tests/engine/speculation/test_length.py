"""The length of rounds: by simulated clocks never much slower than the best fixed one, or than none."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.engine.speculation.length import BlockLength, expected

LONGEST = 16


@dataclass(frozen=True)
class Machine:
    """Seconds of drafting a token, of beginning a pass, and of judging a place, of one row and of more."""

    draft: float
    start: float
    place: float
    row: float = 0.0
    """What each further row adds to drafting and judging, as a share of the first one's cost."""
    term: bool = True
    """Whether the drafter is computed in plain steps too, and drafts at every judged place."""

    def drafts(self, length: int) -> int:
        return length if self.term else length - 1

    def seconds(self, length: int, rows: int) -> float:
        more = 1 + self.row * (rows - 1)
        return self.start + more * (self.place * length + self.draft * self.drafts(length))

    def beginning(self, rows: int) -> float:
        """What may be lost before anything is known: some plain steps, and a first round with drafts."""
        return 6 * self.seconds(1, rows) + self.seconds(2, rows)

    def rate(self, length: int, rows: int, acceptance: float) -> float:
        return expected(acceptance, length) / self.seconds(length, rows)


MACHINES = st.builds(
    Machine,
    draft=st.floats(0.02, 0.6),
    start=st.floats(0.05, 1.0),
    place=st.floats(0.01, 0.8),
    row=st.floats(0, 0.5),
    term=st.booleans(),
)


def kept_by(acceptance: float, drafts: int, coin: random.Random) -> int:
    return next((place for place in range(drafts) if coin.random() > acceptance), drafts)


def play(
    machine: Machine, steps: Sequence[tuple[int, float]], lengths: BlockLength, noise: float = 0.0
) -> tuple[float, list[float]]:
    """Seconds of rounds with so many rows and such acceptance, and the tokens that each row got in each."""
    coin, total, tokens = random.Random(0), 0.0, []
    for rows, acceptance in steps:
        length = lengths.choose(rows)
        seconds = machine.seconds(length, rows)
        drafts = 0 if length == 1 else machine.drafts(length)
        kept = [kept_by(acceptance, drafts, coin) for _ in range(rows)]
        lengths.observe(length, seconds * (1 + noise * coin.random()), drafts, kept)
        total += seconds
        tokens.append(expected(acceptance, length))
    return total, tokens


def seconds_fixed(
    machine: Machine, steps: Sequence[tuple[int, float]], tokens: Sequence[float], length: int
) -> float:
    """What the same tokens take at a fixed length."""
    return sum(
        gained / machine.rate(length, rows, acceptance)
        for (rows, acceptance), gained in zip(steps, tokens, strict=True)
    )


@settings(max_examples=150, deadline=None)
@given(machine=MACHINES, acceptance=st.floats(0, 0.98), rows=st.sampled_from([1, 3, 8, 32]))
def test_drafts_never_cost_more_than_three_percent(machine: Machine, acceptance: float, rows: int) -> None:
    steps = [(rows, acceptance)] * 1000
    total, tokens = play(machine, steps, BlockLength(longest=LONGEST))
    assert total <= 1.03 * seconds_fixed(machine, steps, tokens, 1) + machine.beginning(rows)


def test_the_best_fixed_length_is_hardly_ever_better() -> None:
    """Known only afterwards; near a tie, 1,000 rounds of one row cannot tell for sure."""
    draw, lost = random.Random(0), list[float]()
    for _ in range(300):
        machine = Machine(
            draft=draw.uniform(0.02, 0.6),
            start=draw.uniform(0.05, 1.0),
            place=draw.uniform(0.01, 0.8),
            row=draw.uniform(0, 0.5),
            term=draw.random() < 0.5,
        )
        steps = [(draw.choice([1, 3, 8, 32]), draw.uniform(0, 0.98))] * 1000
        total, tokens = play(machine, steps, BlockLength(longest=LONGEST))
        best = min(seconds_fixed(machine, steps, tokens, length) for length in range(1, LONGEST + 1))
        lost.append((total - machine.beginning(steps[0][0])) / best - 1)
    assert max(lost) < 0.06
    assert sum(each > 0.03 for each in lost) <= 3


@settings(max_examples=100, deadline=None)
@given(
    machine=MACHINES,
    parts=st.lists(
        st.tuples(st.sampled_from([1, 2, 4, 7, 8, 20, 32]), st.floats(0, 0.95), st.integers(100, 600)),
        min_size=2,
        max_size=6,
    ),
)
def test_batches_and_texts_may_change(machine: Machine, parts: list[tuple[int, float, int]]) -> None:
    """Each part begins anew with its number of rows, or with another acceptance."""
    steps = [(rows, acceptance) for rows, acceptance, count in parts for _ in range(count)]
    total, tokens = play(machine, steps, BlockLength(longest=LONGEST), noise=0.05)
    best = min(seconds_fixed(machine, steps, tokens, length) for length in range(1, LONGEST + 1))
    assert total <= 1.03 * best + sum(machine.beginning(rows) for rows, _, _ in parts)


@settings(max_examples=100, deadline=None)
@given(
    machine=st.builds(
        Machine,
        draft=st.floats(0.2, 1.0),
        start=st.floats(0.05, 0.5),
        place=st.floats(0.3, 1.0),
        row=st.floats(0, 0.5),
        term=st.booleans(),
    ),
    rows=st.lists(st.integers(1, 32), min_size=5, max_size=40),
)
def test_useless_drafts_cost_no_more_than_three_percent(machine: Machine, rows: list[int]) -> None:
    """Rows come and go all the time, and next to nothing is kept."""
    steps = [(rows[round_ // 7 % len(rows)], 0.02) for round_ in range(3000)]
    total, tokens = play(machine, steps, BlockLength(longest=LONGEST), noise=0.05)
    sizes = {(count - 1).bit_length() for count in rows}
    start = sum(machine.beginning(1 << size) for size in sizes)
    assert total <= 1.03 * seconds_fixed(machine, steps, tokens, 1) + start


def test_rows_are_told_apart() -> None:
    """Drafts pay alone and not in a batch: both are found, however often they alternate."""
    machine = Machine(draft=0.05, start=1.0, place=0.02, row=3.0)
    assert machine.rate(8, 1, 0.8) > 2 * machine.rate(1, 1, 0.8)
    assert machine.rate(2, 32, 0.3) < machine.rate(1, 32, 0.3)
    lengths = BlockLength(longest=LONGEST)
    play(machine, [(1, 0.8), (32, 0.3)] * 400, lengths)
    play(machine, [(1, 0.8)] * 100, lengths)
    assert max(lengths.choose(1) for _ in range(2)) >= 4
    play(machine, [(32, 0.02)] * 100, lengths)
    assert lengths.choose(32) == 1


@pytest.mark.parametrize("term", [True, False])
def test_off_is_not_for_ever(term: bool) -> None:
    machine = Machine(draft=0.1, start=1.0, place=0.05, term=term)
    lengths = BlockLength(longest=LONGEST)
    play(machine, [(1, 0.0)] * 1000, lengths)
    drafted = lengths.drafted
    _, tokens = play(machine, [(1, 0.9)] * 2000, lengths)
    assert lengths.drafted > drafted
    assert sum(tokens[-100:]) / 100 > 3


def test_what_must_be_read_first_is_paid_by_what_drafts_save() -> None:
    """Each reply is short and each prompt long for the drafter: that is tried, and left."""
    machine = Machine(draft=0.2, start=1.0, place=0.05, term=False)
    lengths, coin, total, plain, read = BlockLength(longest=LONGEST), random.Random(0), 0.0, 0.0, 0
    for _ in range(150):
        unread = 500
        for _ in range(20):
            length = lengths.choose(1, unread)
            if length > 1 and unread:
                lengths.read(unread, unread * 0.04)
                total, unread, read = total + unread * 0.04, 0, read + 1
            drafts = length - 1
            kept = kept_by(0.8, drafts, coin)
            lengths.observe(length, machine.seconds(length, 1), drafts, [kept])
            total += machine.seconds(length, 1)
            plain += (kept + 1) * machine.seconds(1, 1)
    assert read > 0
    assert total <= 1.03 * plain + 25.0


def test_nothing_is_chosen_where_it_is_fixed() -> None:
    lengths = BlockLength(fixed=5)
    lengths.observe(5, 2.0, 5, [0])
    assert lengths.choose(3) == 5
    assert BlockLength(longest=1).choose() == 1


def test_a_round_that_had_no_room_says_nothing_about_time() -> None:
    lengths = BlockLength()
    for _ in range(3):
        lengths.observe(1, 1.0, 0, [0])
    before = lengths.seconds(2)
    lengths.observe(2, None, 2, [1])
    assert lengths.seconds(2) == before
    assert lengths.accepted == 1


@given(st.floats(0, 1), st.integers(1, 16))
def test_expected_tokens_are_the_sum_of_the_chances(acceptance: float, length: int) -> None:
    assert expected(acceptance, length) == pytest.approx(
        sum(acceptance**i for i in range(length)), rel=1e-6
    )


def test_totals_count_all_rows() -> None:
    lengths = BlockLength(fixed=3)
    lengths.observe(3, 0.2, 3, [3, 0, 1])
    assert (lengths.rounds, lengths.drafted, lengths.accepted, lengths.tokens) == (1, 9, 4, 3 + 1 + 2)
    lengths.observe(1, 0.2, 0, [0, 0, 0])
    assert (lengths.rounds, lengths.drafted, lengths.accepted, lengths.tokens) == (2, 9, 4, 6 + 3)
