"""Agent skill from trajectories: what counts, what does not, and that nothing measured is no zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.evaluate.episodes import counts, metrics
from trajectune.evaluate.suites.environment import episode_items
from trajectune.trajectory import Action, Fault, Outcome, Reply, Step, ToolCall, Trajectory, Usage

BAD = Step(replies=[Reply(text="Hm")], fault=Fault.BAD_FORMAT)
GOOD = Step(actions=[Action(call=ToolCall(name="act"))])


def episode(
    task: str, reward: float | None, steps: list[Step] | None = None, kind: str = "", tokens: int = 0
) -> Trajectory:
    outcome = Outcome.COMPLETED if reward is not None else Outcome.ENVIRONMENT_ERROR
    return Trajectory(
        id=f"w/{task}/0", environment="w", task=task, kind=kind, instruction="", observation="",
        reward=reward, outcome=outcome, steps=[GOOD] if steps is None else steps,
        usage=Usage(generated_tokens=tokens),
    )  # fmt: skip


def test_infrastructure_errors_count_nowhere_but_apart() -> None:
    played = [
        episode("a", 1.0, [GOOD, GOOD], tokens=5),
        episode("b", 0.0, [BAD]),
        episode("c", None, [BAD, BAD], tokens=99),
    ]
    found = {name: interval.value for name, interval in metrics(played).items()}
    assert found["success"] == found["reward"] == found["valid_episodes"] == 0.5
    assert found["turns"] == 1.5
    assert found["valid_replies"] == pytest.approx(2 / 3)
    assert found["error/bad format"] == found["error/invalid action"] == pytest.approx(1 / 3)
    counted = counts(played)
    assert (counted["episodes"], counted["successes"], counted["replies"]) == (2, 1, 3)
    assert counted["infrastructure_errors"] == counted["outcome/environment_error"] == 1
    assert counted["outcome/completed"] == 2
    assert counted["generated_tokens"] == 5


def test_nothing_measured_is_absent_and_not_zero() -> None:
    assert metrics([episode("c", None)]) == metrics([]) == {}
    assert counts([episode("c", None)])["infrastructure_errors"] == 1


def test_a_threshold_settles_what_is_a_success() -> None:
    played = [episode("a", 0.7, kind="x"), episode("b", 0.2, kind="y")]
    assert metrics(played, 0.6)["success"].value == 0.5
    assert metrics(played, 0.6)["success/x"].value == 1
    assert metrics(played, 0.6)["success/y"].value == 0
    assert metrics(played)["success"].value == 0
    assert counts(played, 0.6)["successes"] == counts(played, 0.6)["episodes/x"] == 1


@given(st.lists(st.tuples(st.sampled_from([None, 0.0, 0.4, 1.0]), st.sampled_from("xyz")), max_size=20))
def test_kinds_add_up_and_items_give_the_headline(plan: list[tuple[float | None, str]]) -> None:
    played = [episode(str(n), reward, kind=kind) for n, (reward, kind) in enumerate(plan)]
    counted, found, items = counts(played, 0.4), metrics(played, 0.4), list(episode_items(played, 0.4))
    assert counted["episodes"] + counted["infrastructure_errors"] == len(plan)
    parts = {name.partition("/")[2] for name in found if name.startswith("success/")}
    assert sum(counted[f"episodes/{kind}"] for kind in parts) == counted["episodes"] == len(items)
    solved = sum(found[f"success/{kind}"].value * counted[f"episodes/{kind}"] for kind in parts)
    assert round(solved) == counted["successes"] == sum(item.score for item in items)
