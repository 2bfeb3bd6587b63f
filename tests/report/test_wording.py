"""How numbers and replies read."""

from __future__ import annotations

import pytest

from trajectune.evaluate.intervals import Interval
from trajectune.report import wording
from trajectune.trajectory import Action, Reply, Step, ToolCall

HALF = Interval(value=0.5, low=0.42, high=0.61)
EXACT = Interval(value=0.5, low=0.5, high=0.5)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (wording.percent(HALF), "50 % [42–61]"),
        (wording.percent(EXACT), "50 %"),
        (wording.percent(None), "–"),
        (wording.points(HALF), "+50 [+42, +61]"),
        (wording.signed(HALF), "+0.500 [+0.420, +0.610]"),
        (wording.number(HALF, 2), "0.50 [0.42–0.61]"),
        (wording.number(EXACT), "0.500"),
        (wording.number(0.1234), "0.123"),
        (wording.number(None), "–"),
        (wording.measured(HALF, True), "50 % [42–61]"),
        (wording.measured(HALF, False), "0.500 [0.420–0.610]"),
        (wording.points(None), "–"),
        (wording.signed(None), "–"),
        (wording.share(0.068), "6.8 %"),
        (wording.share(None), "–"),
        (wording.duration(3.21), "3.2 s"),
        (wording.duration(185), "3 min 05 s"),
        (wording.duration(3700), "1 h 01 min"),
        (wording.words("valid_replies"), "valid replies"),
    ],
)
def test_numbers(found: str, expected: str) -> None:
    assert found == expected


def test_replies_are_shown_word_for_word() -> None:
    call = ToolCall(name="sql", arguments={"query": "SELECT 'é'"})
    acted = Step(thought="I look.", actions=[Action(call=call)])
    shown = 'sql({"query": "SELECT \'é\'"})'
    assert wording.reply(acted) == f"I look.\n{shown}"
    assert wording.reply(acted.model_copy(update={"replies": [Reply(text="verbatim")]})) == "verbatim"
    native = acted.model_copy(update={"replies": [Reply(text="I look!", calls=[call])]})
    assert wording.reply(native) == f"I look!\n{shown}"
    silent = acted.model_copy(update={"replies": [Reply(text="", calls=[call])]})
    assert wording.reply(silent) == f"I look.\n{shown}"
    assert wording.reply(Step(message="Hello")) == "Hello"
