"""A budget ends a collection in good order, and nothing that was spent is forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.guess import Guess, Scripted, act, know
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.dialects.registry import get_dialect
from trajectune.errors import BudgetError, RecipeError
from trajectune.rollout.rollout import RolloutResult, rollout
from trajectune.rollout.spending import Budget, Price, Spending, spent
from trajectune.storage import read_records
from trajectune.trajectory import Trajectory, Usage

REACT = get_dialect("react", "guess")
EACH = Usage(prompt_tokens=7, generated_tokens=3, requests=1)


def know_slowly(conversation: Conversation) -> AgentReply:
    """Solves a task with the third reply; each costs ten tokens."""
    text = know(conversation) if len(conversation.messages) > 4 else act(99)
    return AgentReply(text, usage=EACH)


def play(
    folder: Path, budget: Budget | None, agent: Scripted | None = None, **options: Any
) -> RolloutResult:
    environment = Guess()
    spending = Spending(folder / "spent.jsonl", options.pop("price", None), budget)
    agent = agent or Scripted(know_slowly, workers=4)
    try:
        return rollout(
            environment, environment.tasks("train"), agent, REACT, folder / "t.jsonl",
            spending=spending, bad_format_limit=9, **options,
        )  # fmt: skip
    finally:
        spending.close()


def stored(folder: Path) -> list[Trajectory]:
    path = folder / "t.jsonl"
    return list(read_records(path, Trajectory)) if path.exists() else []


def test_a_budget_stops_and_a_larger_one_goes_on_until_all_is_played(tmp_path: Path) -> None:
    """20 episodes of three replies of ten tokens: 600 tokens, and what was begun in vain."""
    asked = 0
    for tokens in (100, 100, 250, 400):
        with pytest.raises(BudgetError) as stopped:
            play(tmp_path, Budget(tokens=tokens))
        total = spent(tmp_path / "spent.jsonl")["guess"]
        left = 20 - len(stored(tmp_path))
        assert f"{total.tokens:,} tokens): {left} episodes are left" in stopped.value.what
        assert tokens <= total.tokens <= max(asked, tokens + 4 * EACH.tokens)
        asked = total.tokens
    play(tmp_path, Budget(tokens=5_000))
    rows = stored(tmp_path)
    assert len({row.id for row in rows}) == len(rows) == 20
    assert {row.reward for row in rows} == {1.0}, "an episode that was broken off counts as a failure"
    total = spent(tmp_path / "spent.jsonl")["guess"]
    assert total.tokens >= sum(row.usage.tokens for row in rows) == 600
    assert total.requests == total.tokens / EACH.tokens


def test_a_budget_that_is_spent_asks_nobody(tmp_path: Path) -> None:
    with pytest.raises(BudgetError):
        play(tmp_path, Budget(tokens=10))
    agent = Scripted(know_slowly)
    with pytest.raises(BudgetError, match=r"[1-4]0 tokens"):
        play(tmp_path, Budget(tokens=10), agent)
    assert not agent.batches


def test_a_collection_that_ends_with_its_budget_is_whole(tmp_path: Path) -> None:
    assert play(tmp_path, Budget(tokens=600), Scripted(know_slowly)).played == 20
    assert play(tmp_path, Budget(tokens=600)).resumed == 20


def test_money_is_tokens_by_their_prices(tmp_path: Path) -> None:
    price = Price(prompt=2.0, generated=10.0)  # a reply costs 44 millionths
    with pytest.raises(BudgetError, match=r"0\.00 in money"):
        play(tmp_path, Budget(money=0.0001), price=price)
    total = spent(tmp_path / "spent.jsonl")["guess"]
    assert 0.0001 <= price.of(total) <= 0.0001 + 4 * 0.000044
    assert play(tmp_path, Budget(money=1.0), price=price).path.exists()


def test_what_failed_tries_took_is_in_the_ledger(tmp_path: Path) -> None:
    """An episode that breaks after a reply is run again; its trajectory tells of the last run alone."""
    failed: set[str] = set()

    def once(conversation: Conversation) -> AgentReply:
        if len(conversation.messages) > 2 and conversation.task.id not in failed:
            failed.add(conversation.task.id)
            return AgentReply("", finish="error", error="down", usage=Usage(requests=6))
        return know_slowly(conversation)

    play(tmp_path, None, Scripted(once))
    total = spent(tmp_path / "spent.jsonl")["guess"]
    assert sum(row.usage.tokens for row in stored(tmp_path)) == 600
    assert (total.tokens, total.requests) == (600 + 20 * 10, 60 + 20 + 20 * 6)


def test_a_budget_needs_to_know_what_is_spent(tmp_path: Path) -> None:
    silent = Scripted(lambda c: AgentReply(know(c), usage=Usage(requests=1)))
    with pytest.raises(RecipeError, match="does not say how many tokens"):
        play(tmp_path, Budget(tokens=10), silent)
    assert play(tmp_path, None, silent).played == 20


def test_a_torn_line_of_the_ledger_costs_that_line(tmp_path: Path) -> None:
    path = tmp_path / "spent.jsonl"
    spending = Spending(path)
    for source in ("a", "b", "a"):
        spending.add(source, EACH)
    spending.close()
    path.write_bytes(path.read_bytes() + b'{"prompt_tok')
    again = Spending(path)
    assert again.total.tokens == 30
    again.add("b", EACH)
    again.close()
    assert {source: usage.tokens for source, usage in spent(path).items()} == {"a": 20, "b": 20}
    assert all(json.loads(line) for line in path.read_text().splitlines())


USAGES = st.builds(Usage, prompt_tokens=st.integers(0, 10**9), generated_tokens=st.integers(0, 10**9))


@given(st.lists(USAGES, max_size=5), st.floats(0, 100), st.floats(0, 100))
def test_the_price_of_a_sum_is_the_sum_of_the_prices(parts: list[Usage], prompt: float, out: float) -> None:
    price = Price(prompt=prompt, generated=out)
    assert price.of(sum(parts, Usage())) == pytest.approx(sum(map(price.of, parts)))
