"""What a rival is asked, and what becomes of its times."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rivals import rival as module
from rivals.rival import Replies, Rows, batch_rates, episode_rates, random_prompts

BATCH = {"round": 3, "rows": 4, "new": 5, "prompt": 16, "vocabulary": 300}


class Fake:
    """Reads for two seconds and writes for four; all rows but one have their second token early."""

    def __init__(self, short: int = 0) -> None:
        self.short, self.now = short, 0.0
        self.prepared: list[tuple[int, int, bool]] = []
        self.asked: list[Rows] = []

    def facts(self) -> dict[str, Any]:
        return {}

    def prepare(self, rows: int, context: int, *, reuse: bool) -> None:
        self.prepared.append((rows, context, reuse))

    def generate(self, prompts: Rows, new: int) -> Replies:
        self.asked.append(prompts)
        ready = self.now + 2
        self.now += 6
        tokens = [[100 + row] * (new - self.short) for row in range(len(prompts))]
        return Replies(tokens, ready, len(prompts) * (new - 1) - (len(prompts) - 1))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: made.now))
    return made


def test_rates_of_a_batch_count_only_what_came_later_as_decoding(fake: Fake) -> None:
    rates = batch_rates(fake, BATCH)
    assert fake.prepared == [(4, 21, False)]
    assert fake.asked == [random_prompts(4, 300, 3, 16)]
    assert rates == {"prefill": 4 * 16 / 2, "decode": (4 * 4 - 3) / 4, "together": 4 * 5 / 6}


def test_a_conversation_goes_on_with_the_reply_and_new_observations(fake: Fake) -> None:
    rates = episode_rates(fake, BATCH | {"turns": 3})
    assert fake.prepared == [(4, 16 + 2 * 5 * 3, True)]
    first, second, third = fake.asked
    for row in range(4):
        seen = random_prompts(4, 300, (3, 0), 5)[row]
        assert second[row] == first[row] + [100 + row] * 5 + seen
        assert third[row][: len(second[row])] == second[row]
    assert rates == {"together": 3 * 4 * 5 / 18}


def test_a_reply_that_ends_early_is_an_error() -> None:
    with pytest.raises(ValueError, match="4, 4, 4, 4"):
        batch_rates(Fake(short=1), BATCH)
