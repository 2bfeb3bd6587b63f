"""A user's own environment, dialect and suite on one page."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trajectune as tt
from trajectune.dialects.conversation import same_move
from trajectune.report.page import read_page
from trajectune.trajectory import Action, Reply, Step

PAGE = Path(__file__).parents[2] / "examples" / "own_environment.py"
NAMES: dict[str, Any] = runpy.run_path(str(PAGE), run_name="page")


def test_the_page_tunes_a_model_on_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["own_environment.py", "tiny", "--train", "12", "--test", "2"])
    runpy.run_path(str(PAGE), run_name="__main__")
    page = read_page(tmp_path / "own" / "report" / "page.json")
    assert {(entry.system, entry.measurement.suite) for entry in page.entries} == {
        (system, suite) for system in ("base", "after") for suite in ("switches", "one-word")
    }
    assert all(entry.measurement.status == "done" for entry in page.entries)
    assert "error" not in capsys.readouterr().out  # no finding against the contract


@given(
    st.from_regex(r"[A-Za-z][A-Za-z ,.]{0,40}[a-z.]", fullmatch=True) | st.just(""),
    st.integers(0, 999_999_999),
)
def test_its_dialect_reads_what_it_writes(thought: str, number: int) -> None:
    call = tt.ToolCall(name="press", arguments={"switch": number})
    step = Step(thought=thought, actions=[Action(call=call)])
    (message,) = NAMES["Line"]().speak(step)
    assert same_move(NAMES["Line"]().read([Reply(text=message.content)]), step)


@given(st.text())
def test_its_dialect_never_raises(reply: str) -> None:
    reading = NAMES["Line"]().read([Reply(text=reply)])
    assert bool(reading.calls) != bool(reading.fault)
