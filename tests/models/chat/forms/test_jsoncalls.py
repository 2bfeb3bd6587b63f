"""JSON in the middle of a text: every part is found where it stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.models.chat.forms.jsoncalls import SoughtKeys, elements, load, members, read_call

TEXT = st.text(max_size=4) | st.sampled_from(['"', "\\", "{", "}", ",", ":", "]", " ", "\n"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
LAYOUTS = st.sampled_from(
    [
        {},
        {"separators": (",", ":")},
        {"indent": 2},
        {"separators": (" ,\n", "\t: ")},
        {"ensure_ascii": False},
    ]
)
ARGUMENTS = SoughtKeys("arguments")


@given(before=TEXT, value=st.dictionaries(TEXT, VALUES, max_size=4), layout=LAYOUTS, behind=TEXT)
def test_members_stand_where_they_are_said_to(
    before: str, value: dict[str, Any], layout: dict[str, Any], behind: str
) -> None:
    text = before + json.dumps(value, **layout) + behind
    found = {key: json.loads(text[start:end]) for key, start, end in members(text, len(before))}
    assert list(found.items()) == list(value.items())


@given(before=TEXT, value=st.lists(VALUES, max_size=4), layout=LAYOUTS, behind=TEXT)
def test_elements_stand_where_they_are_said_to(
    before: str, value: list[Any], layout: dict[str, Any], behind: str
) -> None:
    text = before + json.dumps(value, **layout) + behind
    found = elements(text, len(before))
    assert found is not None
    assert text[found.end :] == behind
    assert [json.JSONDecoder().raw_decode(text, start)[0] for start in found.starts] == value


@given(arguments=st.dictionaries(TEXT, VALUES, max_size=3), layout=LAYOUTS, first=st.booleans())
def test_the_places_of_a_call_hold_its_name_and_values(
    arguments: dict[str, Any], layout: dict[str, Any], first: bool
) -> None:
    fields = {"name": "put", "arguments": arguments} if first else {"arguments": arguments, "name": "put"}
    text = "> " + json.dumps(fields, **layout) + " <"
    found = read_call(text, 2, ARGUMENTS)
    assert found is not None
    assert (text[slice(*found.name)], text[found.end :]) == ("put", " <")
    for place, value in zip(found.values, arguments.values(), strict=True):
        shown = text[slice(*place)]
        assert json.loads(f'"{shown}"' if isinstance(value, str) else shown) == value


def test_a_key_that_stands_twice_counts_as_json_counts_it() -> None:
    text = '{"name": "a", "name": "b", "arguments": {"x": 1}, "arguments": {"x": 2, "x": 3}}'
    found = read_call(text, 0, ARGUMENTS)
    assert found is not None
    assert (found.call.name, found.call.arguments) == ("b", {"x": 3})
    assert [text[slice(*place)] for place in (found.name, *found.values)] == ["b", "2", "3"]


@pytest.mark.parametrize(
    ("keys", "text", "arguments"),
    [
        (SoughtKeys("arguments"), '{"name": "f"}', {}),
        (SoughtKeys("parameters", "arguments", required=True), '{"name": "f"}', None),
        (SoughtKeys("parameters", "arguments"), '{"name": "f", "arguments": {"x": 1}}', {"x": 1}),
        (SoughtKeys("parameters", "arguments"), '{"name": "f", "arguments": 1, "parameters": {}}', {}),
        (SoughtKeys("arguments"), '{"name": "f", "arguments": null}', None),
        (SoughtKeys("arguments"), '{"name": "f", "arguments": []}', None),
        (SoughtKeys("arguments"), '["name"]', None),
    ],
)
def test_where_the_arguments_are_sought(
    keys: SoughtKeys, text: str, arguments: dict[str, Any] | None
) -> None:
    found = read_call(text, 0, keys)
    assert (None if found is None else found.call.arguments) == arguments


@pytest.mark.parametrize(
    "text",
    ["", "{", "1 2", "NaN", "-Infinity", "1e400", '"\\udc00"', "[" * 50_000, "'a'", "1" * 10_000, "{} x"],
)
def test_what_is_not_wholly_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        load(text)


@given(st.text('[]{}",:1a \\', max_size=12), st.integers(0, 3))
def test_nothing_that_is_written_makes_it_fail(text: str, start: int) -> None:
    found = read_call(text, start, ARGUMENTS)
    assert found is None or text[start] == "{"
    listed = elements(text, start)
    assert listed is None or text[start] == "["
