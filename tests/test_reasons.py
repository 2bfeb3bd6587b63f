"""The most frequent reasons, with their numbers; alike ones are one."""

from __future__ import annotations

from trajectune.reasons import LONGEST, top_reasons


def test_reasons_that_differ_in_numbers_and_quotes_are_one() -> None:
    said = top_reasons(["cut at 7 of 'a'", "no reply", "cut at 8 of 'b'", "x", "y"], most=2)
    assert said == "2 × cut at 7 of 'a'; 1 × no reply; 2 for other reasons"
    assert top_reasons([]) == ""


def test_a_reason_is_one_harmless_line_of_bounded_length() -> None:
    said = top_reasons(["\x1b[2J\n" + "x" * 10_000])
    assert len(said) < LONGEST + 10
    assert said.startswith("1 × \\x1b[2J xxx")
