"""The overall score against AgentTuning's printed table, and as a view of measurements."""

from __future__ import annotations

import pytest

from trajectune.errors import DataError
from trajectune.evaluate.contract import Measurement, SystemIdentity
from trajectune.evaluate.intervals import Interval
from trajectune.evaluate.overall import overall, overall_score, reference_weights

# AgentTuning, main table. Columns: GPT-3.5, GPT-4, Llama-2-chat 7B 13B 70B, AgentLM 7B 13B 70B.
TABLE = {
    "held-in": (
        {
            "ALFWorld": (14.0, 78.0, 2.0, 2.0, 6.0, 84.0, 76.0, 86.0),
            "WebShop": (67.2, 58.6, 4.4, 7.2, 1.5, 63.6, 70.8, 64.9),
            "Mind2Web": (15.7, 22.6, 3.7, 2.3, 0.2, 6.4, 8.4, 13.5),
            "KG": (27.2, 52.1, 0.0, 0.0, 0.0, 18.1, 26.8, 47.0),
            "OS": (32.6, 36.8, 8.3, 9.0, 9.0, 17.4, 18.1, 21.5),
            "Database": (15.0, 33.7, 0.3, 1.3, 9.3, 30.6, 33.7, 37.7),
        },
        (1.59, 2.75, 0.19, 0.20, 0.27, 1.96, 2.11, 2.55),
    ),
    "held-out": (
        {
            "SciWorld": (21.2, 36.4, 5.9, 6.4, 7.9, 13.7, 18.0, 20.8),
            "MiniWoB++": (66.7, 69.4, 0.0, 19.6, 0.7, 28.9, 31.1, 60.7),
            "WebArena": (4.56, 6.28, 1.23, 1.11, 0.62, 0.74, 1.60, 3.81),
            "HotpotQA": (37.4, 52.1, 22.6, 25.2, 37.5, 22.3, 29.6, 41.6),
            "ReWOO": (71.0, 79.7, 48.3, 48.7, 55.1, 50.9, 55.7, 66.0),
            "DCG": (24.5, 50.0, 0.0, 0.0, 5.0, 7.0, 2.5, 23.5),
        },
        (1.49, 2.13, 0.38, 0.49, 0.51, 0.67, 0.78, 1.40),
    ),
    "general": (
        {
            "MMLU": (70.0, 86.4, 48.0, 54.3, 62.1, 48.7, 53.6, 59.5),
            "HumanEval": (48.1, 67.0, 13.9, 18.4, 30.8, 15.4, 14.8, 28.7),
            "GSM8K": (57.1, 87.1, 27.7, 37.5, 54.7, 24.6, 32.4, 59.7),
            "MT-Bench": (7.94, 8.99, 6.26, 6.65, 6.85, 6.11, 6.57, 7.26),
        },
        (1.15, 1.53, 0.63, 0.74, 0.95, 0.62, 0.69, 0.96),
    ),
}  # fmt: skip


@pytest.mark.parametrize("group", TABLE)
def test_overall_scores_are_those_printed_in_the_paper(group: str) -> None:
    rows, printed = TABLE[group]
    models = [{task: scores[i] for task, scores in rows.items()} for i in range(8)]
    weights = reference_weights(models[:5])
    for model, expected in zip(models, printed, strict=True):
        assert overall_score(model, weights) == pytest.approx(expected, abs=0.0051)


def test_overall_needs_the_same_tasks() -> None:
    with pytest.raises(DataError, match="exactly the tasks"):
        overall_score({"a": 1}, {"b": 1})
    with pytest.raises(DataError, match="no weight"):
        reference_weights([{"a": 0.0}])


def measured(suite: str, value: float | None, *, lower_is_better: bool = False) -> Measurement:
    metrics = {} if value is None else {"score": Interval(value=value, low=value, high=value)}
    who = SystemIdentity(name="tuned", model="tiny")
    return Measurement(
        suite=suite, group="held-in", system=who, headline="score", metrics=metrics,
        lower_is_better=lower_is_better,
    )  # fmt: skip


def test_measurements_are_weighed_by_the_references_mean() -> None:
    references = {"one": {"a": 0.2, "b": 0.5, "unused": 1.0}, "two": {"a": 0.6, "b": 0.5}}
    system = [measured("a", 0.8), measured("b", 0.5), measured("loss", 3.0, lower_is_better=True)]
    assert overall(system, references) == pytest.approx((0.8 / 0.4 + 0.5 / 0.5) / 2)


@pytest.mark.parametrize(
    "system",
    [[measured("a", 0.8), measured("b", None)], [measured("a", 0.8), measured("c", 0.8)], []],
    ids=["a suite was not measured", "a suite has no reference", "nothing"],
)
def test_there_is_no_overall_score_of_a_part(system: list[Measurement]) -> None:
    assert overall(system, {"one": {"a": 0.2, "b": 0.5}}) is None
