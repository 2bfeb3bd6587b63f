"""Kinds of error in replies, told by rules."""

from __future__ import annotations

import pytest

from trajectune.evaluate.faults import ErrorKind, errors_of, refuses
from trajectune.trajectory import Action, Fault, Reply, Step, ToolCall


def move(command: str, observation: str = "", fault: Fault | None = None) -> Step:
    call = ToolCall(name="act", arguments={"command": command})
    return Step(actions=[Action(call=call, observation=observation, fault=fault)])


def test_repetition_rules() -> None:
    short, long = ErrorKind.SHORT_TERM_REPETITION, ErrorKind.LONG_TERM_REPETITION
    a, b = move("a", "same"), move("b", "same")
    assert [short in kinds for kinds in errors_of([a, a, b, b])] == [False, True, False, True]
    assert [long in kinds for kinds in errors_of([a, b, a, b, a])] == [False, False, False, False, True]
    assert not any(errors_of([move("look", "1"), move("look", "2"), move("look", "3")]))


def test_calls_made_at_once_are_one_move() -> None:
    both = Step(actions=[*move("a").actions, *move("b").actions])
    kinds = errors_of([both, move("a"), both, both])
    assert [ErrorKind.SHORT_TERM_REPETITION in each for each in kinds] == [False, False, False, True]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.BAD_FORMAT, ErrorKind.BAD_FORMAT),
        (Fault.UNKNOWN_TOOL, ErrorKind.UNKNOWN_TOOL),
        (Fault.BAD_ARGUMENTS, ErrorKind.BAD_ARGUMENTS),
    ],
)
def test_what_cannot_be_carried_out_is_an_invalid_action(fault: Fault, kind: ErrorKind) -> None:
    assert errors_of([move("go", fault=fault)]) == [{kind, ErrorKind.INVALID_ACTION}]
    in_reply = Step(replies=[Reply(text="Hm")], fault=fault)
    assert errors_of([in_reply]) == [{kind, ErrorKind.INVALID_ACTION}]


def test_faults_that_are_no_invalid_action() -> None:
    assert errors_of([move("go", fault=Fault.REPETITION)]) == [{ErrorKind.SHORT_TERM_REPETITION}]
    assert errors_of([Step(fault=Fault.REFUSAL)]) == [{ErrorKind.REFUSAL}]


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("As an AI, no.", True),
        ("I apologize, this is beyond me.", True),
        ("I cannot access databases", True),
        ("I cannot find it, so I look elsewhere.", False),
        ("SELECT 1", False),
    ],
)
def test_refusals_are_told_by_words(reply: str, refused: bool) -> None:
    said = [Reply(text=reply)]
    assert refuses(Step(replies=said, fault=Fault.BAD_FORMAT)) is refused
    assert refuses(Step(message=reply)) is refused
    assert not refuses(move("go").model_copy(update={"replies": said}))
