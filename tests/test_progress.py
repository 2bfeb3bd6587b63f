"""What is announced reaches whoever listens, and nobody else."""

from __future__ import annotations

import pytest

from trajectune.progress import Progress, announce, listening, told


def test_what_is_announced_is_told_to_the_innermost_listener() -> None:
    outer, inner = list[Progress](), list[Progress]()
    announce(Progress("before", 1, 2))
    with listening(outer.append):
        announce(Progress("a", 0, 1))
        with listening(inner.append):
            assert list(told("xy", "b", 2, announce)) == ["x", "y"]
        announce(Progress("a", 1, 1))
    announce(Progress("after", 1, 2))
    assert outer == [Progress("a", 0, 1), Progress("a", 1, 1)]
    assert inner == [Progress("b", 0, 2), Progress("b", 1, 2), Progress("b", 2, 2)]


def test_a_listener_is_gone_when_its_block_fails() -> None:
    heard: list[Progress] = []
    with pytest.raises(ZeroDivisionError), listening(heard.append):
        raise ZeroDivisionError
    announce(Progress("after", 1, 2))
    assert heard == []
