"""Laws of the facts about a file, and of funnels: each row counts once, totals are sums."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.curate.funnel import Funnel, FunnelRow
from trajectune.curate.inspect import ExampleFacts, TrajectoryFacts, inspect_file
from trajectune.curate.steps.filter import BELOW, INFRASTRUCTURE, OVER_CAP
from trajectune.trajectory import Outcome, Step, Trajectory

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CHATS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]), "content": TEXT},
        optional={"weight": st.sampled_from([0, 1])},
    ),
    min_size=1,
    max_size=4,
).map(lambda turns: {"messages": turns})
LINES = st.lists(CHATS | st.sampled_from([{"messages": 5}, "torn", 3]), max_size=6)


def trained(turn: dict[str, Any]) -> bool:
    return turn["role"] == "assistant" and turn.get("weight") != 0


@given(lines=LINES, samples=st.integers(0, 3))
@settings(deadline=None)
def test_each_row_of_examples_counts_once(
    lines: list[Any], samples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("facts") / "set.jsonl"
    written = [line if line == "torn" else json.dumps(line) for line in lines]
    path.write_text("\n".join(written), "utf-8")
    found = inspect_file(path, count=len, samples=samples, format="openai")
    good = [line["messages"] for line in lines if isinstance(line, dict) and line["messages"] != 5]
    assert found.rejections.count == len(lines) - len(good)
    if not good:
        assert found.facts is None
        return
    facts, turns = found.facts, [turn for row in good for turn in row]
    assert isinstance(facts, ExampleFacts)
    assert facts.rows == len(good)
    assert (facts.messages.total, facts.messages.largest) == (len(turns), max(map(len, good)))
    assert facts.turns.total == sum(map(trained, turns))
    assert facts.characters.total == sum(len(turn["content"]) for turn in turns)
    assert facts.trained_characters == sum(len(turn["content"]) for turn in turns if trained(turn))
    assert facts.tokens is not None
    assert (facts.tokens.total, facts.trained_tokens) == (facts.characters.total, facts.trained_characters)
    assert len(facts.samples) == min(samples, len(good))


EPISODES = st.lists(
    st.tuples(st.sampled_from([None, 0.0, 0.5, 1.0]), st.integers(0, 3), st.sampled_from("ab")), max_size=6
)


@given(episodes=EPISODES.filter(bool))
@settings(deadline=None)
def test_each_trajectory_counts_once(
    episodes: list[tuple[float | None, int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("facts") / "t.jsonl"
    rows = [
        Trajectory(
            id=str(number),
            environment=environment,
            task="t",
            instruction="",
            observation="",
            steps=[Step(thought="hm")] * steps,
            reward=reward,
            outcome=Outcome.AGENT_ERROR if reward is None else Outcome.COMPLETED,
        )
        for number, (reward, steps, environment) in enumerate(episodes)
    ]
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows), "utf-8")
    facts = inspect_file(path).facts
    assert isinstance(facts, TrajectoryFacts)
    rewards = [reward for reward, *_ in episodes if reward is not None]
    assert (facts.rows, facts.rewarded, facts.reward) == (len(rows), len(rewards), sum(rewards))
    assert facts.solved == rewards.count(1.0)
    assert facts.environments == Counter(environment for *_, environment in episodes)
    assert facts.steps.total == sum(steps for _, steps, _ in episodes)
    assert sum(facts.outcomes.values()) == len(rows)


@st.composite
def funnel_rows(draw: st.DrawFn) -> FunnelRow:
    reasons = st.sampled_from([BELOW, INFRASTRUCTURE, OVER_CAP, "too long"])
    rejected = draw(st.dictionaries(reasons, st.integers(1, 9)))
    kept = draw(st.integers(0, 9))
    return FunnelRow(
        source=draw(st.sampled_from("ab")),
        tasks=draw(st.integers(0, 9)),
        episodes=kept + sum(rejected.values()),
        rejected=rejected,
        kept=kept,
        turns=draw(st.floats(1, 9)) if kept else None,
    )


@given(st.lists(funnel_rows(), max_size=4))
def test_a_total_is_the_sum_of_its_rows_and_a_rate_is_a_share(rows: list[FunnelRow]) -> None:
    total = Funnel(rows=rows).total
    for name in ("tasks", "episodes", "kept", "passed", "infrastructure_errors"):
        assert getattr(total, name) == sum(getattr(row, name) for row in rows), name
    for row in [*rows, total]:
        assert row.pass_rate is None or row.kept / row.episodes <= row.pass_rate <= 1
        assert (row.pass_rate is None) == (row.episodes == row.infrastructure_errors)
    turns = [row.turns for row in rows if row.turns is not None]
    assert (
        total.turns is None if not turns else min(turns) - 1e-9 <= (total.turns or 0) <= max(turns) + 1e-9
    )


@given(funnel_rows())
def test_a_funnel_is_stored_and_read_back(row: FunnelRow) -> None:
    funnel = Funnel(rows=[row])
    assert Funnel.model_validate_json(funnel.model_dump_json()) == funnel
