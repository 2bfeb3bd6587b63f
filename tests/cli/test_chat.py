"""`trajectune chat` as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the user types, line by line; after the last one, Ctrl-D."""

    def say(*lines: str) -> None:
        left = iter(lines)

        def typed(*_: object) -> str:
            try:
                return next(left)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("rich.console.Console.input", typed)

    return say


def test_a_reply_depends_on_what_was_said_before(trajectune: Command, says: Callable[..., None]) -> None:
    ask = ("chat", "tiny", "--max-new-tokens", 8, "--temperature", 1)
    says("Hi", "/new", "Hi", "/quit")
    afresh = trajectune(*ask)
    says("Hi", "Hi")
    on = trajectune(*ask)
    assert afresh.status == on.status == 0
    first, second = afresh.out.split("[cut at the limit]")[:2]
    assert first.removeprefix("tiny: /new starts over, /quit leaves").strip() == second.strip() != ""
    assert on.out != afresh.out


def test_a_conversation_that_does_not_fit_goes_on_after_new(
    trajectune: Command, says: Callable[..., None]
) -> None:
    says("word " * 300, "/new", "Hi")
    ended = trajectune("chat", "tiny", "--max-context", 64, "--max-new-tokens", 4, "--temperature", 1)
    assert ended.status == 0
    assert "does not fit any more: /new starts over." in ended.out
    assert "[cut at the limit]" in ended.out
