"""What an import would lose is kept as a difference that gives the original back exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.curate.formats.kept import difference, digest, patched

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 2)
    | st.sampled_from([0.0, 1.0])
    | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


def typed(value: Any) -> Any:
    """The value with its types, as `True == 1 == 1.0`."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return (type(value), value)


@given(VALUES, VALUES)
def test_a_difference_makes_the_new_of_the_old(old: Any, new: Any) -> None:
    patch = difference(old, new)
    assert typed(old if patch is None else patched(old, patch)) == typed(new)


@given(VALUES)
def test_equal_values_differ_in_nothing(value: Any) -> None:
    assert difference(value, value) is None
    assert digest(value) == digest(value)


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 1, "b": None}, {"set": {"b": None}}),
        ({"a": 1, "b": 2}, {"b": 2}, {"drop": ["a"]}),
        ([{"a": 1}, 2], [{"a": 3}, 2], {"items": {"0": {"in": {"a": {"is": 3}}}}}),
        ([1], [1, 2], {"is": [1, 2]}),
        (True, 1, {"is": 1}),
    ],
)
def test_a_difference_is_small(old: Any, new: Any, patch: Any) -> None:
    assert difference(old, new) == patch


def test_a_digest_is_blind_to_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 2, "b": 1})
