"""When two texts count as the same: exactly, but for spaces, but for the form of an answer's values."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.curate.importing.proof import sameness


@pytest.mark.parametrize(
    ("written", "said", "way"),
    [
        ("a b", "a b", "exact"),
        ("a\nb", "a  b ", "spaces"),
        ('So.\nFinal Answer: ["1", "x"]', 'So. Final Answer: [1, "x"]', "values"),
        ('Final Answer: ["é"]', 'Final Answer: ["\\u00e9"]', "values"),
        ('Final Answer: ["1"]', "Final Answer: [2]", None),
        ('Final Answer: ["1"]', "Final Answer: [1, 1]", None),
        ('So. Final Answer: ["1"]', "No. Final Answer: [1]", None),
        ('Final Answer: ["1"]', "Final Answer: 1", None),
        ('Final Answer: ["a"]', "Final Answer: [a]", None),
        ("[1]", '["1"]', None),
        ("a", "b", None),
    ],
)
def test_the_strictest_way(written: str, said: str, way: str | None) -> None:
    assert sameness(written, said) == way


@given(st.text(), st.lists(st.text() | st.integers(), max_size=4))
def test_an_answer_is_the_same_however_its_values_are_written(
    thought: str, values: list[str | int]
) -> None:
    said = f"{thought}\nFinal Answer: {json.dumps(values)}"
    written = f"{thought} Final Answer: {json.dumps([str(value) for value in values], ensure_ascii=False)}"
    assert sameness(written, said) is not None


@given(st.text(), st.text())
def test_words_that_differ_are_never_the_same(one: str, other: str) -> None:
    found = sameness(one, other)
    if one.split() != other.split():
        assert found is None or "Final Answer:" in one
    else:
        assert found == ("exact" if one == other else "spaces")
