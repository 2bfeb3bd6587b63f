"""Agent skill, from trajectories: how often, how well and how cleanly an agent solves its tasks.

Invariants: episodes that the infrastructure broke are counted apart and enter no share, mean or sum of
turns; every number can be computed again from the trajectories alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from trajectune.evaluate.faults import ErrorKind, errors_of
from trajectune.evaluate.intervals import Interval, bootstrap_mean, mcnemar, wilson
from trajectune.storage import RejectedSink, read_records
from trajectune.trajectory import Outcome, Record, Trajectory, Usage

Thresholds = float | Mapping[str, float]
"""Least reward that is a success: one for all environments, or by environment (1 where not named)."""


class ErrorShare(Record):
    """How frequent one kind of error is."""

    replies: int
    """Replies with the error."""
    episodes: int
    """Episodes with at least one such reply."""
    of_replies: float
    of_episodes: float


class AgentScores(Record):
    """What an agent achieved on a set of episodes."""

    episodes: int
    """Episodes that count, infrastructure errors left out."""
    successes: int
    """Episodes with at least the threshold's reward."""
    success: Interval | None
    """Share of successes (Wilson); `None` without episodes, as all that follows."""
    reward: Interval | None
    """Mean reward (bootstrap over episodes)."""
    turns: float | None
    """Mean number of replies in an episode."""
    replies: int
    valid_replies: Interval | None
    """Share of replies in which the dialect found a move (no bad format)."""
    valid_episodes: Interval | None
    """Share of episodes in which every reply was valid."""
    errors: dict[ErrorKind, ErrorShare]
    outcomes: dict[Outcome, int]
    """Episodes by how they ended, infrastructure errors included."""
    infrastructure_errors: int
    """Episodes that say nothing about the agent and count nowhere else."""
    usage: Usage
    """Tokens and seconds over the episodes that count."""
    by_kind: dict[str, AgentScores] = Field(default_factory=dict)
    """The same by kind of task; empty inside such a part."""


class Comparison(Record):
    """After against before, on the tasks that both played."""

    tasks: int
    """Pairs of episodes with the same task and seed."""
    unpaired: int
    """Episodes without a partner; they do not count here."""
    gained: int
    """Solved after, not before."""
    lost: int
    """Solved before, not after."""
    success: Interval | None
    """Difference of success shares (paired bootstrap)."""
    reward: Interval | None
    """Difference of mean rewards (paired bootstrap)."""
    p_value: float
    """McNemar's exact test of `gained` against `lost`."""


def read_trajectories(path: Path, rejected: RejectedSink | None = None) -> list[Trajectory]:
    """All trajectories of a JSONL file; rows that cannot be read go to `rejected`, or into the log."""
    return list(read_records(path, Trajectory, rejected))


def score_environments(
    trajectories: Iterable[Trajectory], thresholds: Thresholds = 1.0, seed: int = 0
) -> dict[str, AgentScores]:
    """Scores by environment, each with its kinds of task, both in the order of their names."""
    groups = _grouped(trajectories, "environment")
    return {name: _with_kinds(group, _threshold(thresholds, name), seed) for name, group in groups.items()}


def score(trajectories: Sequence[Trajectory], threshold: float = 1.0, seed: int = 0) -> AgentScores:
    """Scores of one set of episodes."""
    counted = [each for each in trajectories if not each.outcome.is_infrastructure_error]
    rewards = [each.reward or 0.0 for each in counted]
    errors = [errors_of(each.steps) for each in counted]
    replies = sum(len(each) for each in errors)
    shares = _error_shares(errors)
    bad = shares[ErrorKind.BAD_FORMAT]
    successes = sum(reward >= threshold for reward in rewards)
    return AgentScores(
        episodes=len(counted),
        successes=successes,
        success=wilson(successes, len(counted)),
        reward=bootstrap_mean(rewards, seed),
        turns=replies / len(counted) if counted else None,
        replies=replies,
        valid_replies=wilson(replies - bad.replies, replies),
        valid_episodes=wilson(len(counted) - bad.episodes, len(counted)),
        errors=shares,
        outcomes=dict(sorted(Counter(each.outcome for each in trajectories).items())),
        infrastructure_errors=len(trajectories) - len(counted),
        usage=sum((each.usage for each in counted), Usage()),
    )


def compare(
    before: Iterable[Trajectory], after: Iterable[Trajectory], thresholds: Thresholds = 1.0, seed: int = 0
) -> Comparison:
    """What changed, on episodes of the same environment, task and seed."""
    first, second = _by_task(before), _by_task(after)
    both = sorted(first.keys() & second.keys())
    limits = np.array([_threshold(thresholds, key[0]) for key in both])
    old = np.array([first[key].reward or 0.0 for key in both])
    new = np.array([second[key].reward or 0.0 for key in both])
    solved = (new >= limits).astype(int) - (old >= limits).astype(int)
    gained, lost = int((solved > 0).sum()), int((solved < 0).sum())
    return Comparison(
        tasks=len(both),
        unpaired=len(first.keys() ^ second.keys()),
        gained=gained,
        lost=lost,
        success=bootstrap_mean(solved, seed),
        reward=bootstrap_mean(new - old, seed),
        p_value=mcnemar(gained, lost),
    )


def _with_kinds(trajectories: Sequence[Trajectory], threshold: float, seed: int) -> AgentScores:
    kinds = _grouped(trajectories, "kind")
    parts = {kind: score(group, threshold, seed) for kind, group in kinds.items() if kind}
    return score(trajectories, threshold, seed).model_copy(update={"by_kind": parts})


def _error_shares(errors: Sequence[Sequence[frozenset[ErrorKind]]]) -> dict[ErrorKind, ErrorShare]:
    total = max(1, sum(len(episode) for episode in errors))
    shares = {}
    for kind in ErrorKind:
        replies = sum(kind in reply for episode in errors for reply in episode)
        episodes = sum(any(kind in reply for reply in episode) for episode in errors)
        shares[kind] = ErrorShare(
            replies=replies,
            episodes=episodes,
            of_replies=replies / total,
            of_episodes=episodes / max(1, len(errors)),
        )
    return shares


def _grouped(trajectories: Iterable[Trajectory], field: str) -> dict[str, list[Trajectory]]:
    groups: defaultdict[str, list[Trajectory]] = defaultdict(list)
    for trajectory in trajectories:
        groups[getattr(trajectory, field)].append(trajectory)
    return dict(sorted(groups.items()))


def _by_task(trajectories: Iterable[Trajectory]) -> dict[tuple[str, str, int], Trajectory]:
    return {
        (each.environment, each.task, each.seed): each
        for each in trajectories
        if not each.outcome.is_infrastructure_error
    }


def _threshold(thresholds: Thresholds, environment: str) -> float:
    return thresholds.get(environment, 1.0) if isinstance(thresholds, Mapping) else thresholds
