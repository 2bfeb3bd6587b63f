"""Outputs are cut at their marks, wherever the pieces of a pipe begin and end."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.operating_system.sandbox.output import KEPT, Outlet, Printed

MARK, DEATH = b"\nabcdef:", b"\nfedcba:"


def read(pieces: list[bytes]) -> list[tuple[str, bytes, int | None]]:
    """What is read of pieces, command after command, until the pipe is closed."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    outlet, found = Outlet(ours), []
    printed = Printed(outlet, MARK, DEATH)
    for piece in [*pieces, None]:
        if piece is None:
            os.close(theirs)
        else:
            os.write(theirs, piece)
        while (event := printed.advance(0)) != "late":
            if event == "closed":
                found.append(("closed", printed.finish(), None))
                break
            if event != "more":
                found.append((event, bytes(printed.data), printed.status))
                printed = Printed(outlet, MARK, DEATH)
    os.close(ours)
    return found


outputs = st.binary(max_size=400).filter(lambda data: b"abcdef" not in data and b"fedcba" not in data)


@given(st.lists(st.tuples(outputs, st.integers(0, 255), st.booleans()), max_size=4), outputs, st.data())
def test_every_byte_is_read_once_however_it_is_cut(
    commands: list[tuple[bytes, int, bool]], rest: bytes, data: st.DataObject
) -> None:
    stream = (
        b"".join(o + (DEATH if dead else MARK) + b"%d\n" % status for o, status, dead in commands) + rest
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
    wanted = [("died" if dead else "ended", output, status) for output, status, dead in commands]
    assert read(pieces) == [*wanted, ("closed", rest, None)]


def test_the_beginning_of_a_large_output_is_kept_and_all_is_counted() -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    printed = Printed(Outlet(ours), MARK, DEATH)
    for number in range(40):
        os.write(theirs, b"%04d" % number * 1000)
        assert printed.advance(0) == "more"
    os.write(theirs, MARK + b"0\n")
    assert printed.advance(0) == "ended"
    assert printed.size == 160_000 + len(MARK) + 2
    assert len(printed.data) == KEPT
    assert bytes(printed.data).startswith(b"0000" * 1000 + b"0001")
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    "tail", [b"\nabcdef:", b"\nabcdef:1", b"\nabcdef:x\n", b"\nabcdef:\n", b"abcdef:0\n"]
)
def test_what_only_looks_like_a_mark_is_output(tail: bytes) -> None:
    assert read([b"x" + tail]) == [("closed", b"x" + tail, None)]
