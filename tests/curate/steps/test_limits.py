"""Steps that look at one trajectory: its faults, its length, the language of its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.steps.rows import TRAJECTORIES, trajectory
from trajectune.curate.steps import language
from trajectune.curate.steps.apply import apply_steps
from trajectune.curate.steps.faults import TOO_LARGE, TOO_MANY
from trajectune.curate.steps.language import OTHER, spoken
from trajectune.curate.steps.length import TOO_FEW_STEPS, TOO_LONG, TOO_MANY_STEPS, characters
from trajectune.curate.steps.registry import build_steps
from trajectune.errors import RecipeError, UnavailableError
from trajectune.trajectory import Action, Fault, Reply, Step, ToolCall, Trajectory

ENGLISH = "First I look at the table to learn which columns it has, and then I count the rows that fit."
FRENCH = (
    "D'abord je regarde la table pour savoir quelles colonnes elle contient, puis je compte les lignes."
)
CHINESE = "我先看一下这个表格有哪些列，然后再统计符合条件的行数，最后把答案告诉用户。" * 2


def reason(row: Trajectory, step: str, **options: Any) -> str | None:
    """Why a step rejects a trajectory; `None` where it is kept."""
    done = apply_steps(build_steps([{step: options}]), [row])
    return done.rejected[0].reason if done.rejected else None


def with_faults(faults: Sequence[Fault | None]) -> Trajectory:
    """A step for each: one that could not be read, a call with a fault, or a good call."""
    steps = [
        Step(fault=fault, replies=[Reply(text="?")])
        if fault is Fault.BAD_FORMAT
        else Step(actions=[Action(call=ToolCall(name="look"), fault=fault)])
        for fault in faults
    ]
    return trajectory("a", 1, 1.0).model_copy(update={"steps": steps})


def test_faults_that_count_and_how_many() -> None:
    row = with_faults([None, Fault.BAD_FORMAT, Fault.UNKNOWN_TOOL, Fault.UNKNOWN_TOOL])
    assert reason(row, "faults") == TOO_MANY.format("bad_format")
    assert reason(row, "faults", most=1) is None
    kinds = ["bad_format", "unknown_tool"]
    assert reason(row, "faults", kinds=kinds, most=2) == TOO_MANY.format("bad_format, unknown_tool")
    assert reason(row, "faults", kinds=kinds, most=3) is None
    assert reason(row, "faults", kinds=["refusal"]) is None


def test_the_share_of_steps_with_faults() -> None:
    row = with_faults([None, Fault.BAD_FORMAT, None, None])
    assert reason(row, "faults", most=None, share=0.25) is None
    assert reason(row, "faults", most=None, share=0.2) == TOO_LARGE.format("bad_format")
    assert reason(with_faults([]), "faults", most=None, share=0.0) is None


@given(st.lists(st.sampled_from([None, *Fault]), max_size=6), st.integers(0, 6))
def test_no_more_faults_than_are_allowed(faults: list[Fault | None], most: int) -> None:
    found = sum(fault is not None for fault in faults)
    verdict = reason(with_faults(faults), "faults", kinds=[fault.value for fault in Fault], most=most)
    assert (verdict is None) == (found <= most)


def test_length_in_steps_and_characters() -> None:
    row = trajectory("a", 1, 1.0, 5, 7, thought="abc")
    assert reason(row, "length", least_steps=3) == TOO_FEW_STEPS
    assert reason(row, "length", most_steps=1) == TOO_MANY_STEPS
    assert reason(row, "length", least_steps=2, most_steps=2) is None
    whole = characters(row)
    assert whole == 2 * len('abcguess{"number": 5}')
    assert reason(row, "length", most_characters=whole) is None
    assert reason(row, "length", most_characters=whole - 1) == TOO_LONG
    with pytest.raises(RecipeError, match=r"most_steps \(1\) is below least_steps \(2\)"):
        build_steps([{"length": {"least_steps": 2, "most_steps": 1}}])


@given(st.text(max_size=9), st.text(max_size=9))
def test_what_was_seen_and_said_counts_once(thought: str, seen: str) -> None:
    step = Step(thought=thought, actions=[Action(call=ToolCall(name="x"), observation=seen)])
    row = trajectory("a", 1, 1.0).model_copy(
        update={"steps": [step], "instruction": "do", "observation": "it"}
    )
    assert characters(row) == len(thought) + len(seen) + len("x{}") + len("doit")
    said = row.model_copy(update={"steps": [Step(message=thought, observation=seen)]})
    assert characters(said) == len(thought) + len(seen) + len("doit")


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        (ENGLISH, None),
        (FRENCH, OTHER.format("fr")),
        (CHINESE, OTHER.format("zh")),
        (FRENCH[:40], None),
        ("SELECT a, b, c FROM t1 WHERE d = 12345 AND e < 99999 ORDER BY f DESC LIMIT 10;", None),
        ("", None),
    ],
)
def test_words_in_another_language(words: str, verdict: str | None) -> None:
    assert reason(trajectory("a", 1, 1.0, 5, thought=words), "language") == verdict


def test_languages_are_chosen_and_short_texts_not_judged() -> None:
    row = trajectory("a", 1, 1.0, 5, thought=FRENCH)
    assert reason(row, "language", languages=["en", "fr"]) is None
    assert reason(row, "language", least_characters=500) is None
    assert reason(row, "language", confidence=1.0) is None
    with pytest.raises(RecipeError, match="languages"):
        build_steps([{"language": {"languages": ["French"]}}])


def test_the_arguments_of_calls_are_no_words() -> None:
    call = Action(call=ToolCall(name="say", arguments={"text": FRENCH}))
    steps = [
        Step(thought="I look.", actions=[call]),
        Step(message="Done."),
        Step(replies=[Reply(text="Hm")]),
    ]
    row = trajectory("a", 1, 1.0).model_copy(update={"steps": steps})
    assert spoken(row) == "I look.\nDone.\nHm"


def test_without_the_package_the_step_cannot_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match="py3langid") as caught:
        build_steps(["language"])
    assert "language" in caught.value.remedy


@pytest.mark.parametrize("step", ["faults", "length", "language"])
def test_a_verdict_does_not_depend_on_the_other_rows(step: str) -> None:
    (built,) = build_steps([step])

    @given(TRAJECTORIES)
    def law(rows: list[Trajectory]) -> None:
        together = [row for row in rows if apply_steps([built], [row]).rows]
        assert apply_steps([built], rows).rows == together
        assert apply_steps([built], rows[::-1]).rows == together[::-1]

    law()
