"""Silence is for the length of a block, and is not forgotten when it fails."""

from __future__ import annotations

import logging
import threading

import pytest
from transformers.utils import logging as transformers_logging

from trajectune.models.quiet import quiet

HUB = logging.getLogger("huggingface_hub")


def state() -> tuple[bool, int]:
    return bool(transformers_logging.is_progress_bar_enabled()), HUB.level


@pytest.mark.parametrize("shown", [True, False])
def test_what_was_before_is_again_behind_it(monkeypatch: pytest.MonkeyPatch, shown: bool) -> None:
    monkeypatch.setattr(HUB, "level", logging.WARNING)
    switch = (
        transformers_logging.enable_progress_bar if shown else transformers_logging.disable_progress_bar
    )
    switch()
    try:
        before = state()
        with quiet(), quiet():
            assert state() == (False, logging.ERROR)
        assert state() == before == (shown, logging.WARNING)
        with pytest.raises(KeyError), quiet():
            raise KeyError
        assert state() == before
    finally:
        transformers_logging.enable_progress_bar()


def test_threads_take_turns() -> None:
    before = state()
    inside: list[str] = []
    first = threading.Event()

    def other() -> None:
        first.wait(5)
        with quiet():
            inside.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    with quiet():
        first.set()
        thread.join(0.1)
        inside.append("mine")
    thread.join(5)
    # Were they not one at a time, the second would take the first one's silence for what was before.
    assert inside == ["mine", "other"]
    assert state() == before
