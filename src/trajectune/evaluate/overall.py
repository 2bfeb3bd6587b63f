"""One number for a group of suites whose scales differ: AgentTuning's overall score.

A task's score is divided by the task's weight, the mean score that a fixed set of reference models
reaches on it, and these quotients are averaged (AgentTuning, section 4.1). So 1 means "as good as the
reference models on average", and an easy task counts no more than a hard one. AgentTuning's references
are GPT-3.5, GPT-4 and the three Llama-2-chat models, their means not rounded.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from trajectune.errors import DataError
from trajectune.evaluate.contract import Measurement

References = Mapping[str, Mapping[str, float]]
"""Scores of reference models: model → suite → score."""


def overall(measurements: Sequence[Measurement], references: References) -> float | None:
    """The overall score of one system on the suites of one group; losses have no part in it.

    `None` where a suite was not measured or has no reference score: a mean over what happens to be there
    would be compared with others over other suites. Raises `DataError` for references that do not go
    together.
    """
    scored = [each for each in measurements if not each.lower_is_better]
    values = {each.suite: each.value for each in scored}
    scores = {suite: value.value for suite, value in values.items() if value is not None}
    known = {
        suite: score for suite, score in scores.items() if all(suite in r for r in references.values())
    }
    if not scores or known.keys() != values.keys():
        return None
    weights = reference_weights([{suite: r[suite] for suite in known} for r in references.values()])
    return overall_score(known, weights)


def reference_weights(references: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Weight of each task: the mean of the reference models' scores on it, unrounded.

    Raises `DataError` when the references name different tasks, or all score 0 on one.
    """
    tasks = references[0].keys() if references else []
    if not tasks or any(scores.keys() != tasks for scores in references):
        raise DataError(
            "the reference models were not all measured on the same tasks",
            remedy="give every reference model a score on every task",
        )
    weights = {task: statistics.fmean(scores[task] for scores in references) for task in tasks}
    for task, weight in weights.items():
        if weight <= 0:
            raise DataError(
                "no reference model scores above 0, so the task has no weight",
                where=task,
                remedy="omit the task or choose other reference models",
            )
    return weights


def overall_score(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Mean over the tasks of score / weight. Raises `DataError` unless both name the same tasks."""
    if scores.keys() != weights.keys():
        raise DataError(
            "an overall score needs exactly the tasks that have a weight",
            where=", ".join(sorted(scores.keys() ^ weights.keys())),
            remedy="measure the missing tasks, or take weights over the same tasks",
        )
    return statistics.fmean(score / weights[task] for task, score in scores.items())
