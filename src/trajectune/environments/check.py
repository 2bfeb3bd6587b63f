"""Does an environment keep the contract? A checker whose messages teach, in the spirit of Gymnasium's.

The idea: play the environment the way the rollout will (open, call, close; twice, side by side, with
calls that are wrong) and report every promise of `trajectune.environments.contract` that is broken as
a `Finding`: where, what, and how to mend it. Nothing is raised for a broken environment, so one run
shows everything; `ensure_environment` raises for those who want a test to fail.

Invariant: an environment with no finding of severity `error` can be collected from, evaluated on and
resumed without surprises; a `warning` marks what works but will disappoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import get_args

from trajectune.environments import offers, promises, unearned
from trajectune.environments.contract import Environment, Split
from trajectune.environments.promises import Finding
from trajectune.errors import TrajectuneError

PLAYED = {
    "tools": offers.tools,
    "demonstration": offers.demonstration,
    "opening": promises.opening,
    "wrong call": promises.answers_wrong_calls,
    "expert": promises.expert_earns,
    "two episodes apart": promises.isolation,
    "calls at once": offers.calls_at_once,
    "words to the user": offers.words,
    "unearned reward: nothing": unearned.nothing,
    "unearned reward: at once": unearned.at_once,
    "unearned reward: echo": unearned.echo,
    "unearned reward: replay": unearned.replay,
}
"""Played on every checked task; each takes (environment, task, another task)."""


class EnvironmentCheckError(TrajectuneError):
    """An environment breaks the contract; `findings` lists how."""

    def __init__(self, name: str, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(
            f"The environment {name!r} breaks the contract in {len(findings)} place(s).",
            where="\n          ".join(str(finding) for finding in findings),
            remedy="Mend these and run: trajectune environments check NAME",
        )


def check_environment(environment: Environment, tasks_per_split: int = 3) -> list[Finding]:
    """Play `tasks_per_split` tasks of every split and return what breaks the contract (empty: nothing).

    `assert not check_environment(Door())`.

    Deterministic. Costs about twenty episodes for each task.
    """
    findings = list(promises.declaration(environment))
    if findings:
        return findings  # without a sound declaration the rest would only echo it
    findings += _guard("tasks", "", lambda: promises.tasks(environment))
    if any(finding.severity == "error" for finding in findings):
        return findings
    for split in get_args(Split):
        tasks = environment.tasks(split)
        spread = tasks[:: max(1, len(tasks) // tasks_per_split)][:tasks_per_split]
        for task, other in zip(spread, [*spread[1:], *spread[:1]], strict=True):
            for rule, check in PLAYED.items():
                findings += _guard(rule, task.id, partial(check, environment, task, other))
    return findings


def ensure_environment(environment: Environment, tasks_per_split: int = 3) -> None:
    """Raise `EnvironmentCheckError` if `check_environment` finds an error; warnings pass."""
    errors = [f for f in check_environment(environment, tasks_per_split) if f.severity == "error"]
    if errors:
        raise EnvironmentCheckError(environment.name, errors)


def _guard(rule: str, task: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Run one check; an exception out of the environment is a finding, not a crash."""
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except Exception as error:
        text = (
            f"raised {type(error).__name__}: {error}. Only broken infrastructure may raise (EpisodeError)."
        )
        findings.append(Finding("error", rule, text, task))
    return findings
