"""Agent skill, from trajectories: how often, how well and how cleanly an agent solves its tasks.

Invariants: episodes that the infrastructure broke are counted apart and enter no share and no mean; every
number can be computed again from the trajectories alone; what was not measured is absent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from trajectune.evaluate.faults import ErrorKind, errors_of
from trajectune.evaluate.intervals import Interval, bootstrap_mean, wilson
from trajectune.reasons import top_reasons
from trajectune.trajectory import Trajectory


def metrics(
    trajectories: Sequence[Trajectory], threshold: float = 1.0, seed: int = 0
) -> dict[str, Interval]:
    """Metrics by name, of the episodes that count.

    `success` and `success/<kind of task>` are shares of episodes with at least the threshold's reward,
    `reward` its mean, `turns` the mean number of replies; `valid_replies` is the share of replies in which
    the dialect found a move, `valid_episodes` that of episodes with no other, `error/<kind of error>` the
    share of replies with it. Shares get Wilson's interval, means the bootstrap's over episodes.
    """
    counted = _counted(trajectories)
    errors = [errors_of(each.steps) for each in counted]
    replies = [kinds for episode in errors for kinds in episode]
    clean = sum(not any(ErrorKind.BAD_FORMAT in kinds for kinds in episode) for episode in errors)
    rewards = [each.reward or 0.0 for each in counted]
    found = {
        "success": _share(reward >= threshold for reward in rewards),
        "reward": bootstrap_mean(rewards, seed),
        "valid_replies": _share(ErrorKind.BAD_FORMAT not in kinds for kinds in replies),
        "valid_episodes": wilson(clean, len(counted)),
        "turns": bootstrap_mean([len(episode) for episode in errors], seed),
        **{
            f"success/{kind}": _share((each.reward or 0.0) >= threshold for each in episodes)
            for kind, episodes in _by_kind(counted).items()
        },
        **{f"error/{kind}": _share(kind in kinds for kinds in replies) for kind in ErrorKind},
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def warnings(trajectories: Sequence[Trajectory], unreadable: Sequence[str] = ()) -> list[str]:
    """A sentence for episodes that the infrastructure broke, and one for rows that cannot be read."""
    errors = [each.error for each in trajectories if each.outcome.is_infrastructure_error]
    found = []
    if errors:
        share = f"{len(errors)} of {len(trajectories)} episodes"
        found.append(f"{share} broke in the infrastructure and do not count: {top_reasons(errors)}")
    if unreadable:
        found.append(f"{len(unreadable)} rows cannot be read: {top_reasons(unreadable)}")
    return found


def counts(trajectories: Sequence[Trajectory], threshold: float = 1.0) -> dict[str, int]:
    """What the metrics rest on; `outcome/<outcome>` covers all episodes, the others those that count."""
    counted = _counted(trajectories)
    outcomes = Counter(each.outcome.value for each in trajectories)
    return {
        "episodes": len(counted),
        "successes": sum((each.reward or 0.0) >= threshold for each in counted),
        "replies": sum(len(each.steps) for each in counted),
        "generated_tokens": sum(each.usage.generated_tokens for each in counted),
        "infrastructure_errors": len(trajectories) - len(counted),
        **{f"episodes/{kind}": len(episodes) for kind, episodes in _by_kind(counted).items()},
        **{f"outcome/{outcome}": count for outcome, count in sorted(outcomes.items())},
    }


def _counted(trajectories: Iterable[Trajectory]) -> list[Trajectory]:
    return [each for each in trajectories if not each.outcome.is_infrastructure_error]


def _by_kind(trajectories: Iterable[Trajectory]) -> dict[str, list[Trajectory]]:
    """Episodes by kind of task, sorted; those without a kind are in no part."""
    groups: defaultdict[str, list[Trajectory]] = defaultdict(list)
    for trajectory in trajectories:
        if trajectory.kind:
            groups[trajectory.kind].append(trajectory)
    return dict(sorted(groups.items()))


def _share(hits: Iterable[bool]) -> Interval | None:
    found = list(hits)
    return wilson(sum(found), len(found))
