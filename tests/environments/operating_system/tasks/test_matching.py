"""The named checks, on answers as agents give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.operating_system.tasks.matching import CHECKS, LONGEST, passes

CASES = [
    ("integer-match", "5", "5\n", True),
    ("integer-match", " +05 ", "5", True),
    ("integer-match", "5.0", "5", False),
    ("integer-match", "five", "5", False),
    ("integer-match", "", "5", False),
    ("integer-match", "5 files", "5", False),
    ("integer-match", "9" * 5_000, "9", False),
    ("integer-match", "٥", "5", False),
    ("string-match", " a\r\nb ", "a\nb", True),
    ("string-match", "A", "a", False),
    ("string-match", "", "", True),
    ("containing", "the answer is ok.", "ok", True),
    ("containing", "ok", "the answer is ok", False),
    ("in", "ok", "it is ok", True),
    ("in", "not ok", "ok", False),
    ("size-match", "2K", "2048", True),
    ("size-match", "2048 bytes", "2 KB", True),
    ("size-match", "4.0K", "4.0K", True),
    ("size-match", "4.0K", "4K", True),
    ("size-match", "1.5M", "1536K", True),
    ("size-match", "4.1K", "4.0K", False),
    ("size-match", "big", "big", False),
    ("size-match", "1B", "1 Byte", True),
    ("size-match", "1GiB", "1024M", True),
    ("match", " ok\n", "ok", True),
    ("match", "OK", "ok", False),
    ("regex", "it took 35 s", r"\b35\b", True),
    ("regex", "350", r"\b35\b", False),
]


@pytest.mark.parametrize(("check", "answer", "gold", "wanted"), CASES)
def test_checks(check: str, answer: str, gold: str, wanted: bool) -> None:
    assert passes(check, answer, gold) is wanted


@given(st.sampled_from([name for name in CHECKS if name != "regex"]), st.text(), st.text())
def test_no_answer_breaks_a_check(check: str, answer: str, gold: str) -> None:
    assert passes(check, answer, gold) in (True, False)


@given(st.sampled_from(["string-match", "containing", "in", "match"]), st.text())
def test_texts_match_themselves(check: str, text: str) -> None:
    assert passes(check, text, text)


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_integers_match_by_value(one: int, two: int) -> None:
    assert passes("integer-match", f" {one}\n", str(two)) is (one == two)


def test_a_giant_answer_is_wrong() -> None:
    assert not passes("containing", "x" * LONGEST + "ok", "ok")
