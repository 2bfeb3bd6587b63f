"""Scripts become one line of bash, and mean the same."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.operating_system.sandbox.shell import MAX_SCRIPT, Line, quoted, unfit

texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=60)


@settings(max_examples=40, deadline=None)
@given(st.lists(texts, min_size=1, max_size=8))
def test_bash_reads_back_what_was_quoted(given_texts: list[str]) -> None:
    line = "printf '%s\\0' " + " ".join(map(quoted, given_texts))
    assert "\n" not in line
    out = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert out.stdout.decode().split("\0")[:-1] == given_texts


@given(texts)
def test_the_mark_does_not_stand_in_what_is_sent(script: str) -> None:
    line = Line.of(script)
    assert line.mark.strip(b"\n:") not in line.sent
    assert line.sent.count(b"\n") == 1
    assert line.sent.endswith(b"\n")
    assert Line.of(script).mark != line.mark


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo x", ""),
        ("a\0b", "NUL"),
        ("\ud800", "half a character"),
        ("x" * MAX_SCRIPT, ""),
        ("x" * (MAX_SCRIPT + 1), "longer"),
        ("é" * MAX_SCRIPT, "longer"),
    ],
)
def test_what_cannot_be_sent_is_named(script: str, why: str) -> None:
    assert (why in unfit(script)) if why else unfit(script) == ""
