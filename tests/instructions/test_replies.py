"""Whatever a model writes is read with patience, and nothing of it can hurt."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.instructions.replies import LONGEST, MOST, mended, objects_in

texts = st.text(max_size=60)
objects = st.dictionaries(
    texts, st.one_of(texts, st.integers(), st.none(), st.lists(texts, max_size=3)), max_size=4
)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('{"a": "b"}', [{"a": "b"}]),
        ('Sure! Here it is:\n```json\n{"a": "b"}\n```\nEnjoy.', [{"a": "b"}]),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('1. {"a": 1}\n2. {"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": "two\nlines\tand a tab"}', [{"a": "two\nlines\tand a tab"}]),
        ('{"a": "b",}', [{"a": "b"}]),
        ('{"a": [1, 2,], }', [{"a": [1, 2]}]),
        (r'{"gold": "grep \"x\" | sed s/\./-/ \$HOME"}', [{"gold": r'grep "x" | sed s/\./-/ \$HOME'}]),
        (r'{"a": "line\nend, \u00e4"}', [{"a": "line\nend, ä"}]),
        ('{"a": "a comma, }", "b": 1,}', [{"a": "a comma, }", "b": 1}]),
        ("no object [1, 2] at all", []),
        ("", []),
        ('{"a": "never ends', []),
    ],
)
def test_what_models_write_is_read(reply: str, found: list[dict[str, object]]) -> None:
    assert objects_in(reply) == found


@given(
    written=st.lists(objects, max_size=4),
    before=st.text("abc \n", max_size=20),
    after=st.text("abc \n.", max_size=20),
)
def test_json_is_read_as_it_was_written(written: list[dict[str, object]], before: str, after: str) -> None:
    whole = f"{before}```json\n{json.dumps(written)}\n```{after}"
    assert objects_in(whole) == json.loads(json.dumps(written).encode("utf-8", "replace"))


@given(value=objects)
def test_mending_changes_nothing_that_is_sound(value: dict[str, object]) -> None:
    assert json.loads(mended(json.dumps(value))) == json.loads(json.dumps(value))


@given(reply=st.one_of(st.text(max_size=300), st.text('{}[]",:\\ \nau01', max_size=300)))
def test_nothing_is_raised_and_everything_can_be_stored(reply: str) -> None:
    found = objects_in(reply)
    assert len(found) <= MOST
    json.dumps(found, allow_nan=False).encode()


@pytest.mark.parametrize("piece", ["[", "{", '"', '\\"', '{"a":', '{"a":"', "\\", ",", '",'])
def test_hostile_replies_take_no_time(piece: str) -> None:
    started = time.process_time()
    assert objects_in(piece * (2 * LONGEST)) == []
    assert time.process_time() - started < 2
