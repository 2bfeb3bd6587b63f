"""Intervals against known values, the overall score against AgentTuning's table, scores from episodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.errors import DataError
from trajectune.evaluate.agent import compare, read_trajectories, score, score_environments
from trajectune.evaluate.faults import ErrorKind, errors_of, refuses
from trajectune.evaluate.intervals import (
    bootstrap_mean,
    bootstrap_ratio,
    gap_share,
    mcnemar,
    over_seeds,
    wilson,
)
from trajectune.evaluate.overall import overall_score, reference_weights
from trajectune.storage import JsonlWriter
from trajectune.trajectory import Fault, Outcome, Step, ToolCall, Trajectory, Usage

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


def test_wilson_known_values() -> None:
    half = wilson(5, 10)
    assert half is not None
    assert (half.low, half.high) == pytest.approx((0.23659, 0.76341), abs=1e-5)
    none = wilson(0, 60)
    assert none is not None
    assert (none.low, none.high) == pytest.approx((0.0, 0.06017), abs=1e-5)
    assert wilson(0, 0) is None


@given(total=st.integers(1, 500), part=st.floats(0, 1))
def test_wilson_holds_its_value(total: int, part: float) -> None:
    interval = wilson(round(part * total), total)
    assert interval is not None
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_bootstrap_agrees_with_the_normal_approximation_and_its_seed() -> None:
    values = [0.0, 1.0] * 200
    interval = bootstrap_mean(values, seed=3)
    assert interval is not None
    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.006)
    assert interval == bootstrap_mean(values, seed=3)
    assert bootstrap_mean([]) is None
    ratio = bootstrap_ratio([2.0, 30.0], [1, 3])
    assert ratio is not None
    assert ratio.value == 8.0


def test_mcnemar_and_seeds() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(8, 0) == pytest.approx(2 / 256)
    assert mcnemar(8, 2) == mcnemar(2, 8) == pytest.approx(0.109375)
    three = over_seeds([1.0, 2.0, 3.0])
    assert three is not None
    assert three.high == pytest.approx(2 + 4.303 / 3**0.5)
    assert over_seeds([]) is None


def episode(
    task: str, reward: float | None, steps: list[Step] | None = None, **fields: object
) -> Trajectory:
    outcome = Outcome.COMPLETED if reward is not None else Outcome.ENVIRONMENT_ERROR
    return Trajectory.model_validate(
        {"id": f"w/{task}/0", "environment": "w", "task": task, "instruction": "", "observation": "",
         "reward": reward, "outcome": outcome, "steps": steps or [move("go")]} | fields
    )  # fmt: skip


def move(command: str, observation: str = "", fault: Fault | None = None) -> Step:
    return Step(
        call=ToolCall(name="act", arguments={"command": command}), observation=observation, fault=fault
    )


def test_scores_leave_infrastructure_errors_out() -> None:
    bad = Step(reply="Hm", fault=Fault.BAD_FORMAT)
    scores = score([
        episode("a", 1.0, [move("go"), move("take")], usage=Usage(generated_tokens=5)),
        episode("b", 0.0, [bad]),
        episode("c", None, usage=Usage(generated_tokens=99)),
    ])  # fmt: skip
    assert (scores.episodes, scores.successes, scores.infrastructure_errors) == (2, 1, 1)
    assert scores.reward is not None
    assert scores.reward.value == 0.5
    assert scores.turns == 1.5
    assert scores.valid_replies is not None
    assert scores.valid_replies.value == pytest.approx(2 / 3)
    assert scores.valid_episodes is not None
    assert scores.valid_episodes.value == 0.5
    assert scores.usage.generated_tokens == 5
    assert scores.outcomes[Outcome.ENVIRONMENT_ERROR] == 1
    assert scores.errors[ErrorKind.INVALID_ACTION].of_episodes == 0.5


def test_nothing_measured_is_not_zero() -> None:
    scores = score([episode("c", None)])
    assert scores.success is scores.reward is scores.turns is scores.valid_replies is None


def test_by_environment_and_kind_with_thresholds() -> None:
    episodes = [
        episode("a", 0.7, kind="x"),
        episode("b", 0.2, kind="y"),
        episode("a", 0.7, environment="v"),
    ]
    scores = score_environments(episodes, {"w": 0.6})
    assert list(scores) == ["v", "w"]
    assert scores["v"].successes == 0
    assert {kind: part.successes for kind, part in scores["w"].by_kind.items()} == {"x": 1, "y": 0}


def test_comparison_pairs_tasks() -> None:
    before = [episode("a", 0.0), episode("b", 1.0), episode("c", 0.0), episode("d", None)]
    after = [episode("a", 1.0), episode("b", 1.0), episode("c", 1.0), episode("d", 1.0)]
    change = compare(before, after)
    assert (change.tasks, change.unpaired, change.gained, change.lost) == (3, 1, 2, 0)
    assert change.success is not None
    assert change.success.value == pytest.approx(2 / 3)
    assert compare([], []).success is None


def test_reading_sets_bad_rows_aside(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    with JsonlWriter(path) as writer:
        writer.write(episode("a", 1.0))
        writer.write({"id": "broken"})
    rejected: list[object] = []
    assert [each.task for each in read_trajectories(path, rejected)] == ["a"]
    assert len(rejected) == 1


def test_repetition_rules() -> None:
    short, long = ErrorKind.SHORT_TERM_REPETITION, ErrorKind.LONG_TERM_REPETITION
    a, b = move("a", "same"), move("b", "same")
    assert [short in kinds for kinds in errors_of([a, a, b, b])] == [False, True, False, True]
    assert [long in kinds for kinds in errors_of([a, b, a, b, a])] == [False, False, False, False, True]
    assert not any(errors_of([move("look", "1"), move("look", "2"), move("look", "3")]))


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("As an AI, no.", True),
        ("I cannot access databases", True),
        ("I cannot find it, so I look elsewhere.", False),
        ("SELECT 1", False),
    ],
)
def test_refusals_are_told_by_words(reply: str, refused: bool) -> None:
    assert refuses(Step(reply=reply, fault=Fault.BAD_FORMAT)) is refused
    assert not refuses(Step(reply=reply, call=ToolCall(name="act")))


def test_the_share_of_a_gap():
    floor, ceiling = [0.0] * 40, [1.0] * 30 + [0.0] * 10
    nothing = gap_share(floor, floor, ceiling)
    assert nothing is not None
    assert (nothing.low, nothing.value, nothing.high) == (0, 0, 0)
    half = gap_share(floor, [1.0] * 15 + [0.0] * 25, ceiling)
    assert half is not None
    assert half.value == pytest.approx(0.5)
    assert 0.25 < half.low < 0.5 < half.high < 0.75
    whole = gap_share(floor, ceiling, ceiling)
    assert whole is not None
    assert (whole.low, whole.value, whole.high) == (1, 1, 1)
    beyond = gap_share(floor, [1.0] * 40, ceiling)
    assert beyond is not None
    assert beyond.value > 1
    below = gap_share([1.0] * 20 + [0.0] * 20, floor, ceiling)
    assert below is not None
    assert below.value < 0


def test_without_a_gap_there_is_no_share():
    assert gap_share([1.0, 0.0], [1.0, 1.0], [0.0, 1.0]) is None
    assert gap_share([], [], []) is None
