"""A message comes out as it went in, or the other side is gone."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.wire import receive, send

CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
SURROGATES = st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=5)
HEADS = st.dictionaries(
    st.sampled_from(["sql", "rows", "text"]),
    st.recursive(CELLS | SURROGATES, lambda inner: st.lists(inner)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(HEADS, st.binary()), max_size=4))
def test_messages_come_out_as_they_went_in(messages: list):
    file = io.BytesIO()
    for head, body in messages:
        send(file, head, body)
    file.seek(0)
    assert [receive(file) for _ in messages] == messages
    with pytest.raises(EOFError):
        receive(file)


@settings(max_examples=40, deadline=None)
@given(HEADS, st.binary(min_size=1), st.data())
def test_a_message_that_breaks_off_is_the_end(head: dict, body: bytes, data: st.DataObject):
    file = io.BytesIO()
    send(file, head, body)
    cut = file.getvalue()[: data.draw(st.integers(0, len(file.getvalue()) - 1))]
    with pytest.raises(EOFError):
        receive(io.BytesIO(cut))
